/**
 * What waits to be sent on one connection: memory and file regions, in order.
 *
 *    chunks   | header 90 B | region 700 KiB                    | header | region 3 KiB | header | …
 *    pieces   [ packed: 700 KiB, header, region, header, … 1 MiB in all ][ packed: rest, …       ]
 *
 * Regions are read into pooled pieces (outbound-pieces.ts) just before they are written, small memory chunks between them are copied
 * along, so that an answer of many small regions is few writes. At most two pieces are in flight: an answer of 50 MB costs
 * two megabytes, and a slow reader costs no more; of those that take nothing all but the first few cost half a megabyte. Memory without
 * a region in front of it goes out as it is, and so do parts of a region that others send too, from memory that they share
 * (shared-chunks.ts), a megabyte at a time, which counts as a piece.
 *
 * A region is read at once while that is fast; where it has to come from the disk, on the thread pool (storage/environment/pool-reads.ts).
 *
 * Every region is released exactly once: when its last byte has been read, or when the queue is destroyed.
 */
import {
  beCautious,
  cameFromDisk,
  inPool,
  isCautious,
  ReadPace,
} from '../../storage/environment/pool-reads.ts';
import { givePiece, largePieceBytes, smallPieceBytes, takePiece } from './outbound-pieces.ts';
import type { LentBytes, OutboundChunk, OutboundRegion } from './transport.ts';

/** The socket, as the queue needs it. */
export interface OutboundSink {
  /** Queues bytes behind what was written before; `written` is called once: when they have left the process's memory, or never will. */
  write(bytes: Uint8Array, written: (() => void) | null): void;
  /** Bytes that `write` has taken and not yet got rid of. */
  waitingBytes(): number;
  /** A clock that only goes forward; without one no read counts as slow. */
  nowMs?(): number;
  /** Blocks that disks have read for this process so far; where nobody counts, a read is slow by its time alone. */
  blocksRead?(): number;
  /** A region could not be read: half an answer is out, so the connection must go. */
  fail(error: Error): void;
}

const piecesInFlight = 2;
/** Read at a time, also into a large piece: what is not in memory after all holds up the loop for no longer than that. */
const readBytes = smallPieceBytes;
/** A connection begins on the pool, for nobody knows yet whether what it wants is in memory. */
const readsInPoolFirst = 4;
/** A memory chunk up to this size is copied into a piece that has room; a larger one is written as it is. */
const packedBytes = 16 * 1024;
/** More than this waiting makes `send` return false. */
export const outboundHighWaterBytes = 1024 * 1024;

export function isRegion(chunk: OutboundChunk): chunk is OutboundRegion {
  return !(chunk instanceof Uint8Array);
}

/** Answers of one turn lie one behind the other in their writers' slab: the last chunk of such a row that begins with the `first`. */
function lastBehind(chunks: readonly OutboundChunk[], first: number): number {
  let last = first;
  for (let before = chunks[first] as Uint8Array; last + 1 < chunks.length; last++) {
    const next = chunks[last + 1]!;
    if (isRegion(next) || next.buffer !== before.buffer) break;
    if (next.byteOffset !== before.byteOffset + before.byteLength) break;
    before = next;
  }
  return last;
}

/** A view on a row of chunks: one write instead of one for each answer. */
function joined(first: Uint8Array, last: OutboundChunk): Uint8Array {
  const { byteOffset, byteLength } = last as Uint8Array;
  return Buffer.from(first.buffer, first.byteOffset, byteOffset + byteLength - first.byteOffset);
}

/** Releases the regions among chunks that nobody will send. */
export function releaseRegions(chunks: readonly OutboundChunk[]): void {
  for (const chunk of chunks) if (isRegion(chunk)) chunk.release();
}

export class OutboundQueue {
  readonly #sink: OutboundSink;
  /** Behind a region; empty while everything can be written at once. */
  #chunks: OutboundChunk[] = [];
  /** The first chunk that is not out, and how much of it is. */
  #first = 0;
  #sentOfFirst = 0;
  #queuedBytes = 0;
  /** Pieces that are being read or written. */
  #inFlight = 0;
  /** A region is being read on the thread pool: all else stands behind it. */
  #isReading = false;
  readonly #pace = new ReadPace(readsInPoolFirst);
  #isPumping = false;
  /** Others go first, until `#mayBegin` is called. */
  #waitsForOthers = false;
  #isDestroyed = false;

