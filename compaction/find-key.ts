import * as batch from '../protocol/records/batch.ts';
import { maxDecompressedBatchBytes } from '../protocol/records/compression.ts';
import { readLegacyBatch } from '../protocol/records/legacy.ts';
import { openRecords } from '../protocol/records/record.ts';
import type { FileSystem } from '../storage/environment/files.ts';
import type { AbortedTransaction } from '../storage/log/log-types.ts';
import { BatchReader } from './batch-reader.ts';
import { JsKernel } from './kernel-js.ts';
import { passMarker } from './retain.ts';
import { Transactions } from './transactions.ts';

/** Every record of one key that is still in a log, found by reading all of it: for whoever asks why a record is there. */
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
  /** Between chunks. */
  readonly giveWay: () => Promise<void>;
}

const chunkBytes = 256 * 1024;

/** In order of offset. Throws `Uncleanable` at damaged bytes. */
export async function findKey(key: Buffer, search: KeySearch): Promise<KeyRecord[]> {
  const found: KeyRecord[] = [];
  const kernel = new JsKernel();
  const transactions = new Transactions(search.abortedTransactions);
  for (const segment of search.segments) {
    if (segment.sizeBytes === 0) continue;
    const file = search.files.openSync(segment.path, 'read');
    try {
      const reader = new BatchReader(kernel, file, segment.sizeBytes, chunkBytes);
      while (reader.fill()) {
        while (reader.next()) {
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
  return found.filter(({ offset }) => offset >= search.logStartOffset);
}

function collect(
  key: Buffer,
  reader: BatchReader,
  segment: SearchedSegment,
  transactions: Transactions,
  search: KeySearch,
  found: KeyRecord[],
): void {
  const { input, at } = reader;
  if (reader.isLegacy) {
    for (const record of readLegacyBatch(input, at).records) {
      if (!record.key?.equals(key)) continue;
      found.push({
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
    if (keyBytes !== key.length || key.compare(buffer, keyStart, keyStart + keyBytes) !== 0) continue;
    found.push({
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
