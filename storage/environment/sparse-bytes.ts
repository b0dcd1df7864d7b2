/**
 * The bytes of one file in memory, and the budget that all files of a memory file system share.
 *
 *     file      |  chunk 0  |  chunk 1  |  chunk 2  |  …        each stands for 64 KiB of the file
 *     in memory  [####     ]   (hole)     [#########]           a hole, and all behind a short chunk, reads as zeros
 *
 * A chunk exists from the first write into it. The first one grows by doubling, so that a file of a few bytes costs a
 * few hundred; the others have their full size at once. Growing the file by truncation allocates nothing.
 *
 * Views given out by `views` never see a truncation: a chunk that is cut is replaced by a copy of what remains.
 */
export const chunkBytes = 64 * 1024;
const firstChunkBytesMin = 256;
const zeros = Buffer.alloc(chunkBytes);

/** What the chunks of a file are taken from. */
export interface Budget {
  /** False, and nothing taken, when the limit would be passed. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

/** Counts the allocated chunks of many files against one limit. */
export class MemoryBudget implements Budget {
  readonly limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes = Number.POSITIVE_INFINITY) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** The same budget for those who must not take its last bytes. */
  leaving(reserveBytes: number): Budget {
    return {
      take: (bytes) => this.#usedBytes + bytes <= this.limitBytes - reserveBytes && this.take(bytes),
      giveBack: (bytes) => this.giveBack(bytes),
    };
  }
}

export class SparseBytes {
  readonly #budget: Budget;
  #chunks: (Buffer | undefined)[] = [];
  /** Chunks that another file has too: copied before anything is written into them. */
  readonly #shared = new Set<number>();
  #allocatedBytes = 0;
  #size = 0;

  constructor(budget: Budget = new MemoryBudget()) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#size;
  }

  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** All of `part` or, when the budget does not allow it, nothing and false. */
  write(part: Uint8Array, position: number): boolean {
    if (part.length === 0) return true;
    const end = position + part.length;
    if (!this.reserve(position, end)) return false;
    let at = position;
    let taken = 0;
    while (at < end) {
      const index = Math.floor(at / chunkBytes);
      const start = at - index * chunkBytes;
      const count = Math.min(end - at, chunkBytes - start);
      if (this.#shared.delete(index)) this.#chunks[index] = Buffer.from(this.#chunks[index]!);
      this.#chunks[index]!.set(count === part.length ? part : part.subarray(taken, taken + count), start);
      at += count;
      taken += count;
    }
    if (end > this.#size) this.#size = end;
    return true;
  }

  /** Copies up to `length` bytes into `target`; returns the count, less only at the end. */
  read(target: Uint8Array, targetStart: number, length: number, position: number): number {
    const end = Math.min(position + length, this.#size);
    let at = position;
    let written = targetStart;
    while (at < end) {
      const index = Math.floor(at / chunkBytes);
      const start = at - index * chunkBytes;
      const count = Math.min(end - at, chunkBytes - start);
      const chunk = this.#chunks[index];
      const held = chunk === undefined ? 0 : Math.min(Math.max(chunk.length - start, 0), count);
      if (held > 0) target.set(chunk!.subarray(start, start + held), written);
      if (held < count) target.fill(0, written + held, written + count);
      at += count;
      written += count;
    }
    return Math.max(end - position, 0);
  }

  /** The same bytes without a copy, in file order. */
  views(position: number, length: number): Buffer[] {
    const end = Math.min(position + length, this.#size);
    const views: Buffer[] = [];
    let at = position;
    while (at < end) {
      const index = Math.floor(at / chunkBytes);
      const start = at - index * chunkBytes;
      const count = Math.min(end - at, chunkBytes - start);
      const chunk = this.#chunks[index];
      const held = chunk === undefined ? 0 : Math.min(Math.max(chunk.length - start, 0), count);
      if (held > 0) views.push(chunk!.subarray(start, start + held));
      if (held < count) views.push(zeros.subarray(0, count - held));
      at += count;
    }
    return views;
  }

  /** The same bytes for another file, which takes as much room of its own; null when its budget does not allow that. */
  fork(budget: Budget): SparseBytes | null {
    if (!budget.take(this.#allocatedBytes)) return null;
    const other = new SparseBytes(budget);
    other.#chunks = [...this.#chunks];
    other.#allocatedBytes = this.#allocatedBytes;
    other.#size = this.#size;
    for (const index of this.#chunks.keys()) {
      this.#shared.add(index);
      other.#shared.add(index);
    }
    return other;
  }

  /** Cuts, giving room back, or grows with zeros, taking none. */
  truncate(size: number): void {
    if (size < this.#size) this.#cut(size);
    this.#size = size;
  }

  /** Everything goes, the room included; the file is empty. */
  clear(): void {
    this.#budget.giveBack(this.#allocatedBytes);
    this.#chunks = [];
    this.#shared.clear();
    this.#allocatedBytes = 0;
    this.#size = 0;
  }

  #cut(size: number): void {
    const kept = Math.ceil(size / chunkBytes);
    let freed = 0;
    for (let index = kept; index < this.#chunks.length; index++) freed += this.#chunks[index]?.length ?? 0;
    this.#chunks.length = Math.min(this.#chunks.length, kept);
    for (const index of this.#shared) if (index >= kept) this.#shared.delete(index);
    const last = kept - 1;
    const chunk = this.#chunks[last];
    const used = size - last * chunkBytes;
    if (chunk !== undefined && used < chunk.length) {
      const copy = Buffer.alloc(last === 0 ? capacityFor(used) : chunkBytes);
      chunk.copy(copy, 0, 0, used);
      freed += chunk.length - copy.length;
      this.#chunks[last] = copy;
      this.#shared.delete(last);
    }
    this.#allocatedBytes -= freed;
    this.#budget.giveBack(freed);
  }

  /** Makes room for a write of [position, end); false, and nothing taken, when the budget does not allow it. */
  reserve(position: number, end: number): boolean {
    if (position === end) return true;
    const first = Math.floor(position / chunkBytes);
    const last = Math.floor((end - 1) / chunkBytes);
    let growth = 0;
    for (let index = first; index <= last; index++) {
      const wanted = index === 0 ? capacityFor(end) : chunkBytes;
      growth += Math.max(wanted - (this.#chunks[index]?.length ?? 0), 0);
    }
    if (growth === 0) return true;
    if (!this.#budget.take(growth)) return false;
    this.#allocatedBytes += growth;
    for (let index = first; index <= last; index++) {
      const chunk = this.#chunks[index];
      const wanted = index === 0 ? capacityFor(end) : chunkBytes;
      if (chunk !== undefined && chunk.length >= wanted) continue;
      const larger = Buffer.alloc(wanted);
      chunk?.copy(larger);
      this.#chunks[index] = larger;
      this.#shared.delete(index);
    }
    return true;
  }
}

/** What the first chunk holds when it must reach up to `end`: a power of two. */
function capacityFor(end: number): number {
  let capacity = firstChunkBytesMin;
  while (capacity < end && capacity < chunkBytes) capacity *= 2;
  return capacity;
}
