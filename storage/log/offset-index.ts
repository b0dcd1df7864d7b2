import { readInt32, writeInt32 } from '../../protocol/records/int64.ts';
import type { File, FileSystem } from '../environment/files.ts';
import { IndexFile } from './index-file.ts';

/**
 * Finds a batch by its offset: `.index`, 8 bytes an entry, big-endian, ascending in both fields.
 *
 *    0               4               8
 *    | relativeOffset|   position    |       relativeOffset = last offset of a batch − base offset of the segment
 *                                            position = where that batch begins in the .log file
 *
 * Sparse: a batch gets an entry when more than `index.interval.bytes` lie between it and the last one that has one (see
 * segment.ts); the first batch never does. A lookup gives a place at or before the batch; the caller walks on from there.
 */
const at = { relativeOffset: 0, position: 4 } as const;
export const offsetIndexEntryBytes = 8;
const relativeOffsetMax = 0x7fffffff;

const relativeOffset = (entries: Buffer, place: number): number =>
  readInt32(entries, place + at.relativeOffset);
const position = (entries: Buffer, place: number): number => readInt32(entries, place + at.position);

/** What the index knows around an offset: where batches begin that have an entry. */
export interface Surroundings {
  /** At or before the first batch whose last offset is at least the offset. */
  readonly position: number;
  /** It is the batch at `position`. */
  readonly isThere: boolean;
  /** The next entry's; that batch is the one or lies behind it. -1: there is none. */
  readonly next: number;
  /** Of the entry after that. */
  readonly afterNext: number;
}

/** True when `offset` can be written relative to the base offset. */
export function canIndex(baseOffset: number, offset: number): boolean {
  return offset >= baseOffset && offset - baseOffset <= relativeOffsetMax;
}

export class OffsetIndex {
  readonly baseOffset: number;
  readonly #file: IndexFile;
  #entriesMax: number;

  constructor(files: FileSystem, path: string, baseOffset: number, bytesMax: number) {
    this.baseOffset = baseOffset;
    this.#file = new IndexFile(files, path, offsetIndexEntryBytes);
    this.#entriesMax = Math.floor(bytesMax / offsetIndexEntryBytes);
  }

  get count(): number {
    return this.#file.count;
  }

  get isGrowing(): boolean {
    return this.#file.isGrowing;
  }

  get isFull(): boolean {
    return this.#file.count >= this.#entriesMax;
  }

  /** What its file holds once it is sealed. */
  image(): Buffer {
    return this.#file.image();
  }

  /** Null: there is none before it is sealed. */
  get file(): File | null {
    return this.#file.openFile;
  }

  create(): void {
    this.#file.create();
  }

  /** Empty, for all entries to be added again; the file stays as it is, or missing, until `seal`. */
  rebuild(): void {
    this.#file.rebuild();
  }

  grow(): void {
    this.#file.grow();
  }

  /** Adds (last offset of a batch, where it begins); both above those of the last entry. */
  append(lastOffset: number, batchPosition: number): void {
    const place = this.#file.append();
    writeInt32(this.#file.bytes, place + at.relativeOffset, lastOffset - this.baseOffset);
    writeInt32(this.#file.bytes, place + at.position, batchPosition);
  }

  /** A position in the .log file at or before the first batch whose last offset is at least `offset`. */
  lookup(offset: number): number {
    const target = Math.min(offset - this.baseOffset, relativeOffsetMax);
    const n = this.#file.lastAtMost(target, relativeOffset);
    return n < 0 ? 0 : this.#positionOf(n);
  }

  /** As `lookup`, and where the next entries are; null where that would cost reads. */
  surroundings(offset: number): Surroundings | null {
    const target = Math.min(offset - this.baseOffset, relativeOffsetMax);
    const n = this.#file.lastAtMost(target, relativeOffset);
    if (!this.#file.isInMemory) return null;
    return {
      position: n < 0 ? 0 : this.#positionOf(n),
      isThere: n >= 0 && this.#offsetOf(n) === offset,
      next: this.#positionOf(n + 1),
      afterNext: this.#positionOf(n + 2),
    };
  }

  /** The offset of the first entry at `logPosition` or behind it, or -1: a bound for what a read of the bytes before can hold. */
  offsetAtOrAfter(logPosition: number): number {
    const n = this.#file.lastAtMost(logPosition - 1, position) + 1;
    return this.#offsetOf(n);
  }

  /** The last offset that has an entry, or the base offset. */
  get lastOffset(): number {
    const n = this.#file.count - 1;
    return n < 0 ? this.baseOffset : this.#offsetOf(n);
  }

  /** Forgets the entries of `offset` and above. */
  truncateTo(offset: number): void {
    this.#file.truncate(this.#file.lastAtMost(offset - this.baseOffset - 1, relativeOffset) + 1);
  }

  seal(): void {
    this.#file.seal();
  }

  close(): void {
    this.#file.close();
  }

  /** -1: there is no such entry. */
  #positionOf(n: number): number {
    if (n >= this.#file.count) return -1;
    const place = this.#file.locate(n);
    return position(this.#file.bytes, place);
  }

  /** -1: there is no such entry. */
  #offsetOf(n: number): number {
    if (n >= this.#file.count) return -1;
    const place = this.#file.locate(n);
    return this.baseOffset + relativeOffset(this.#file.bytes, place);
  }
}
