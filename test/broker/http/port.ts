/** The HTTP port on real sockets, over a store in memory; requests as bytes. */
import { connect, type Socket } from 'node:net';
import { type BrokerSettings, defaultBrokerSettings } from '../../../broker/config/settings.ts';
import { HttpPort } from '../../../broker/http/http-port.ts';
import type { HttpListenOptions } from '../../../broker/http/http-transport.ts';
import { type HttpTimes, nodeHttp } from '../../../broker/http/node-http.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { keepingLogger } from '../network/frames.ts';
import { FakeLookups } from './fake-lookups.ts';

export interface TestPortOptions {
  readonly settings?: Partial<BrokerSettings>;
  readonly times?: HttpTimes;
  /** Stands between the sockets and the port. */
  readonly around?: (request: HttpListenOptions['request']) => HttpListenOptions['request'];
  readonly lookups?: FakeLookups;
  /** Whether somebody chose the port; left out: if it is given. */
  readonly isChosen?: boolean;
}

export type TestPort = Awaited<ReturnType<typeof openPort>>;

export async function openPort({
  settings = {},
  times,
  around = (request) => request,
  lookups = new FakeLookups(),
  isChosen,
}: TestPortOptions = {}) {
  const clock = new VirtualClock();
  const logger = keepingLogger();
  const { lines } = logger;
  const port = await HttpPort.open({
    transport: {
      listen: (options) => nodeHttp(times).listen({ ...options, request: around(options.request) }),
    },
    settings: { ...defaultBrokerSettings(), 'kompakt.http.port': 0, ...settings },
    portIsChosen: isChosen ?? settings['kompakt.http.port'] !== undefined,
    clock,
    logger,
    version: '1.2.3',
    lookups,
    messageBytesMax: () => 1_000,
    isOffline: () => false,
    test: null,
  });
  const url = port?.url ?? '';
  return { port, url, number: port === null ? 0 : Number(new URL(url).port), clock, lookups, lines };
}

export interface RawConnection {
  readonly socket: Socket;
  /** All that has come. */
  readonly received: () => string;
  /** Resolves when what has come matches, and fails when the connection closes before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with all that came, when the other side has closed. */
  readonly closed: Promise<string>;
}

/** A connection on which bytes are written as they are. */
export function rawConnection(port: number, ...written: (string | Buffer)[]): RawConnection {
  const socket = connect({ host: '127.0.0.1', port });
  let text = '';
  const watchers = new Set<() => void>();
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    for (const watcher of watchers) watcher();
  });
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(text));
  });
  for (const bytes of written) socket.write(bytes);
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text);
        if (match === null) return;
        watchers.delete(look);
        resolve(match);
      };
      watchers.add(look);
      closed.then(() => reject(new Error(`closed without ${pattern}: ${text.slice(0, 500)}`)));
      look();
    });
  return { socket, received: () => text, until, closed };
}

/** One request, and all of the answer. */
export function ask(port: number, head: string, body: string | Buffer = ''): Promise<string> {
  return rawConnection(port, `${head.trim().replaceAll('\n', '\r\n')}\r\nConnection: close\r\n\r\n`, body)
    .closed;
}
