/**
 * The port for all of HTTP: opened last, when Kafka's listeners serve already. Plain lookups
 * are answered here (plain-gets.ts). Fastify, which takes longer to load than a broker to start, is loaded with the first other request;
 * whoever asks for nothing pays nothing.
 */
import type { Clock } from '../../storage/environment/clock.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { ServedLookups } from '../lookup/lookup.ts';
import { hostAndPort, isLoopback, isWildcard } from '../network/hosts.ts';
import { ListenError } from '../network/transport.ts';
import { LimitedLog } from '../observe/limited-log.ts';
import type { Logger } from '../observe/logger.ts';
import { StartError } from '../start-error.ts';
import { ChangeStreams } from './change-streams.ts';
import { guardOf } from './guard.ts';
import type { HttpApp } from './http-app.ts';
import type { EarlyRefusal, HttpListener, HttpTransport, RawRequest, RawResponse } from './http-transport.ts';
import { PlainGets } from './plain-gets.ts';
import { type Problem, problemText, problemType, statusOf } from './problems.ts';
import type { TestActions } from './service.ts';

export interface HttpPortOptions {
  readonly transport: HttpTransport;
  readonly settings: BrokerSettings;
  /** Somebody chose this port: that it is taken is an error then. */
  readonly portIsChosen: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly lookups: ServedLookups;
  messageBytesMax(topic: string): number | null;
  isOffline(): boolean;
  readonly test: TestActions | null;
}

export class HttpPort {
  readonly #streams: ChangeStreams;
  readonly #plainGets: PlainGets;
  readonly #loadApp: () => Promise<HttpApp>;
  readonly #logger: Logger;
  #listener!: HttpListener;
  #app: HttpApp | null = null;
  #loading: Promise<HttpApp> | null = null;

  private constructor(options: HttpPortOptions) {
    const { settings, logger, clock } = options;
    this.#logger = logger;
    this.#streams = new ChangeStreams(clock, logger, settings['kompakt.http.change.streams.max']);
    const guard = guardOf(settings);
    this.#plainGets = new PlainGets(options.lookups, guard);
    this.#loadApp = async () => {
      const { createHttpApp } = await import('./http-app.ts');
      return createHttpApp({ ...options, streams: this.#streams }, guard);
    };
  }

  /** Null, with one warning, when the port that nobody chose is taken. Throws a StartError when one that was chosen is. */
  static async open(options: HttpPortOptions): Promise<HttpPort | null> {
    const { settings, transport, portIsChosen, logger, clock } = options;
    const [host, port] = [settings['kompakt.http.host'], settings['kompakt.http.port']];
    const opened = new HttpPort(options);
    const log = new LimitedLog(logger, clock);
    const connectionsMax = settings['kompakt.http.connections.max'];
    try {
      opened.#listener = await transport.listen({
        host,
        port,
        connectionsMax,
        request: (request, response) => opened.#serve(request, response),
        refusal: earlyRefusal,
        dropped: () =>
          log.warn('connections', `more than ${connectionsMax} connections: new ones are closed`),
      });
      if (!isLoopback(host)) {
        const what = 'whoever can read the network reads the token and the values, for there is no TLS';
        logger.warn(`HTTP on ${opened.url} can be reached from elsewhere: ${what}`);
      }
      return opened;
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      const isTaken = error.code === 'EADDRINUSE';
      if (isTaken && !portIsChosen) {
        logger.warn(
          `${error.where} is in use by another program: there is no HTTP (--http-port chooses a port)`,
        );
        return null;
      }
      const why = isTaken ? 'is in use by another program' : `cannot be had: ${error.code}`;
      throw new StartError(`${error.where}, for HTTP, ${why}`, { cause: error });
    }
  }

  get url(): string {
    const { host, port } = this.#listener.local;
    return `http://${hostAndPort(isWildcard(host) ? 'localhost' : host, port)}`;
  }

  get changeStreamCount(): number {
    return this.#streams.count;
  }

  /** Change streams are told; everything else ends where it is. */
  async close(): Promise<void> {
    this.#streams.stop();
    await this.#listener.close();
  }

  #serve(request: RawRequest, response: RawResponse): void {
    if (this.#plainGets.answer(request, response)) return;
    if (this.#app !== null) return this.#app.request(request, response);
    this.#loading ??= this.#loadApp().then((app) => {
      this.#app = app;
      return app;
    });
    this.#loading.then(
      (app) => app.request(request, response),
      (error) => {
        this.#logger.error('HTTP cannot be served', { error });
        response.writeHead(500).end();
      },
    );
  }
}

const earlyProblems: Readonly<Record<EarlyRefusal, Problem>> = {
  'bad-request': { kind: 'bad-request', detail: 'this is not HTTP/1.1' },
  'header-too-large': {
    kind: 'header-too-large',
    detail: 'the header may have 32 KiB; longer keys go into a batch (POST /topics/{topic}/keys:batch)',
  },
  'too-slow': { kind: 'too-slow', detail: 'the request did not come in time' },
};

function earlyRefusal(kind: EarlyRefusal): string {
  const problem = earlyProblems[kind];
  const body = problemText(problem);
  return [
    `HTTP/1.1 ${statusOf(problem)} Refused`,
    'Connection: close',
    `Content-Type: ${problemType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    '',
    body,
  ].join('\r\n');
}
