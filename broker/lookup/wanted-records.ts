/** Records of a data batch whose keys somebody wants: all, those with a prefix, or one. */
import * as batch from '../../protocol/records/batch.ts';
import { maxDecompressedBatchBytes } from '../../protocol/records/compression.ts';
import { readLegacyBatch } from '../../protocol/records/legacy.ts';
import { type LogRecord, openRecords } from '../../protocol/records/record.ts';
import type { Log } from '../../storage/log/log.ts';
import type { KeyRecord } from './lookup.ts';

export interface KeyFilter {
  /** The key itself; without it, what a key begins with. */
  readonly isWhole: boolean;
  readonly bytes: Buffer;
}

export function keyFilter(key?: Buffer, prefix?: Buffer): KeyFilter {
  return key === undefined
    ? { isWhole: false, bytes: prefix ?? Buffer.alloc(0) }
    : { isWhole: true, bytes: key };
}

/** A record with a key, never null; its bytes are lent until the visitor returns. */
export type KeyedRecord = LogRecord & { readonly key: Buffer };

/** False: no further ones of this batch are wanted. */
export type WantedVisitor = (record: KeyedRecord, leaderEpoch: number) => boolean;

/** Visits the wanted records from `fromOffset` on; the codec of the batch must be loaded. False when the visitor said so. */
export function forEachWanted(
  chunk: Buffer,
  at: number,
  filter: KeyFilter,
  fromOffset: number,
  visit: WantedVisitor,
): boolean {
  if (batch.magic(chunk, at) < batch.magicV2) {
    for (const record of readLegacyBatch(chunk, at).records) {
      if (record.offset < fromOffset || !isWanted(filter, record.key, 0, record.key?.length ?? -1)) continue;
      if (!visit(record as KeyedRecord, -1)) return false;
    }
    return true;
  }
  const cursor = openRecords(chunk, at, maxDecompressedBatchBytes);
  const leaderEpoch = batch.partitionLeaderEpoch(chunk, at);
  while (cursor.next()) {
    const { buffer, keyStart, keyBytes } = cursor;
    if (cursor.offset < fromOffset || !isWanted(filter, buffer, keyStart, keyBytes)) continue;
    if (!visit(cursor.record() as KeyedRecord, leaderEpoch)) return false;
  }
  return true;
}

export function wants(filter: KeyFilter, { key }: KeyRecord): boolean {
  return isWanted(filter, key, 0, key.length);
}

/** `keyBytes` below 0: there is no key. */
function isWanted(
  { isWhole, bytes }: KeyFilter,
  buffer: Buffer | null,
  start: number,
  keyBytes: number,
): boolean {
  if (buffer === null || keyBytes < bytes.length || (isWhole && keyBytes !== bytes.length)) return false;
  return bytes.length === 0 || bytes.compare(buffer, start, start + bytes.length) === 0;
}

/** A copy that stays. */
export function copyOfRecord(log: Log, record: KeyedRecord, leaderEpoch: number): KeyRecord {
  const { topic, topicId, partition } = log;
  const { offset, timestamp, key, value, headers } = record;
  return {
    topic,
    topicId,
    partition,
    offset,
    leaderEpoch,
    timestampMs: timestamp,
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: headers.map(({ key: name, value: bytes }) => {
      return { name, value: bytes === null ? null : Buffer.from(bytes) };
    }),
  };
}

/** What a record takes in memory, about. */
export function bytesOfRecord({ key, value, headers }: KeyRecord): number {
  let bytes = 100 + key.length + (value?.length ?? 0);
  for (const header of headers) bytes += 50 + header.name.length + (header.value?.length ?? 0);
  return bytes;
}
