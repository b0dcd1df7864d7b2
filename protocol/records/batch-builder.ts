/**
 * Makes batches of magic 2: markers, journals, converted and recompressed produce, compaction, tests. The layout is drawn in
 * batch.ts and record.ts. Without a codec the bytes are those that Kafka's own builder makes of the same records:
 * baseTimestamp is that of the first record (or the delete horizon), maxTimestamp the greatest (or the append time), and a
 * record's own timestamp stays in its delta even where the append time hides it.
 */

import * as batch from './batch.ts';
import { codecById } from './compression.ts';
import { writeInt16, writeInt32, writeInt64 } from './int64.ts';
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts';

export interface NewRecord {
  /** From the batch's base offset; left out: one more than the record before. */
  readonly offsetDelta?: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: readonly { readonly key: string; readonly value: Buffer | null }[];
}

export interface NewBatch {
  readonly baseOffset?: number;
  /** -1: the broker that appends it will say. */
  readonly leaderEpoch?: number;
  /** See `codecIds`; zstd must be loaded (`ensureCodec`). */
  readonly codec?: number;
  readonly level?: number;
  readonly timestampType?: batch.TimestampType;
  /** The time of all records where `timestampType` is LogAppendTime. */
  readonly logAppendTimeMs?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Until when the tombstones in it must be kept (KIP-534); it takes the place of baseTimestamp. */
  readonly deleteHorizonMs?: number;
  /** Left out: that of the last record. A batch that lost records keeps the offset it ended with. */
  readonly lastOffsetDelta?: number;
  /** Left out: as the records say. */
  readonly maxTimestampMs?: number;
  readonly records: readonly NewRecord[];
}

const noTimestamp = -1;

/** A whole batch in a buffer of its own. */
export function buildBatch(options: NewBatch): Buffer {
  const { records, codec = 0 } = options;
  const baseTimestamp = options.deleteHorizonMs ?? records[0]?.timestampMs ?? noTimestamp;
  const header = batch.batchHeaderBytes;
  const plain = Buffer.allocUnsafe(header + sizeOfRecords(records, baseTimestamp));
  writeRecords(plain, header, records, baseTimestamp);
  let buffer = plain;
  if (codec !== 0) {
    const compressed = codecById(codec).compress(plain.subarray(header), options.level);
    buffer = Buffer.allocUnsafe(header + compressed.length);
    compressed.copy(buffer, header);
  }
  writeHeader(buffer, options, baseTimestamp);
  return buffer;
}

/** Bytes of one record whose deltas are known, its length prefix included. */
export function sizeOfRecord(record: NewRecord, offsetDelta: number, timestampDelta: number): number {
  const body = sizeOfBody(record, offsetDelta, timestampDelta);
  return sizeOfVarint(body) + body;
}

function writeHeader(buffer: Buffer, options: NewBatch, baseTimestamp: number): void {
  const { records, timestampType = 'CreateTime' } = options;
  const at = batch.batchFields;
  const attributes = batch.attributesOf(
    options.codec ?? 0,
    timestampType,
    options.isTransactional ?? false,
    options.isControl ?? false,
    options.deleteHorizonMs !== undefined,
  );
  writeInt64(buffer, at.baseOffset, options.baseOffset ?? 0);
  writeInt32(buffer, at.length, buffer.length - batch.logOverhead);
  writeInt32(buffer, at.partitionLeaderEpoch, options.leaderEpoch ?? -1);
  buffer[at.magic] = batch.magicV2;
  writeInt16(buffer, at.attributes, attributes);
  writeInt32(buffer, at.lastOffsetDelta, options.lastOffsetDelta ?? lastDelta(records));
  writeInt64(buffer, at.baseTimestamp, baseTimestamp);
  writeInt64(buffer, at.maxTimestamp, maxTimestampOf(options, timestampType));
  writeInt64(buffer, at.producerId, options.producerId ?? -1);
  writeInt16(buffer, at.producerEpoch, options.producerEpoch ?? -1);
  writeInt32(buffer, at.baseSequence, options.baseSequence ?? -1);
  writeInt32(buffer, at.recordCount, records.length);
  batch.stampCrc(buffer, 0);
}

function maxTimestampOf(options: NewBatch, timestampType: batch.TimestampType): number {
  if (timestampType === 'LogAppendTime') return options.logAppendTimeMs ?? noTimestamp;
  if (options.maxTimestampMs !== undefined) return options.maxTimestampMs;
  let max = noTimestamp;
  for (const record of options.records) if (record.timestampMs > max) max = record.timestampMs;
  return max;
}

function lastDelta(records: readonly NewRecord[]): number {
  let delta = -1;
  for (const record of records) delta = record.offsetDelta ?? delta + 1;
  return delta;
}

function sizeOfRecords(records: readonly NewRecord[], baseTimestamp: number): number {
  let total = 0;
  let delta = -1;
  for (const record of records) {
    delta = record.offsetDelta ?? delta + 1;
    total += sizeOfRecord(record, delta, record.timestampMs - baseTimestamp);
  }
  return total;
}

function writeRecords(
  buffer: Buffer,
  position: number,
  records: readonly NewRecord[],
  baseTimestamp: number,
): void {
  let at = position;
  let delta = -1;
  for (const record of records) {
    delta = record.offsetDelta ?? delta + 1;
    const timestampDelta = record.timestampMs - baseTimestamp;
    at = writeVarint(buffer, at, sizeOfBody(record, delta, timestampDelta));
    buffer[at++] = 0;
    at = writeVarlong(buffer, at, timestampDelta);
    at = writeVarint(buffer, at, delta);
    at = writeBytes(buffer, at, record.key);
    at = writeBytes(buffer, at, record.value);
    const headers = record.headers ?? [];
    at = writeVarint(buffer, at, headers.length);
    for (const header of headers) {
      const keyBytes = Buffer.byteLength(header.key);
      at = writeVarint(buffer, at, keyBytes);
      at += buffer.write(header.key, at, keyBytes, 'utf8');
      at = writeBytes(buffer, at, header.value);
    }
  }
}

function sizeOfBody(record: NewRecord, offsetDelta: number, timestampDelta: number): number {
  const headers = record.headers ?? [];
  let bytes =
    1 +
    sizeOfVarlong(timestampDelta) +
    sizeOfVarint(offsetDelta) +
    sizeOfBytes(record.key) +
    sizeOfBytes(record.value) +
    sizeOfVarint(headers.length);
  for (const header of headers) {
    const keyBytes = Buffer.byteLength(header.key);
    bytes += sizeOfVarint(keyBytes) + keyBytes + sizeOfBytes(header.value);
  }
  return bytes;
}

function sizeOfBytes(bytes: Buffer | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;
}

function writeBytes(buffer: Buffer, position: number, bytes: Buffer | null): number {
  if (bytes === null) return writeVarint(buffer, position, -1);
  const at = writeVarint(buffer, position, bytes.length);
  return at + bytes.copy(buffer, at);
}