  constructor(sink: OutboundSink) {
    this.#sink = sink;
  }

  /** Bytes that have not left the process. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#sink.waitingBytes();
  }

  /** Nothing is kept here any more: all that was queued has been handed to the sink. */
  get isEmpty(): boolean {
    return this.#queuedBytes === 0;
  }

  /** Queues the chunks; false when more than the high-water mark is waiting. */
  send(chunks: readonly OutboundChunk[]): boolean {
    if (this.#isDestroyed) {
      releaseRegions(chunks);
      return false;
    }
    for (let n = 0; n < chunks.length; n++) {
      const chunk = chunks[n]!;
      if (this.#queuedBytes === 0 && !isRegion(chunk)) {
        const last = lastBehind(chunks, n);
        this.#sink.write(n === last ? chunk : joined(chunk, chunks[last]!), null);
        n = last;
      } else if (chunk.byteLength === 0) {
        if (isRegion(chunk)) chunk.release();
      } else {
        this.#chunks.push(chunk);
        this.#queuedBytes += chunk.byteLength;
      }
    }
    this.#pump();
    return this.waitingBytes <= outboundHighWaterBytes;
  }

  /** Lets go of everything. Idempotent. */
  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    const left = this.#chunks.slice(this.#first);
    this.#chunks = [];
    this.#first = 0;
    this.#queuedBytes = 0;
    releaseRegions(left);
  }

  #pump(): void {
    if (this.#isPumping || this.#waitsForOthers || this.#letsOthersGo()) return;
    this.#pumpNow();
  }

  #pumpNow(): void {
    this.#isPumping = true;
    try {
      while (this.#queuedBytes > 0 && this.#inFlight < piecesInFlight && !this.#isReading) this.#writePiece();
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#isPumping = false;
    }
  }

  /** Before the first byte of a region: whether it waits for those who read the same farther behind. */
  #letsOthersGo(): boolean {
    if (this.#sentOfFirst > 0 || this.#inFlight >= piecesInFlight || this.#isReading) return false;
    const first = this.#chunks[this.#first];
    if (first === undefined || !isRegion(first) || first.shared === undefined) return false;
    // Its pace stands for it: whoever remembers who went where does not keep a connection that has gone.
    this.#waitsForOthers = !first.shared.mayBegin(this.#pace, this.#mayBegin);
    return this.#waitsForOthers;
  }

  readonly #mayBegin = (): void => {
    this.#waitsForOthers = false;
    this.#pumpNow();
  };

  #writePiece(): void {
    const first = this.#chunks[this.#first]!;
    this.#inFlight += 1;
    if (!isRegion(first)) {
      if (first.byteLength > packedBytes || isWanted(this.#chunks[this.#first + 1])) this.#writeMemory(first);
      else this.#writeFilled(takePiece(this.#queuedBytes), 0);
    } else if (!isWanted(first) || !this.#writeLent()) {
      if (this.#waitsForDisk(first)) void this.#readPiece(first, takePiece(readBytes));
      else this.#writeFilled(takePiece(this.#queuedBytes), 0);
    }
  }

  #writeMemory(chunk: Uint8Array): void {
    this.#advance(chunk.byteLength);
    this.#sink.write(chunk, () => this.#written(null));
  }

  /** Writes as much as a large piece holds, all of it lent; false: there is nothing to be had. */
  #writeLent(): boolean {
    let bytes = 0;
    for (let lent = this.#lend(); lent !== null; ) {
      const part: LentBytes = lent;
      bytes += part.bytes.byteLength;
      this.#advance(part.bytes.byteLength);
      lent = bytes < largePieceBytes ? this.#lendAfter(part) : null;
      const isLast = lent === null;
      this.#sink.write(part.bytes, () => {
        part.giveBack();
        if (isLast) this.#written(null);
      });
    }
    return bytes > 0;
  }

  #lendAfter(part: LentBytes): LentBytes | null {
    if (!isWanted(this.#chunks[this.#first])) return null;
    try {
      return this.#lend();
    } catch (error) {
      part.giveBack();
      throw error;
    }
  }

  #lend(): LentBytes | null {
    const region = this.#chunks[this.#first] as OutboundRegion;
    const read = this.#waitsForDisk(region)
      ? null
      : (target: Uint8Array, at: number, length: number, start: number) =>
          this.#readNow(region, target, at, length, start);
    return region.shared!.lend(this.#sentOfFirst, read);
  }

  /** Whether a read of it would hold up everybody else. */
  #waitsForDisk(region: OutboundRegion): boolean {
    return (
      this.#sink.nowMs !== undefined &&
      region.read !== undefined &&
      (this.#pace.isInPool || isCautious(this.#sink.nowMs()))
    );
  }

  /** Reads on the thread pool what fits of the region, then goes on as ever. */
  async #readPiece(region: OutboundRegion, piece: Buffer): Promise<void> {
    const wanted = Math.min(piece.length, region.byteLength - this.#sentOfFirst);
    const from = this.#sentOfFirst;
    this.#isReading = true;
    let startMs = 0;
    try {
      const count = await inPool(() => {
        startMs = this.#nowMs();
        return this.#isDestroyed ? Promise.resolve(wanted) : region.read!(piece, 0, wanted, from);
      });
      this.#isReading = false;
      if (this.#isDestroyed) {
        this.#written(piece);
        return;
      }
      if (cameFromDisk(startMs, this.#nowMs(), this.#sink.blocksRead)) this.#wasSlow(region);
      else this.#pace.wasFast();
      mustBeWhole(count, wanted);
      this.#advance(wanted);
      this.#writeFilled(piece, wanted);
      this.#pump();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #writeFilled(piece: Buffer, from: number): void {
    let filled: number;
    try {
      filled = this.#fill(piece, from);
    } catch (error) {
      givePiece(piece);
      throw error;
    }
    this.#sink.write(piece.subarray(0, filled), () => this.#written(piece));
  }

  #fail(error: Error): void {
    if (this.#isDestroyed) return;
    this.destroy();
    this.#sink.fail(error);
  }

  /** Packs as many chunks as fit behind the first `from` bytes, which are there; gives the count of all. */
  #fill(piece: Buffer, from: number): number {
    let filled = from;
    while (filled < piece.length && this.#queuedBytes > 0) {
      const chunk = this.#chunks[this.#first]!;
      const room = piece.length - filled;
      if (isRegion(chunk)) {
        const start = this.#sentOfFirst;
        if (filled > 0 && (isWanted(chunk) || this.#waitsForDisk(chunk))) break;
        const left = isWanted(chunk) ? chunk.shared!.partBytes(start) : chunk.byteLength - start;
        const wanted = Math.min(room, readBytes, left);
        mustBeWhole(this.#readNow(chunk, piece, filled, wanted, start), wanted);
        filled += wanted;
        this.#advance(wanted);
      } else {
        if (chunk.byteLength > room || chunk.byteLength > packedBytes) break;
        piece.set(chunk, filled);
        filled += chunk.byteLength;
        this.#advance(chunk.byteLength);
      }
    }
    return filled;
  }

  #readNow(region: OutboundRegion, target: Uint8Array, at: number, wanted: number, start: number): number {
    const startMs = this.#nowMs();
    const count = region.readSync(target, at, wanted, start);
    const nowMs = this.#nowMs();
    if (cameFromDisk(startMs, nowMs, this.#sink.blocksRead)) {
      this.#wasSlow(region);
      beCautious(nowMs);
    }
    return count;
  }

  #wasSlow(region: OutboundRegion): void {
    this.#pace.wasSlow();
    region.wasSlow?.();
  }

  /** Without a clock: a time that is after every other, and no later than itself. */
  #nowMs(): number {
    return this.#sink.nowMs?.() ?? Number.POSITIVE_INFINITY;
  }

  /** Counts bytes of the first chunk as gone; drops (and releases) it when they were its last. */
  #advance(count: number): void {
    const chunk = this.#chunks[this.#first]!;
    this.#queuedBytes -= count;
    this.#sentOfFirst += count;
    if (this.#sentOfFirst < chunk.byteLength) return;
    this.#sentOfFirst = 0;
    this.#first += 1;
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    }
    if (isRegion(chunk)) chunk.release();
  }

  #written(piece: Buffer | null): void {
    this.#inFlight -= 1;
    if (piece !== null) givePiece(piece);
    if (!this.#isDestroyed) this.#pump();
  }
}

/** Whether it is a region that others send, too. */
function isWanted(chunk: OutboundChunk | undefined): boolean {
  return chunk !== undefined && isRegion(chunk) && chunk.shared?.isWanted() === true;
}

function mustBeWhole(count: number, wanted: number): void {
  if (count !== wanted) throw new Error(`a file region ended ${wanted - count} bytes early`);
}
