/**
 * Requests and responses on a connection, one after the other:
 *
 *    | size int32 | header | body |      size counts what follows it
 *
 * `FrameSplitter` cuts a stream of bytes into frames, whatever pieces it arrives in. It refuses a size before
 * it allocates anything for it, and a frame costs memory only as its bytes arrive: its buffer is at most
 * twice what has come, or `leastBytes`. The rest of a large frame can be read straight into its place: see
 * `room`.
 *
 * Whoever has sent a large frame sends more of them, and growing copies what has come; so the next one begins
 * in memory for a large one at once (`kinds`). Such memory is used again where whoever got the frame gives it
 * back (`takeBackFrame`): fresh memory costs the kernel's zeroing and the collector's work, half as much again
 * as all else that is done for a batch of 240 KiB.
 */

/** A size prefix that cannot be answered: the connection is closed, for nothing after it can be found. */
export class FrameSizeError extends Error {
  override readonly name = 'FrameSizeError';
  readonly size: number;

  constructor(size: number, limit: number) {
    super(size < 0 ? `a frame of ${size} bytes` : `a frame of ${size} bytes: ${limit} are allowed`);
    this.size = size;
  }
}

const sizeBytes = 4;
const leastBytes = 1024;
/** Memory for large frames, and how much of it is kept. Untouched pages cost nothing. */
const kinds: readonly { readonly bytes: number; readonly sparesMax: number; readonly spares: Buffer[] }[] = [
  // A batch of the largest default size and what stands around it.
  { bytes: 1024 * 1024 + 4096, sparesMax: 8, spares: [] },
  // Small batches for a thousand partitions.
  { bytes: 4 * 1024 * 1024, sparesMax: 2, spares: [] },
];
/**
 * With less than this missing, a read into the reader's own buffer costs no more, and may bring the next
 * frame along.
 */
const leastRoom = 32 * 1024;

/** Nothing refers to this frame any more. One that was not made for it is left to the collector. */
export function takeBackFrame(frame: Buffer): void {
  const { buffer } = frame;
  for (const { bytes, sparesMax, spares } of kinds) {
    if (buffer.byteLength !== bytes || spares.length === sparesMax) continue;
    for (const spare of spares) if (spare.buffer === buffer) return;
    spares.push(Buffer.from(buffer));
  }
}

/** Memory for a frame of this size from somebody whose last one had `lastBytes`; null where it is to grow as its bytes come. */
function memoryFor(size: number, lastBytes: number): Buffer | null {
  if (size <= leastRoom || lastBytes <= leastRoom) return null;
  let smaller = leastRoom;
  for (const { bytes, spares } of kinds) {
    if (size <= bytes)
      return lastBytes <= smaller ? null : (spares.pop() ?? Buffer.allocUnsafeSlow(bytes)).subarray(0, size);
    smaller = bytes;
  }
  return null;
}

export class FrameSplitter {
  readonly #limit: number;
  readonly #onFrame: (frame: Buffer) => void;
  /**
   * The frame under way: `#filled` of its `#size` bytes have come; −1 while its size prefix is not complete.
   */
  #size = -1;
  #filled = 0;
  #pending: Buffer = Buffer.alloc(sizeBytes);
  /** Of the last frame that did not come in one piece. */
  #lastBytes = 0;

  /**
   * Calls `onFrame` with each frame, without its size. The frame is the caller's only until the call returns.
   */
  constructor(limit: number, onFrame: (frame: Buffer) => void) {
    this.#limit = limit;
    this.#onFrame = onFrame;
  }

  /** Bytes of the frame under way that have come, its size prefix included: 0 between frames. */
  get pendingBytes(): number {
    return this.#size < 0 ? this.#filled : sizeBytes + this.#filled;
  }

  /**
   * Where the next bytes of the stream belong, when they are the rest of a large frame: a reader that puts
   * them there, and then feeds that very memory, saves a copy. Null when it is not worth it.
   */
  room(): Uint8Array | null {
    if (this.#size - this.#filled < leastRoom) return null;
    this.#reserve(this.#filled + 1, this.#size);
    return this.#pending.subarray(this.#filled);
  }

  /**
   * Takes the next bytes of the stream, which are borrowed; throws `FrameSizeError`, after which the stream
   * is lost.
   */
  feed(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#filled === 0 && this.#size < 0 && piece.length - at >= sizeBytes) {
        const size = this.#checked(readSize(piece, at));
        at += sizeBytes;
        if (piece.length - at >= size) {
          this.#onFrame(Buffer.from(piece.buffer, piece.byteOffset + at, size));
          at += size;
          continue;
        }
        this.#begin(size, piece.length - at);
      }
      at = this.#fill(piece, at);
    }
  }

  #checked(size: number): number {
    if (size < 0 || size > this.#limit) throw new FrameSizeError(size, this.#limit);
    return size;
  }

  #begin(size: number, atHand: number): void {
    this.#size = size;
    this.#filled = 0;
    this.#pending =
      memoryFor(size, this.#lastBytes) ??
      Buffer.allocUnsafe(Math.min(size, Math.max(leastBytes, 2 * atHand)));
  }

  /** Copies what belongs to the size or the frame under way; gives the place after it. */
  #fill(piece: Uint8Array, from: number): number {
    const wanted = this.#size < 0 ? sizeBytes : this.#size;
    const count = Math.min(wanted - this.#filled, piece.length - from);
    if (!this.#isInPlace(piece, from)) {
      this.#reserve(this.#filled + count, wanted);
      this.#pending.set(piece.subarray(from, from + count), this.#filled);
    }
    this.#filled += count;
    if (this.#filled === wanted) this.#complete();
    return from + count;
  }

  #isInPlace(piece: Uint8Array, from: number): boolean {
    const { buffer, byteOffset } = this.#pending;
    return piece.buffer === buffer && piece.byteOffset + from === byteOffset + this.#filled;
  }

  #reserve(needed: number, wanted: number): void {
    if (needed <= this.#pending.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.min(wanted, Math.max(needed, this.#pending.length * 2)));
    this.#pending.copy(grown, 0, 0, this.#filled);
    this.#pending = grown;
  }

  #complete(): void {
    if (this.#size < 0) {
      this.#begin(this.#checked(readSize(this.#pending, 0)), 0);
      if (this.#size > 0) return;
    }
    const frame = this.#pending;
    this.#lastBytes = this.#size;
    this.#size = -1;
    this.#filled = 0;
    this.#pending = Buffer.alloc(sizeBytes);
    this.#onFrame(frame);
  }
}

/** By hand, because a DataView would cost more than all else that is done for a small frame. */
function readSize(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
