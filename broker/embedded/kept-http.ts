/**
 * The same for HTTP as kept-ports.ts for Kafka's protocol: from `hold` to `settle` the port stays bound, connections end with the broker
 * that they were made to, and requests that come meanwhile wait for the next one.
 */
import type {
  HttpListener,
  HttpListenOptions,
  HttpTransport,
  RawRequest,
  RawResponse,
} from '../http/http-transport.ts';

export class KeptHttp implements HttpTransport {
  readonly #transport: HttpTransport;
  #listener: HttpListener | null = null;
  #broker: HttpListenOptions | null = null;
  /** No more of them than there are connections. */
  readonly #waiting = new Set<{ readonly request: RawRequest; readonly response: RawResponse }>();
  #isHolding = false;

  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /** One broker listens once, and the next one on the same address. */
  async listen(options: HttpListenOptions): Promise<HttpListener> {
    this.#listener ??= await this.#transport.listen({
      ...options,
      request: (request, response) => this.#serve(request, response),
      dropped: () => this.#broker?.dropped(),
    });
    this.#broker = options;
    const { local } = this.#listener;
    for (const { request, response } of this.#waiting)
      if (!response.destroyed) options.request(request, response);
    this.#waiting.clear();
    return {
      local,
      dropConnections: () => this.#listener?.dropConnections(),
      close: () => this.#left(options),
    };
  }

  hold(): void {
    this.#isHolding = true;
  }

  async settle(): Promise<void> {
    this.#isHolding = false;
    if (this.#broker === null) await this.#close();
  }

  #serve(request: RawRequest, response: RawResponse): void {
    if (this.#broker !== null) this.#broker.request(request, response);
    else this.#waiting.add({ request, response });
  }

  async #left(broker: HttpListenOptions): Promise<void> {
    if (this.#broker !== broker) return;
    this.#broker = null;
    if (this.#isHolding) this.#listener?.dropConnections();
    else await this.#close();
  }

  async #close(): Promise<void> {
    this.#waiting.clear();
    const listener = this.#listener;
    this.#listener = null;
    await listener?.close();
  }
}
