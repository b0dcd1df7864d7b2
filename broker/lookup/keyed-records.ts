/** The records with a key in a data batch of any magic, and those behind what a table has read. */
import * as batch from '../../protocol/records/batch.ts';
import { ensureCodec, maxDecompressedBatchBytes } from '../../protocol/records/compression.ts';
import { messageCodec, readLegacyBatch } from '../../protocol/records/legacy.ts';
import { openRecords } from '../../protocol/records/record.ts';
import { lastOffsetAt } from '../../storage/log/batch-walk.ts';
import type { Log } from '../../storage/log/log.ts';
import { abortedBy, isData } from './decided-batches.ts';
import { bytesOf, refuseUnreadable } from './read-record.ts';

/** `bytes[start, end)` is the key, lent until it returns. */
export type KeyVisitor = (
  bytes: Buffer,
  start: number,
  end: number,
  offset: number,
  isTombstone: boolean,
) => void;

/** The codec of the batch must be loaded. */
export function forEachKey(chunk: Buffer, at: number, visit: KeyVisitor): void {
  if (batch.magic(chunk, at) < batch.magicV2) {
    for (const { key, value, offset } of readLegacyBatch(chunk, at).records) {
      if (key !== null) visit(key, 0, key.length, offset, value === null);
    }
    return;
  }
  const cursor = openRecords(chunk, at, maxDecompressedBatchBytes);
  while (cursor.next()) {
    const { buffer, keyStart, keyBytes } = cursor;
    if (keyBytes >= 0) visit(buffer, keyStart, keyStart + keyBytes, cursor.offset, !cursor.hasValue);
  }
}

const chunkBytes = 256 * 1024;

/**
 * The newest offset of a key at or above `from`, up to the end of the log: of open transactions too, not of aborted ones; -1 without
 * any. A promise only where a codec has to be loaded.
 */
export function newestBehind(log: Log, from: number, key: Buffer): number | Promise<number> {
  let newest = -1;
  const take = (bytes: Buffer, start: number, end: number, offset: number): void => {
    if (offset >= from && end - start === key.length && key.compare(bytes, start, end) === 0) newest = offset;
  };
  const aborted = abortedBy(log.abortedTransactions(from, log.endOffset));
  for (let next = Math.max(from, log.logStartOffset); next < log.endOffset; ) {
    const read = log.read(next, { maxBytes: chunkBytes, minOneBatch: true, upTo: 'end' });
    if (!read.ok) return refuseUnreadable(log, `error ${read.errorCode}`);
    const [region] = read.regions;
    if (region === undefined) break;
    const chunk = bytesOf(region);
    for (let at = 0, bytes = 0; ; at += bytes) {
      bytes = batch.batchBytesAt(chunk, at, chunk.length);
      if (bytes === 0) break;
      next = lastOffsetAt(chunk, at) + 1;
      const isLegacy = batch.magic(chunk, at) < batch.magicV2;
      if (!isLegacy && !isData(chunk, at, aborted)) continue;
      const loading = ensureCodec(isLegacy ? messageCodec(chunk, at) : batch.codecOf(chunk, at));
      if (loading) return loading.then(() => newestBehind(log, from, key));
      forEachKey(chunk, at, take);
    }
  }
  return newest;
}
