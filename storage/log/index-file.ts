import type { File, FileSystem } from '../environment/files.ts';

/**
 * Entries of one fixed size in ascending order: what offset index and time index have in common.
 *
 * While its segment grows, all entries are held in memory and the file is only preallocated (sparse zeros, as Kafka has
 * it): after a crash the index of the last segment is rebuilt in any case, so that writing each entry at once would buy
 * nothing. `seal` writes them and cuts the file to its size. A sealed index is read from its file, a few entries at a
 * time, and holds nothing in memory.
 *
 * Nothing is opened before it is needed: a log opened after a clean stop touches no index until a read or an append.
 */

/** Thrown when a file cannot be an index; its segment then rebuilds it. */
export class CorruptIndex extends Error {
  constructor(path: string, why: string) {
    super(`${path} is not a usable index: ${why}`);
    this.name = 'CorruptIndex';
  }
}

/** Reads an entry's key (a delta, a timestamp, a position) at a place in a buffer. */
export type ReadKey = (entries: Buffer, at: number) => number;

const firstCapacityEntries = 16;
/** Sealed indexes are searched through this much at a time, shared by all: it is valid until the next call. */
const window = Buffer.alloc(4080);

export class IndexFile {
  readonly entryBytes: number;
  /** The buffer in which `locate` has found the entry. */
  bytes: Buffer = window;
  readonly #files: FileSystem;
  readonly #path: string;
  #file: File | null = null;
  /** All entries while growing; null when they are in the file. */
  #entries: Buffer | null = null;
  #growing = false;
  #rebuilt = false;
  /** -1: the file has not been looked at. */
  #count = -1;

  constructor(files: FileSystem, path: string, entryBytes: number) {
    this.#files = files;
    this.#path = path;
    this.entryBytes = entryBytes;
  }

  get path(): string {
    return this.#file?.path ?? this.#path;
  }

  get count(): number {
    if (this.#count < 0) this.#measure();
    return this.#count;
  }

  get isGrowing(): boolean {
    return this.#growing;
  }

  /** Starts a new, empty index; `preallocateBytes` is how large its file looks until it is sealed. */
  create(preallocateBytes: number): void {
    this.#file ??= this.#files.openSync(this.#path, 'create');
    if (this.#file.size > 0) this.#file.truncateSync(0);
    this.#file.truncateSync(preallocateBytes);
    this.#entries = null;
    this.#count = 0;
    this.#growing = true;
  }

  /** Starts anew what a damaged or missing file should hold: the file, which may not be there, is not touched before `seal`. */
  rebuild(): void {
    this.#entries = null;
    this.#count = 0;
    this.#growing = true;
    this.#rebuilt = true;
  }

  /** Brings the entries of an existing file into memory, to append more. */
  grow(preallocateBytes: number): void {
    if (this.#growing) return;
    const count = this.count;
    if (count > 0) {
      this.#entries = Buffer.alloc((count + firstCapacityEntries) * this.entryBytes);
      this.#open('update').readSync(this.#entries, 0, count * this.entryBytes, 0);
    }
    const file = this.#open('create');
    if (file.size < preallocateBytes) file.truncateSync(preallocateBytes);
    this.#growing = true;
  }

  /** Room for one more entry in `bytes`; returns where. Only while growing. */
  append(): number {
    if (!this.#growing) throw new Error(`${this.#path} is sealed`);
    const at = this.#count * this.entryBytes;
    const entries = this.#entries;
    if (entries === null) this.#entries = Buffer.alloc(firstCapacityEntries * this.entryBytes);
    else if (at === entries.length) {
      this.#entries = Buffer.alloc(entries.length * 2);
      entries.copy(this.#entries);
    }
    this.#count++;
    this.bytes = this.#entries!;
    return at;
  }

  /** Forgets all entries from the `count`-th on. Only while growing. */
  truncate(count: number): void {
    if (count < this.#count) this.#count = count;
  }

  /** Writes the entries, cuts the file to them and frees the memory. */
  seal(): void {
    if (!this.#growing) return;
    const file = this.#open('create');
    const bytes = this.#count * this.entryBytes;
    // Interrupted at any point, what is there is a beginning of the index.
    if (this.#rebuilt) file.truncateSync(0);
    if (bytes > 0) file.writeSync([this.#entries!.subarray(0, bytes)], 0);
    file.truncateSync(bytes);
    this.#growing = this.#rebuilt = false;
    this.#entries = null;
  }

  /** Puts entry `n` into `bytes` and returns its place there; the sealed kind is overwritten by the next call on any index. */
  locate(n: number): number {
    if (this.#growing) {
      this.bytes = this.#entries!;
      return n * this.entryBytes;
    }
    this.#load(n, 1);
    return 0;
  }

  /** The last entry whose key is at most `target`, or -1. Keys must ascend. */
  lastAtMost(target: number, key: ReadKey): number {
    let low = 0;
    let high = this.count;
    let first = 0; // entry number of bytes[0]
    if (this.#growing) this.bytes = this.#entries ?? window;
    else {
      const windowEntries = Math.floor(window.length / this.entryBytes);
      while (high - low > windowEntries) {
        const middle = (low + high) >>> 1;
        this.#load(middle, 1);
        if (key(window, 0) <= target) low = middle + 1;
        else high = middle;
      }
      if (high > low) this.#load(low, high - low);
      first = low;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (key(this.bytes, (middle - first) * this.entryBytes) <= target) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Its file if it has one on disk and open, to be synced. */
  get openFile(): File {
    return this.#open('update');
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #measure(): void {
    const size = this.#open('update').size;
    if (size % this.entryBytes !== 0) throw new CorruptIndex(this.path, `${size} bytes`);
    this.#count = size / this.entryBytes;
  }

  #load(n: number, count: number): void {
    this.bytes = window;
    const bytes = count * this.entryBytes;
    const got = this.#open('update').readSync(window, 0, bytes, n * this.entryBytes);
    if (got < bytes)
      throw new CorruptIndex(this.path, `entry ${n + count - 1} of ${this.#count} is not there`);
  }

  #open(mode: 'update' | 'create'): File {
    this.#file ??= this.#files.openSync(this.#path, mode);
    return this.#file;
  }
}
