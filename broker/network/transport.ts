/**
 * The network as the broker needs it: a listener gives connections, a connection gives and takes bytes. The real one is
 * node-transport.ts (TCP); a simulation connects clients in memory. Nothing above this interface knows a socket.
 */

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Something sent piece by piece: memory, or a region of a file that is read in chunks while it is sent. */
export type OutboundChunk = Uint8Array | OutboundRegion;

export interface OutboundRegion {
  readonly byteLength: number;
  /** Reads up to `length` bytes at `start` (relative to the region) into `target`; returns the count. */
  readSync(target: Uint8Array, targetStart: number, length: number, start: number): number;
  /** Called once, when everything is sent or nothing more will be. */
  release(): void;
}

export interface TransportConnection {
  readonly remote: Endpoint;
  /** The address the client connected to: what Metadata advertises by default. */
  readonly local: Endpoint;
  /**
   * Queues the chunks in order. Returns false when the peer is slow and more than the high-water mark is waiting;
   * `onDrain` tells when to go on.
   */
  send(chunks: readonly OutboundChunk[]): boolean;
  /** Stops and resumes reading (back-pressure). */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. Idempotent. */
  destroy(): void;
}

export interface ConnectionEvents {
  /** `bytes` is valid only until the call returns: it is the transport's one shared read buffer. */
  onBytes(bytes: Buffer): void;
  onDrain(): void;
  /** Once, however it ended. `byUs` is true when this side closed first. */
  onClose(byUs: boolean, error: Error | null): void;
}

export interface Listener {
  readonly local: Endpoint;
  /** Stops accepting; connections stay. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Gives the events for a connection, or null to close it at once. */
  accept(connection: TransportConnection): ConnectionEvents | null;
}

export interface Transport {
  /** Rejects with a `ListenError` whose code is EADDRINUSE, EADDRNOTAVAIL, EACCES or other. */
  listen(options: ListenOptions): Promise<Listener>;
}

export class ListenError extends Error {
  readonly code: string;

  constructor(code: string, endpoint: Endpoint, cause?: unknown) {
    super(`cannot listen on ${endpoint.host}:${endpoint.port}: ${code}`, { cause });
    this.name = 'ListenError';
    this.code = code;
  }
}
