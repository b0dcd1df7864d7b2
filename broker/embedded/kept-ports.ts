/**
 * Ports that outlive the broker behind them: from `hold` to `settle` one broker goes and the next one comes, and the sockets that
 * accept stay bound all the while. Nobody is refused, and no other program can take a port.
 *
 *     listens ──▶ closed for good when its broker closes it
 *        │ hold
 *        ▼
 *     held ──▶ its broker closes it: bound to nobody; connections wait, unread
 *        │                │
 *        │                └──▶ the next broker asks for the same address: they are its own
 *        ▼ settle
 *     listens, or closed where nobody asked again
 *
 * Several listeners may have asked for "any free port" of one host: they come in the same order each time, so the first one that nobody
 * has is the right one.
 */
import { waitingConnectionsMax } from '../network/limits.ts';
import type {
  ConnectionEvents,
  Endpoint,
  Listener,
  ListenOptions,
  Transport,
  TransportConnection,
} from '../network/transport.ts';

type Accept = ListenOptions['accept'];

export class KeptPorts implements Transport {
  readonly #transport: Transport;
  readonly #ports = new Set<KeptPort>();
  #isHolding = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get listenLocal(): Transport['listenLocal'] {
    return this.#transport.listenLocal;
  }

  async listen(options: ListenOptions): Promise<Listener> {
    const asked = `${options.host} ${options.port}`;
    for (const port of this.#ports)
      if (port.asked === asked && port.isFree) return port.attach(options.accept);
    const port: KeptPort = new KeptPort(asked, () => this.#close(port));
    const listener = await this.#transport.listen({ ...options, accept: port.accept });
    port.bind(listener);
    this.#ports.add(port);
    return port.attach(options.accept);
  }

  /** From here on a listener that is closed stays bound. */
  hold(): void {
    this.#isHolding = true;
  }

  /** What nobody has asked for again is closed. */
  async settle(): Promise<void> {
    this.#isHolding = false;
    await Promise.all([...this.#ports].filter(({ isFree }) => isFree).map((port) => this.#close(port)));
  }

  async #close(port: KeptPort): Promise<void> {
    if (this.#isHolding) return;
    this.#ports.delete(port);
    await port.close();
  }
}

class KeptPort {
  readonly asked: string;
  readonly #left: () => Promise<void>;
  readonly #arrivals = new Set<Arrival>();
  #listener!: Listener;
  #accept: Accept | null = null;

  constructor(asked: string, left: () => Promise<void>) {
    this.asked = asked;
    this.#left = left;
  }

  /** No broker has it. */
  get isFree(): boolean {
    return this.#accept === null;
  }

  readonly accept: Accept = (connection) => {
    if (this.#accept !== null) return this.#accept(connection);
    if (this.#arrivals.size >= waitingConnectionsMax) return null;
    const arrival = new Arrival(connection, () => this.#arrivals.delete(arrival));
    this.#arrivals.add(arrival);
    return arrival;
  };

  bind(listener: Listener): void {
    this.#listener = listener;
  }

  attach(accept: Accept): Listener {
    this.#accept = accept;
    for (const arrival of this.#arrivals) arrival.enter(accept);
    this.#arrivals.clear();
    const local: Endpoint = this.#listener.local;
    const close = async (): Promise<void> => {
      // A listener is closed once; by then the port may be another's.
      if (this.#accept !== accept) return;
      this.#accept = null;
      await this.#left();
    };
    return { local, close };
  }

  async close(): Promise<void> {
    for (const arrival of this.#arrivals) arrival.transport.destroy();
    this.#arrivals.clear();
    await this.#listener.close();
  }
}

/** A connection that came between two brokers: unread until the second one takes it. */
class Arrival implements ConnectionEvents {
  readonly transport: TransportConnection;
  readonly #gone: () => void;
  #events: ConnectionEvents | null = null;

  constructor(transport: TransportConnection, gone: () => void) {
    this.transport = transport;
    this.#gone = gone;
    transport.pause();
  }

  enter(accept: Accept): void {
    // Before it is asked: it may want the connection to go on waiting.
    this.transport.resume();
    this.#events = accept(this.transport);
    if (this.#events === null) this.transport.destroy();
  }

  readInto(): Uint8Array | null {
    return this.#events?.readInto() ?? null;
  }

  received(bytes: Buffer): void {
    this.#events?.received(bytes);
  }

  drained(): void {
    this.#events?.drained();
  }

  closed(byUs: boolean, error: Error | null): void {
    this.#gone();
    this.#events?.closed(byUs, error);
  }
}
