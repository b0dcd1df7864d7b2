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
  /** The same on the thread pool, for what has to come from a disk; what is in memory anyway has none. */
  read?(target: Uint8Array, targetStart: number, length: number, start: number): Promise<number>;
  /** A read of it had to wait for the disk: whoever looks for the next region should know. */
  wasSlow?(): void;
  /** The way into memory that several connections send from; what is in memory anyway has none. */
  readonly shared?: SharedBytes;
  /** Called once, when everything is sent or nothing more will be. */
  release(): void;
}

/** Reads up to `length` bytes at `start` (relative to a region; what lies in front of it is below 0) into `target`; gives the count. */
export type ReadInto = (target: Uint8Array, targetStart: number, length: number, start: number) => number;

/** Parts of a region that others send, too: shared-chunks.ts. */
export interface SharedBytes {
  /** Whether the reader may begin with the region now; false: `go` is called when it may. `reader` says who it is, and may be kept. */
  mayBegin(reader: object, go: () => void): boolean;
  /** Whether others send the region, so that it is worth to ask for parts of it. */
  isWanted(): boolean;
  /** How far the part goes that begins at `start`. */
  partBytes(start: number): number;
  /** `read`: reads of the region what is missing; null where that would have to wait for a disk. Null: it has to be read as any other. */
  lend(start: number, read: ReadInto | null): LentBytes | null;
}

export interface LentBytes {
  readonly bytes: Uint8Array;
  /** Called once, when they have left the process or never will. */
  giveBack(): void;
}

export interface TransportConnection {
  readonly remote: Endpoint;
  /** The address the client connected to: what Metadata advertises by default. */
  readonly local: Endpoint;
  /**
   * Queues the chunks in order; they are the transport's from here on, and it releases each region once, sent or not.
   * Returns false when the peer is slow and more than the high-water mark is waiting; `drained` tells when to go on. `isAll`: no
   * more is expected in this turn, so that nothing is to be gained by waiting for it.
   */
  send(chunks: readonly OutboundChunk[], isAll?: boolean): boolean;
  /** Stops and resumes reading (back-pressure). */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once; `closed` follows in a later turn. Idempotent. */
  destroy(): void;
}

export interface ConnectionEvents {
  /**
   * Where the next bytes should go, when this side knows: the room of a large frame under way, which then needs no copy.
   * Null (and a transport need not ask): the transport's own buffer.
   */
  readInto(): Uint8Array | null;
  /**
   * `bytes` is valid only until the call returns: it lies in the transport's one shared read buffer, or in what `readInto`
   * gave. Never called again after `pause` until `resume`.
   */
  received(bytes: Buffer): void;
  /** After a `send` that returned false: there is room again. */
  drained(): void;
  /** Once, however it ended. `byUs` is true when this side closed first. */
  closed(byUs: boolean, error: Error | null): void;
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
  /** Connections that the operating system keeps until we take them (Kafka's socket.listen.backlog.size). */
  readonly backlog?: number;
  /** Gives the events for a connection, or null to close it at once. It may pause the connection before it returns. */
  accept(connection: TransportConnection): ConnectionEvents | null;
}

export interface ListenLocalOptions {
  /** Where a Unix socket should be. Too long for one: an owner-only temporary folder; on Windows a pipe instead. */
  readonly path: string;
  /** Letters and digits that nobody guesses, for names that others could take before us. */
  readonly random: string;
  /** The address of the last process here, which is dead: what it left there is removed. */
  readonly previousAddress: string | null;
  accept(connection: TransportConnection): ConnectionEvents | null;
}

export interface Transport {
  /** Rejects with a `ListenError` whose code is EADDRINUSE, EADDRNOTAVAIL, EACCES or other. */
  listen(options: ListenOptions): Promise<Listener>;
  /**
   * For programs of the same owner on this machine. `local.host` is the address. The caller owns the path (by its directory's
   * lock), so a socket that is there already is a dead one, and is replaced. Null where there is no such thing.
   */
  readonly listenLocal: ((options: ListenLocalOptions) => Promise<Listener>) | null;
}

export class ListenError extends Error {
  readonly code: string;
  /** host:port, or the path. */
  readonly where: string;

  constructor(code: string, where: string, cause?: unknown) {
    super(`cannot listen on ${where}: ${code}`, { cause });
    this.name = 'ListenError';
    this.code = code;
    this.where = where;
  }
}
