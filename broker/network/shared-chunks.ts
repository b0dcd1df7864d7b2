/**
 * Stretches of log files that several connections send at about the same time: read once for all of them, and written to each socket
 * from the same memory.
 *
 *    file     |   chunk 0   |   chunk 1   |   chunk 2   |   chunk 3 …        256 KiB each, counted from the file's start
 *    region            |------- of an answer -------|
 *    parts             | 0  |     1       |    2    |                        each lent from the chunk that it lies in
 *
 * A region that begins where none began lately is not kept: one consumer that reads on, and producers, never touch this memory. The second
 * who asks for it reads its chunks, as far as they are written; the third and all others find them. A chunk that has grown in its file is
 * read on from where it ended.
 *
 * A chunk is known by its segment's content and its place. What was read of a content never changes (a segment that is cut has another
 * from then on, one that was cleaned is another), so nothing has to be told when logs are cut, cleaned or deleted: nobody asks for the old
 * content any more, and its chunks go as the oldest do.
 *
 * A chunk that a socket still writes from is neither used again nor given up. Where all of them are so, nothing is lent, and everybody
 * reads for himself. What was of no use for `idleMs` is given back.
 */
import type { Clock, Timer } from '../../storage/environment/clock.ts';
import type { FileRegion } from '../../storage/log/log-types.ts';
import { Convoy } from './convoy.ts';
import type { LentBytes, ReadInto } from './transport.ts';

export const sharedChunkBytes = 256 * 1024;
/** A smaller part is read, and packed with its neighbours into one write. */
export const sharedPartBytesMin = 16 * 1024;
/** How many starts of regions are remembered; of fetches of 1 MiB as many MiB. */
const startsRemembered = 128;
export const idleMs = 5_000;

/** Of a segment's file, which ends below 2 GiB: far more than there can be, so that two chunks never have the same key. */
const chunksPerContent = 2 ** 20;
/** Two starts with the same key would only make one of them look known. */
const positionsPerContent = 2 ** 31;

class Chunk {
  readonly bytes = Buffer.allocUnsafeSlow(sharedChunkBytes);
  key: number;
  /** How much of it was read. */
  filled = 0;
  /** How many sockets write from it. */
  users = 0;

  constructor(key: number) {
    this.key = key;
  }
}

export class SharedChunks {
  readonly #chunksMax: number;
  readonly #clock: Clock;
  readonly #convoy: Convoy;
  /** The one that was of use last is the last. */
  readonly #chunks = new Map<number, Chunk>();
  /** Where regions began that were asked for lately, the oldest first. */
  readonly #starts = new Set<number>();
  #idleCheck: Timer | null = null;
  #isIdle = true;

  /** `bytesMax`: kompakt.fetch.cache.max.bytes; less than a chunk: nothing is ever lent. */
  constructor(bytesMax: number, clock: Clock) {
    this.#chunksMax = Math.floor(bytesMax / sharedChunkBytes);
    this.#clock = clock;
    this.#convoy = new Convoy(clock);
  }

  /** What it takes of memory now. */
  get byteLength(): number {
    return this.#chunks.size * sharedChunkBytes;
  }

  /** Whether the reader may begin with a region at once, or lets others go first: see convoy.ts. */
  mayBegin(reader: object, region: FileRegion, go: () => void): boolean {
    if (this.#chunksMax === 0 || region.byteLength < sharedChunkBytes) return true;
    return this.#convoy.mayGo(reader, region, go);
  }

  /** Whether others send the region, too: to be asked once, before its first byte goes. */
  isWanted(region: FileRegion): boolean {
    if (this.#chunksMax === 0 || region.byteLength < sharedPartBytesMin) return false;
    const { contentId, position } = region;
    return (
      this.#chunks.has(keyAt(region, position)) || !this.#isFirst(contentId * positionsPerContent + position)
    );
  }

  /** A part of a region that others want. Null: it is small, there is no room, or nothing may be read now (`read` is null). */
  lend(region: FileRegion, start: number, read: ReadInto | null): LentBytes | null {
    const length = partBytes(region, start);
    if (length < sharedPartBytesMin) return null;
    const position = region.position + start;
    const inChunk = position % sharedChunkBytes;
    const key = keyAt(region, position);
    let chunk = this.#chunks.get(key);
    if (chunk === undefined || chunk.filled < inChunk + length) {
      if (read === null) return null;
      chunk ??= this.#add(key);
      if (chunk === undefined || !fill(chunk, region, position - inChunk, inChunk + length, read))
        return null;
    }
    return this.#lent(chunk, inChunk, length);
  }

  /** Gives everything back. */
  close(): void {
    this.#idleCheck?.cancel();
    this.#idleCheck = null;
    this.#chunks.clear();
    this.#starts.clear();
  }

  /** Whether nobody asked for a region that begins there; remembers it. */
  #isFirst(start: number): boolean {
    if (this.#starts.delete(start)) return false;
    this.#starts.add(start);
    if (this.#starts.size > startsRemembered) {
      for (const oldest of this.#starts) {
        this.#starts.delete(oldest);
        break;
      }
    }
    return true;
  }

  /** A new one, or in the memory of the one that was of no use for longest. */
  #add(key: number): Chunk | undefined {
    const chunk = this.#chunks.size < this.#chunksMax ? new Chunk(key) : this.#takeUnused();
    if (chunk === undefined) return undefined;
    chunk.key = key;
    chunk.filled = 0;
    this.#chunks.set(key, chunk);
    this.#idleCheck ??= this.#clock.schedule(idleMs, () => this.#checkIdle());
    return chunk;
  }

  #takeUnused(): Chunk | undefined {
    for (const chunk of this.#chunks.values()) {
      if (chunk.users > 0) continue;
      this.#chunks.delete(chunk.key);
      return chunk;
    }
    return undefined;
  }

  #lent(chunk: Chunk, from: number, length: number): LentBytes {
    this.#chunks.delete(chunk.key);
    this.#chunks.set(chunk.key, chunk);
    chunk.users += 1;
    this.#isIdle = false;
    return {
      bytes: chunk.bytes.subarray(from, from + length),
      giveBack: () => {
        chunk.users -= 1;
      },
    };
  }

  #checkIdle(): void {
    this.#idleCheck = null;
    if (this.#isIdle)
      for (const chunk of this.#chunks.values()) if (chunk.users === 0) this.#chunks.delete(chunk.key);
    this.#isIdle = true;
    if (this.#chunks.size > 0) this.#idleCheck = this.#clock.schedule(idleMs, () => this.#checkIdle());
  }
}

/** How far the part goes that begins at `start` of the region. */
export function partBytes(region: FileRegion, start: number): number {
  return Math.min(
    region.byteLength - start,
    sharedChunkBytes - ((region.position + start) % sharedChunkBytes),
  );
}

function keyAt({ contentId }: FileRegion, position: number): number {
  return contentId * chunksPerContent + Math.floor(position / sharedChunkBytes);
}

/** Reads on up to where the file is written, if that is as far as `wanted`. */
function fill(chunk: Chunk, region: FileRegion, chunkStart: number, wanted: number, read: ReadInto): boolean {
  const { filled } = chunk;
  const end = Math.min(sharedChunkBytes, region.contentEnd - chunkStart);
  // The region's reader counts from its start.
  const from = chunkStart + filled - region.position;
  chunk.filled += read(chunk.bytes, filled, end - filled, from);
  return chunk.filled >= wanted;
}
