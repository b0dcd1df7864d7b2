import type { File, FileSystem } from '../environment/files.ts';
import { type HeldIndexes, type Holder, heldIndexes } from './held-indexes.ts';

/**
 * Entries of one fixed size in ascending order: what offset index and time index have in common.
 *
 * While its segment grows, all entries are held in memory, and a new one has no file (Kafka has one, of zeros): after a crash the
 * index of the last segment is rebuilt in any case, so that it would buy nothing, and making a file is most of what a new
 * partition costs. `seal` writes them. A sealed index is read from its file, a few entries at a
 * time; when so much has been read of it as it has, it is held in memory if there is room (held-indexes.ts).
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

export class IndexFile implements Holder {
  readonly entryBytes: number;
  isRecentlyUsed = true;
  /** The buffer in which `locate` has found the entry. */
  bytes: Buffer = window;
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #heldIndexes: HeldIndexes;
  #file: File | null = null;
  /** All entries while growing; null when they are in the file. */
  #entries: Buffer | null = null;
  #growing = false;
  #rebuilt = false;
  /** Its file comes with `seal`. */
  #isNew = false;
  /** -1: the file has not been looked at. */
  #count = -1;
  /** All entries of a sealed one that is searched often. */
  #held: Buffer | null = null;
  /** While it is not held. */
  #bytesRead = 0;

  constructor(files: FileSystem, path: string, entryBytes: number, held: HeldIndexes = heldIndexes) {
    this.#files = files;
    this.#path = path;
    this.entryBytes = entryBytes;
    this.#heldIndexes = held;
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

  /** Its entries are in memory: `locate` costs next to nothing. */
  get isInMemory(): boolean {
    return this.#growing || this.#held !== null;
  }

  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  letGo(): void {
    this.#heldIndexes.leave(this);
    this.#held = null;
    this.#bytesRead = 0;
    this.bytes = window;
  }

  /** Starts a new, empty index; what is there of its name does not count. */
  create(): void {
    this.rebuild();
    this.#isNew = true;
  }

  /** Starts anew what a damaged or missing file should hold: the file, which may not be there, is not touched before `seal`. */
  rebuild(): void {
    this.letGo();
    this.#entries = null;
    this.#count = 0;
    this.#growing = true;
    this.#rebuilt = true;
  }

  /** Brings the entries of an existing file into memory, to append more. */
  grow(): void {
    if (this.#growing) return;
    this.letGo();
    const count = this.count;
    if (count > 0) {
      this.#entries = Buffer.alloc((count + firstCapacityEntries) * this.entryBytes);
      this.#open('update').readSync(this.#entries, 0, count * this.entryBytes, 0);
    }
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
    if (this.#rebuilt && file.size > 0) file.truncateSync(0);
    if (bytes > 0) file.writeSync([this.#entries!.subarray(0, bytes)], 0);
    if (file.size > bytes) file.truncateSync(bytes);
    this.#growing = this.#rebuilt = this.#isNew = false;
    this.#entries = null;
  }

  /** Puts entry `n` into `bytes` and returns its place there; where it was read it is overwritten by the next call on any index. */
  locate(n: number): number {
    const entries = this.#growing ? this.#entries : this.#held;
    if (entries !== null) {
      this.bytes = entries;
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
    else if (this.#isHeld(high)) this.bytes = this.#held!;
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

  /** What its file holds once it is sealed. */
  image(): Buffer {
    if (this.#growing) return Buffer.from(this.#entries?.subarray(0, this.#count * this.entryBytes) ?? []);
    return this.#files.readFileSync(this.path);
  }

  /** Its file, to be synced or renamed; null: it has none yet. */
  get openFile(): File | null {
    return this.#isNew ? null : this.#open('update');
  }

  close(): void {
    this.letGo();
    this.#file?.close();
    this.#file = null;
  }

  #measure(): void {
    const size = this.#open('update').size;
    if (size % this.entryBytes !== 0) throw new CorruptIndex(this.path, `${size} bytes`);
    this.#count = size / this.entryBytes;
  }

  /** Whether the entries of a sealed one are in memory, or are so now. */
  #isHeld(count: number): boolean {
    this.isRecentlyUsed = true;
    if (this.#held !== null) return true;
    const bytes = count * this.entryBytes;
    if (count === 0 || this.#bytesRead < bytes) return false;
    const entries = Buffer.allocUnsafeSlow(bytes);
    this.#read(entries, 0, count);
    this.#held = entries;
    this.#bytesRead = 0;
    if (!this.#heldIndexes.admit(this)) this.#held = null;
    return this.#held !== null;
  }

  #load(n: number, count: number): void {
    this.bytes = window;
    this.#read(window, n, count);
  }

  #read(into: Buffer, n: number, count: number): void {
    const bytes = count * this.entryBytes;
    const got = this.#open('update').readSync(into, 0, bytes, n * this.entryBytes);
    this.#bytesRead += bytes;
    if (got < bytes)
      throw new CorruptIndex(this.path, `entry ${n + count - 1} of ${this.#count} is not there`);
  }

  #open(mode: 'update' | 'create'): File {
    this.#file ??= this.#files.openSync(this.#path, mode);
    return this.#file;
  }
}
