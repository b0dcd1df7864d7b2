/**
 * The last step of what a connection sends: the writes of one turn are gathered and leave in one system call.
 *
 *    write  write  write │ end of the turn   ──▶  small, and nothing waits before it?  ──▶  the system, at once
 *    gathered, in order  │                              │ not, or not all of it taken
 *                        │                              └──▶  the socket's stream, which waits for the peer
 *
 * At once is without the stream's queue, request object and ticks, which take longer than all else that a small answer needs (measured:
 * 1.5 of the 18 µs of processor that a request of one record costs; more where the processor has slept before it).
 */

/** What of a socket is needed here. */
export interface WritableSocket {
  readonly destroyed: boolean;
  readonly writableLength: number;
  cork(): void;
  uncork(): void;
  write(bytes: Uint8Array, written?: (error?: Error | null) => void): boolean;
}

/** Gives the system what it takes of the parts without waiting, and says how many bytes that was: 0 where it cannot be asked, or refuses. */
export type WriteNow = (parts: readonly Uint8Array[]) => number;

/** Called once the bytes have left the process, or with an error when they never will. */
export type Written = (error: Error | null) => void;

/** An answer with many bytes may find that its peer takes only some of them: the stream then costs no more than it did. */
export const writtenNowBytesMax = 16 * 1024;

export class SocketWrites {
  readonly #socket: WritableSocket;
  readonly #writeNow: WriteNow;
  #parts: Uint8Array[] = [];
  /** One for each part. */
  #written: (Written | null)[] = [];
  #bytes = 0;

  constructor(socket: WritableSocket, writeNow: WriteNow) {
    this.#socket = socket;
    this.#writeNow = writeNow;
  }

  /** Bytes that have not left the process. */
  get waitingBytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  /** Keeps the bytes for the next `flush`. */
  gather(bytes: Uint8Array, written: Written | null): void {
    this.#parts.push(bytes);
    this.#written.push(written);
    this.#bytes += bytes.length;
  }

  /** Sends what was gathered. What `written` gathers in turn is for the next one. */
  flush(): void {
    if (this.#parts.length === 0) return;
    const parts = this.#parts;
    const written = this.#written;
    const isSmall = this.#bytes <= writtenNowBytesMax;
    this.#forget();
    if (this.#socket.destroyed) return tellAll(written, new Error('the connection is closed'));
    const taken = isSmall && this.#socket.writableLength === 0 ? this.#writeNow(parts) : 0;
    this.#writeRest(parts, written, taken);
  }

  /** Lets go of what was gathered. */
  drop(error: Error): void {
    const written = this.#written;
    this.#forget();
    tellAll(written, error);
  }

  #forget(): void {
    this.#parts = [];
    this.#written = [];
    this.#bytes = 0;
  }

  /** Gives the stream what is behind the first `taken` bytes, and tells of what is before. */
  #writeRest(parts: readonly Uint8Array[], written: readonly (Written | null)[], taken: number): void {
    let rest = taken;
    let n = 0;
    while (n < parts.length && rest >= parts[n]!.length) rest -= parts[n++]!.length;
    const gone = n;
    if (gone < parts.length) {
      const socket = this.#socket;
      if (parts.length - gone > 1) socket.cork();
      for (; n < parts.length; n++) {
        const part = parts[n]!;
        const done = written[n]!;
        const left = n === gone && rest > 0 ? part.subarray(rest) : part;
        if (done === null) socket.write(left);
        else socket.write(left, (error) => done(error ?? null));
      }
      if (parts.length - gone > 1) socket.uncork();
    }
    for (let k = 0; k < gone; k++) written[k]?.(null);
  }
}

function tellAll(written: readonly (Written | null)[], error: Error): void {
  for (const tell of written) tell?.(error);
}
