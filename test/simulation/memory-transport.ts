/**
 * A network in memory: listeners, connections and clients without a socket. Bytes and closings arrive in a later turn
 * (`defer`, usually the virtual clock's), in the order they were sent. A client that is paused takes nothing, so the broker's
 * answers pile up as they do in front of a slow reader.
 */
import { OutboundQueue, releaseRegions } from '../../broker/network/outbound-queue.ts';
import {
  type ConnectionEvents,
  type Endpoint,
  ListenError,
  type Listener,
  type ListenOptions,
  type OutboundChunk,
  type Transport,
  type TransportConnection,
} from '../../broker/network/transport.ts';

type Defer = (callback: () => void) => void;

export class MemoryTransport implements Transport {
  readonly listenLocal = null;
  readonly #defer: Defer;
  readonly #listening = new Map<string, ListenOptions['accept']>();
  #lastPort = 40_000;

  constructor(defer: Defer) {
    this.#defer = defer;
  }

  async listen({ host, port, accept }: ListenOptions): Promise<Listener> {
    const local = { host, port: port === 0 ? ++this.#lastPort : port };
    const key = `${host} ${local.port}`;
    if (this.#listening.has(key)) throw new ListenError('EADDRINUSE', `${host}:${port}`);
    this.#listening.set(key, accept);
    return {
      local,
      close: async () => {
        this.#listening.delete(key);
      },
    };
  }

  /** A client on this endpoint; throws when nobody listens. */
  connect(endpoint: Endpoint, from: Endpoint = { host: '127.0.0.1', port: ++this.#lastPort }): MemoryClient {
    const accept = this.#listening.get(`${endpoint.host} ${endpoint.port}`);
    if (accept === undefined) throw new Error(`nobody listens on ${endpoint.host}:${endpoint.port}`);
    const client = new MemoryClient(this.#defer);
    client.server.open(from, endpoint, accept);
    return client;
  }
}

/** The client's end. What it receives is collected in `received`. */
export class MemoryClient {
  readonly server: MemoryConnection;
  #received: Buffer[] = [];
  #isPaused = false;
  #closed = false;
  onBytes: (() => void) | null = null;
  onClose: (() => void) | null = null;

  constructor(defer: Defer) {
    this.server = new MemoryConnection(this, defer);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get received(): Buffer {
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    return all;
  }

  /** Takes what has been received so far. */
  take(): Buffer {
    const all = this.received;
    this.#received = [];
    return all;
  }

  send(bytes: Uint8Array): void {
    if (!this.#closed) this.server.arrive(Buffer.from(bytes));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.server.clientTakes();
  }

  close(): void {
    this.closedByServer();
    this.server.closedByClient();
  }

  deliver(bytes: Buffer): void {
    this.#received.push(bytes);
    this.onBytes?.();
  }

  closedByServer(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose?.();
  }
}

class MemoryConnection implements TransportConnection {
  remote: Endpoint = { host: '', port: 0 };
  local: Endpoint = { host: '', port: 0 };
  readonly #client: MemoryClient;
  readonly #defer: Defer;
  readonly #queue: OutboundQueue;
  #events: ConnectionEvents | null = null;
  #inbound: Buffer[] = [];
  #outbound: { bytes: Buffer; written: (() => void) | null }[] = [];
  #outboundBytes = 0;
  #isPaused = false;
  #isEnding = false;
  #isDestroyed = false;
  #owesDrain = false;

  constructor(client: MemoryClient, defer: Defer) {
    this.#client = client;
    this.#defer = defer;
    this.#queue = new OutboundQueue({
      write: (bytes, written) => {
        // A copy, as a kernel makes one: the piece may be used again once `written` is called.
        this.#outbound.push({ bytes: Buffer.from(bytes), written });
        this.#outboundBytes += bytes.byteLength;
        this.#defer(() => this.clientTakes());
      },
      waitingBytes: () => this.#outboundBytes,
      fail: () => this.destroy(),
    });
  }

  open(remote: Endpoint, local: Endpoint, accept: ListenOptions['accept']): void {
    this.remote = remote;
    this.local = local;
    this.#events = accept(this);
    if (this.#events === null) this.destroy();
  }

  arrive(bytes: Buffer): void {
    this.#inbound.push(bytes);
    this.#defer(() => this.#read());
  }

  clientTakes(): void {
    if (this.#client.isPaused) return;
    for (const { bytes, written } of this.#outbound.splice(0)) {
      this.#outboundBytes -= bytes.length;
      if (!this.#isDestroyed) this.#client.deliver(bytes);
      written?.();
    }
    if (this.#outbound.length > 0 || !this.#queue.isEmpty) return;
    if (this.#isEnding) {
      this.destroy();
    } else if (this.#owesDrain) {
      this.#owesDrain = false;
      this.#events?.drained();
    }
  }

  closedByClient(): void {
    this.#close(false);
  }

  send(chunks: readonly OutboundChunk[]): boolean {
    if (this.#isDestroyed || this.#isEnding) {
      releaseRegions(chunks);
      return false;
    }
    const isRoomLeft = this.#queue.send(chunks);
    if (!isRoomLeft) this.#owesDrain = true;
    return isRoomLeft;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#defer(() => this.#read());
  }

  end(): void {
    this.#isEnding = true;
    this.#defer(() => this.clientTakes());
  }

  destroy(): void {
    this.#close(true);
  }

  #read(): void {
    while (!this.#isPaused && !this.#isDestroyed && this.#inbound.length > 0) {
      const bytes = this.#inbound.shift()!;
      const into = this.#events?.readInto() ?? null;
      if (into === null) {
        this.#events?.received(bytes);
        // As a shared buffer that the next read overwrites.
        bytes.fill(0xee);
      } else {
        const count = Math.min(into.length, bytes.length);
        into.set(bytes.subarray(0, count));
        if (count < bytes.length) this.#inbound.unshift(bytes.subarray(count));
        this.#events?.received(Buffer.from(into.buffer, into.byteOffset, count));
      }
    }
  }

  #close(byUs: boolean): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#queue.destroy();
    this.#defer(() => {
      for (const { written } of this.#outbound.splice(0)) written?.();
      this.#client.closedByServer();
      this.#events?.closed(byUs, null);
    });
  }
}
