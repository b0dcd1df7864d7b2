import { readInt32, readInt64, writeInt32, writeInt64 } from '../../protocol/records/int64.ts';
import type { File, FileSystem } from '../environment/files.ts';
import { IndexFile } from './index-file.ts';

/**
 * Finds a place by time: `.timeindex`, 12 bytes an entry, big-endian, ascending in both fields.
 *
 *    0                               8               12
 *    |           timestamp           | relativeOffset|   the greatest timestamp up to here, and the last offset of the
 *                                                        batch that had it, relative to the segment's base offset
 *
 * "No record before this offset has a greater timestamp." An entry is made beside each of the offset index, and when the
 * segment is rolled or closed, if the timestamp has grown since. The last place is kept for that closing entry, so that
 * the index counts as full one entry early. A closed segment that holds records has at least one entry.
 */
const at = { timestamp: 0, relativeOffset: 8 } as const;
export const timeIndexEntryBytes = 12;

const timestamp = (entries: Buffer, place: number): number => readInt64(entries, place + at.timestamp);
const relativeOffset = (entries: Buffer, place: number): number =>
  readInt32(entries, place + at.relativeOffset);

export interface TimeIndexEntry {
  /** -1: no entry. */
  readonly timestampMs: number;
  readonly offset: number;
}

export class TimeIndex {
  readonly baseOffset: number;
  readonly #file: IndexFile;
  #entriesMax: number;

  constructor(files: FileSystem, path: string, baseOffset: number, bytesMax: number) {
    this.baseOffset = baseOffset;
    this.#file = new IndexFile(files, path, timeIndexEntryBytes);
    this.#entriesMax = Math.floor(bytesMax / timeIndexEntryBytes);
  }

  get count(): number {
    return this.#file.count;
  }

  get isFull(): boolean {
    return this.#file.count >= this.#entriesMax - 1;
  }

  /** What its file holds once it is sealed, with `closing` as its last entry. */
  image(closing: TimeIndexEntry): Buffer {
    const bytes = this.#file.image();
    if (closing.timestampMs <= this.lastEntry.timestampMs) return bytes;
    const entry = Buffer.alloc(timeIndexEntryBytes);
    writeInt64(entry, at.timestamp, closing.timestampMs);
    writeInt32(entry, at.relativeOffset, closing.offset - this.baseOffset);
    return Buffer.concat([bytes, entry]);
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

  /** Adds an entry if `timestampMs` is above that of the last one. */
  maybeAppend(timestampMs: number, offset: number): void {
    if (timestampMs <= this.lastEntry.timestampMs) return;
    const place = this.#file.append();
    writeInt64(this.#file.bytes, place + at.timestamp, timestampMs);
    writeInt32(this.#file.bytes, place + at.relativeOffset, offset - this.baseOffset);
  }

  get lastEntry(): TimeIndexEntry {
    return this.#entry(this.#file.count - 1);
  }

  /** The last entry with at most this timestamp; (-1, base offset) if there is none. */
  lookup(timestampMs: number): TimeIndexEntry {
    return this.#entry(this.#file.lastAtMost(timestampMs, timestamp));
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

  #entry(n: number): TimeIndexEntry {
    if (n < 0) return { timestampMs: -1, offset: this.baseOffset };
    const place = this.#file.locate(n);
    const bytes = this.#file.bytes;
    return { timestampMs: timestamp(bytes, place), offset: this.baseOffset + relativeOffset(bytes, place) };
  }
}
