import * as batch from '../protocol/records/batch.ts';
import { maxDecompressedBatchBytes } from '../protocol/records/compression.ts';
import { readLegacyBatch } from '../protocol/records/legacy.ts';
import { openRecords } from '../protocol/records/record.ts';
import type { FileSystem } from '../storage/environment/files.ts';
import type { AbortedTransaction } from '../storage/log/log-types.ts';
import { BatchReader } from './batch-reader.ts';
import { Uncleanable } from './clean-job.ts';
import { JsKernel } from './kernel-js.ts';
import { passMarker } from './retain.ts';
import { Transactions } from './transactions.ts';

/** The records of one key that are still in a log, found by reading all of it: for whoever asks why a record is there. */
export interface KeyRecords {
  /** All that there are. */
  readonly count: number;
  /** The newest of them in order of offset, and in any case the newest one that counts. */
  readonly records: readonly KeyRecord[];
  /** What is damaged, so that nothing behind it was read; null when all was. */
  readonly unreadable: string | null;
}

export interface KeyRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly segmentBaseOffset: number;
  /** null: a tombstone. */
  readonly valueBytes: number | null;
  /** Of its batch; -1 none. */
  readonly deleteHorizonMs: number;
  /** Whether its transaction has ended; `none`: it is in no transaction. */
  readonly transaction: 'none' | 'committed' | 'aborted' | 'open';
  /** -1: none. */
  readonly producerId: number;
}

export interface SearchedSegment {
  readonly baseOffset: number;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface KeySearch {
  readonly files: FileSystem;
  readonly segments: readonly SearchedSegment[];
  /** Of the whole log. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** First offsets of open transactions, by producer id. */
  readonly openTransactions: ReadonlyMap<number, number>;
  /** Records below it are not part of the log any more. */
  readonly logStartOffset: number;
  /** So many records are given back, at least 1; all of them are counted. */
  readonly recordsMax: number;
  /** Between chunks; what it throws ends the search. */
  readonly giveWay: () => Promise<void>;
}

const chunkBytes = 256 * 1024;

/** Reads until the end, or the first damage. Throws the FileError of a file that is not there. */
export async function findKey(key: Buffer, search: KeySearch): Promise<KeyRecords> {
  const found = new NewestRecords(search.recordsMax);
  try {
    await readAll(key, search, found);
  } catch (error) {
    if (!(error instanceof Uncleanable)) throw error;
    return found.all(error.message);
  }
  return found.all(null);
}

async function readAll(key: Buffer, search: KeySearch, found: NewestRecords): Promise<void> {
  const kernel = new JsKernel();
  const transactions = new Transactions(search.abortedTransactions);
  for (const segment of search.segments) {
    if (segment.sizeBytes === 0) continue;
    const file = search.files.openSync(segment.path, 'read');
    try {
      const reader = new BatchReader(kernel, file, segment.sizeBytes, chunkBytes);
      while (reader.fill()) {
        while (reader.next()) {
          if (!reader.isLegacy) reader.check();
          const loading = reader.codecReady();
          if (loading) await loading;
          reader.guarded(() => collect(key, reader, segment, transactions, search, found));
        }
        await search.giveWay();
      }
    } finally {
      file.close();
    }
  }
}

/** A record whose transaction was not aborted and is not open: what consumers go by. */
export function counts({ transaction }: KeyRecord): boolean {
  return transaction === 'none' || transaction === 'committed';
}

/** Bounded: a key may have millions of records before its log is cleaned for the first time. */
class NewestRecords {
  readonly #limit: number;
  #records: KeyRecord[] = [];
  #newestCounting: KeyRecord | null = null;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(record: KeyRecord): void {
    this.#count++;
    this.#records.push(record);
    if (counts(record)) this.#newestCounting = record;
    if (this.#records.length >= 2 * this.#limit) this.#records = this.#newest();
  }

  all(unreadable: string | null): KeyRecords {
    return { count: this.#count, records: this.#newest(), unreadable };
  }

  #newest(): KeyRecord[] {
    const newest = this.#records.slice(-this.#limit);
    const counting = this.#newestCounting;
    if (counting !== null && counting.offset < newest[0]!.offset) newest[0] = counting;
    return newest;
  }
}

function collect(
  key: Buffer,
  reader: BatchReader,
  segment: SearchedSegment,
  transactions: Transactions,
  search: KeySearch,
  found: NewestRecords,
): void {
  const { input, at } = reader;
  const { logStartOffset } = search;
  if (reader.isLegacy) {
    for (const record of readLegacyBatch(input, at).records) {
      if (record.offset < logStartOffset || !record.key?.equals(key)) continue;
      found.add({
        offset: record.offset,
        timestampMs: record.timestamp,
        segmentBaseOffset: segment.baseOffset,
        valueBytes: record.value?.length ?? null,
        deleteHorizonMs: -1,
        transaction: 'none',
        producerId: -1,
      });
    }
    return;
  }
  if (batch.isControl(input, at)) {
    passMarker(input, at, transactions);
    return;
  }
  const producerId = batch.producerId(input, at);
  const isTransactional = batch.isTransactional(input, at);
  const isAborted = transactions.isAborted(producerId, reader.lastOffset, isTransactional);
  const openFrom = search.openTransactions.get(producerId) ?? Number.POSITIVE_INFINITY;
  const isOpen = isTransactional && batch.baseOffset(input, at) >= openFrom;
  const ended = isAborted ? 'aborted' : isOpen ? 'open' : 'committed';
  const cursor = openRecords(input, at, maxDecompressedBatchBytes);
  while (cursor.next()) {
    const { keyStart, keyBytes, buffer } = cursor;
    if (cursor.offset < logStartOffset) continue;
    if (keyBytes !== key.length || key.compare(buffer, keyStart, keyStart + keyBytes) !== 0) continue;
    found.add({
      offset: cursor.offset,
      timestampMs: cursor.timestamp,
      segmentBaseOffset: segment.baseOffset,
      valueBytes: cursor.hasValue ? cursor.valueBytes : null,
      deleteHorizonMs: batch.hasDeleteHorizon(input, at) ? batch.baseTimestamp(input, at) : -1,
      transaction: isTransactional ? ended : 'none',
      producerId,
    });
  }
}
