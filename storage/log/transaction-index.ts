import { readInt16, readInt64, writeInt16, writeInt64 } from '../../protocol/records/int64.ts';
import type { File, FileSystem } from '../environment/files.ts';
import type { AbortedTransaction } from './log-types.ts';

/**
 * The aborted transactions of a segment: `.txnindex`, 34 bytes an entry, in order of `lastOffset`.
 *
 *    0    2              10              18              26              34
 *    | ver|  producerId  |  firstOffset  |  lastOffset   | stableOffset  |    ver = 0
 *
 * lastOffset is that of the ABORT marker, which lies in this segment; firstOffset may lie in an earlier one.
 * stableOffset is the last stable offset once the marker was written: no transaction below it can still be decided, so a
 * reader that wants the aborted ones up to some offset may stop at the first entry whose stableOffset reaches it.
 * The file exists only once there is an entry.
 */
const at = { version: 0, producerId: 2, firstOffset: 10, lastOffset: 18, lastStableOffset: 26 } as const;
export const transactionIndexEntryBytes = 34;

export interface TransactionIndexEntry extends AbortedTransaction {
  readonly version: number;
}

/** The entry at a byte of the file; 34 bytes are there. */
export function transactionIndexEntry(bytes: Buffer, place: number): TransactionIndexEntry {
  return {
    version: readInt16(bytes, place + at.version),
    producerId: readInt64(bytes, place + at.producerId),
    firstOffset: readInt64(bytes, place + at.firstOffset),
    lastOffset: readInt64(bytes, place + at.lastOffset),
    lastStableOffset: readInt64(bytes, place + at.lastStableOffset),
  };
}

export class TransactionIndex {
  readonly #files: FileSystem;
  readonly #path: string;
  #exists: boolean;
  #file: File | null = null;
  #entries: AbortedTransaction[] | null = null;

  /** `exists`: whether the file is there. It is read when it is first needed. */
  constructor(files: FileSystem, path: string, exists: boolean) {
    this.#files = files;
    this.#path = path;
    this.#exists = exists;
  }

  /** Null while there is none. */
  get file(): File | null {
    return this.#exists ? this.#open() : null;
  }

  get entries(): readonly AbortedTransaction[] {
    if (!this.#exists) return [];
    this.#entries ??= this.#read();
    return this.#entries;
  }

  /** Adds an entry; its lastOffset is above that of the last one. */
  append(aborted: AbortedTransaction): void {
    const count = this.entries.length;
    const entry = Buffer.alloc(transactionIndexEntryBytes);
    writeInt16(entry, at.version, 0);
    writeInt64(entry, at.producerId, aborted.producerId);
    writeInt64(entry, at.firstOffset, aborted.firstOffset);
    writeInt64(entry, at.lastOffset, aborted.lastOffset);
    writeInt64(entry, at.lastStableOffset, aborted.lastStableOffset);
    this.#open().writeSync([entry], count * transactionIndexEntryBytes);
    this.#entries ??= [];
    this.#entries.push(aborted);
  }

  /** Makes it hold exactly these; nothing is written where it does already. */
  rewrite(aborted: readonly AbortedTransaction[]): void {
    if (isSame(this.entries, aborted)) return;
    if (this.#exists) this.#open().truncateSync(0);
    this.#entries = [];
    for (const transaction of aborted) this.append(transaction);
  }

  /**
   * Adds to `found` the transactions that a read of [fromOffset, upTo) must know, and returns true when no later segment
   * can have another one.
   */
  collect(fromOffset: number, upTo: number, found: AbortedTransaction[]): boolean {
    for (const aborted of this.entries) {
      if (aborted.lastOffset >= fromOffset && aborted.firstOffset < upTo) found.push(aborted);
      if (aborted.lastStableOffset >= upTo) return true;
    }
    return false;
  }

  /** Forgets the transactions whose marker is at `offset` or above. */
  truncateTo(offset: number): void {
    const kept = this.entries.filter((aborted) => aborted.lastOffset < offset);
    if (kept.length === this.entries.length) return;
    this.#entries = kept;
    this.#open().truncateSync(kept.length * transactionIndexEntryBytes);
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#entries = null;
  }

  #open(): File {
    this.#file ??= this.#files.openSync(this.#path, 'create');
    this.#exists = true;
    return this.#file;
  }

  /** A torn or foreign tail is cut off: what it said is found again when its segment is recovered. */
  #read(): AbortedTransaction[] {
    const file = this.#open();
    const bytes = Buffer.alloc(file.size);
    const got = file.readSync(bytes, 0, bytes.length, 0);
    const found: AbortedTransaction[] = [];
    for (let place = 0; place + transactionIndexEntryBytes <= got; place += transactionIndexEntryBytes) {
      const { version, ...aborted } = transactionIndexEntry(bytes, place);
      if (version !== 0) break;
      found.push(aborted);
    }
    return found;
  }
}

function isSame(a: readonly AbortedTransaction[], b: readonly AbortedTransaction[]): boolean {
  const isEqual = (x: AbortedTransaction, y: AbortedTransaction): boolean =>
    x.producerId === y.producerId &&
    x.firstOffset === y.firstOffset &&
    x.lastOffset === y.lastOffset &&
    x.lastStableOffset === y.lastStableOffset;
  return a.length === b.length && a.every((each, n) => isEqual(each, b[n]!));
}
