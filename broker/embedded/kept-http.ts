/**
 * The same for HTTP as kept-ports.ts for Kafka's protocol: from `hold` to `settle` the port stays bound, requests end with the broker
 * that they were made to, and those that come meanwhile wait for the next one. Connections stay: one on which nothing is asked may
 * bring the next request at any moment. Requests of tests outlive a broker, for they may be what ends it, or wait for something in it.
 */
import type {
  HttpListener,
  HttpListenOptions,
  HttpTransport,
  RawRequest,
  RawResponse,
  Socket,
} from '../http/http-transport.ts';

export class KeptHttp implements HttpTransport {
  readonly #transport: HttpTransport;
  #listener: HttpListener | null = null;
  #broker: HttpListenOptions | null = null;
  /** No more of them than there are connections, as of the two below. */
  readonly #waiting = new Set<{ readonly request: RawRequest; readonly response: RawResponse }>();
  /** On which something is asked that ends with its broker, and on which something that does not. */
  readonly #bound = new Set<Socket>();
  readonly #spared = new Set<Socket>();
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
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { request, response } of waiting) if (!response.destroyed) this.#serve(request, response);
    return { local, close: () => this.#left(options) };
  }

  hold(): void {
    this.#isHolding = true;
  }

  async settle(): Promise<void> {
    this.#isHolding = false;
    if (this.#broker === null) await this.#close();
  }

  #serve(request: RawRequest, response: RawResponse): void {
    if (this.#broker === null) {
      this.#waiting.add({ request, response });
      return;
    }
    const { socket } = request;
    const among = request.url?.startsWith('/test/') ? this.#spared : this.#bound;
    among.add(socket);
    response.once('close', () => {
      among.delete(socket);
      if (this.#listener === null) socket.destroySoon();
    });
    this.#broker.request(request, response);
  }

  async #left(broker: HttpListenOptions): Promise<void> {
    if (this.#broker !== broker) return;
    this.#broker = null;
    if (!this.#isHolding) return this.#close();
    for (const socket of this.#bound) socket.destroy();
  }

  async #close(): Promise<void> {
    this.#waiting.clear();
    const listener = this.#listener;
    this.#listener = null;
    const closed = listener?.close(this.#spared);
    // An answer may be about this very end.
    if (this.#spared.size === 0) await closed;
  }
}
