/**
 * The real HTTP: Node's. The only file of the broker that imports node:http. What a connection may cost before it is a request, and
 * how long it may take for that, is said here.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { hostAndPort, plainHost } from '../network/hosts.ts';
import { ListenError } from '../network/transport.ts';
import type { EarlyRefusal, HttpListener, HttpListenOptions, HttpTransport } from './http-transport.ts';

/** A key of 4,000 bytes is 12,000 characters in a URL when each of them is percent-encoded. */
const headerBytesMax = 32 * 1024;

export interface HttpTimes {
  /** From the first byte to the last of the header, and of the body. */
  readonly headerMsMax: number;
  readonly requestMsMax: number;
  /** Of a connection on which nobody asks anything. */
  readonly idleMsMax: number;
  /** How often that is looked at. */
  readonly checkMs: number;
}

const usualTimes: HttpTimes = {
  headerMsMax: 10_000,
  requestMsMax: 60_000,
  idleMsMax: 60_000,
  checkMs: 2_000,
};

export function nodeHttp(times: HttpTimes = usualTimes): HttpTransport {
  return {
    async listen(options: HttpListenOptions): Promise<HttpListener> {
      const { host, port } = options;
      const server = newServer(options, times);
      const sockets = socketsOf(server);
      await listening(server, host, port);
      const bound = server.address() as AddressInfo;
      return {
        local: { host: plainHost(bound.address), port: bound.port },
        close: (spared = none) => {
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          dropAll(sockets, spared);
          return closed;
        },
      };
    },
  };
}

function newServer(
  { connectionsMax, request, refusal, dropped }: HttpListenOptions,
  times: HttpTimes,
): Server {
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: times.headerMsMax,
      requestTimeout: times.requestMsMax,
      keepAliveTimeout: times.idleMsMax,
      connectionsCheckingInterval: times.checkMs,
      noDelay: true,
    },
    request,
  );
  // As many lines as the bytes allow: beyond a count Node 20 leaves lines out in silence, and later ones refuse.
  server.maxHeadersCount = 0;
  server.maxConnections = connectionsMax;
  server.on('drop', dropped);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Half of an answer may be out already, and a second one behind it would be read as part of it.
    if (!socket.writable || socket.bytesWritten > 0 || error.code === 'ECONNRESET') socket.destroy();
    else socket.end(refusal(refusals[error.code ?? ''] ?? 'bad-request'), () => socket.destroy());
  });
  return server;
}

const refusals: Readonly<Record<string, EarlyRefusal>> = {
  HPE_HEADER_OVERFLOW: 'header-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'too-slow',
};

/** exclusive: a broker inside a cluster worker has its own port, as anywhere else. */
function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ListenError(error.code ?? 'EOTHER', hostAndPort(host, port), error)),
    );
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      // Too many open files while accepting: the connection is lost, the broker is not.
      server.on('error', () => {});
      resolve();
    });
  });
}

const none: ReadonlySet<Socket> = new Set();

/** Its open connections, whatever is asked on them. */
function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

function dropAll(sockets: ReadonlySet<Socket>, spared: ReadonlySet<Socket>): void {
  for (const socket of sockets) if (!spared.has(socket)) socket.destroy();
}
