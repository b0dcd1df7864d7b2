/**
 * Messages of magic 0 and 1: what batches were before Kafka 0.11. We read them (a log that an old Kafka wrote, a client that
 * never moved on) and convert them when they are appended; we never write them.
 *
 *      0       8      12     16 17 18                26
 *     | offset | size | crc  |mg|at| timestamp        | key size | key | value size | value     sizes int32, -1: null
 *                                  (magic 1 only)
 *
 * - `size` counts what follows it; `crc` is CRC-32 (IEEE, not Castagnoli) from the magic to the end.
 * - `at`: bits 0-2 codec (zstd does not exist here), bit 3 timestamp type.
 * - Without a codec, every message is a batch of one. With one, the message is a wrapper: its value is the compressed bytes
 *   of messages of the same kind, its offset that of the last of them. In magic 1 inner offsets count from 0 and the
 *   wrapper's offset says where that is; in magic 0 they are absolute. A wrapper with append time hides its messages' own.
 */

import { crc32 } from 'node:zlib';
import { batchSizeInBytes, logOverhead, magic, type TimestampType } from './batch.ts';
import { codecById, codecIds, maxDecompressedBatchBytes } from './compression.ts';
import { readInt32, readInt64 } from './int64.ts';
import type { LogRecord } from './record.ts';
import { corrupt, invalidRecord } from './record-error.ts';

const at = { offset: 0, size: 8, crc: 12, magic: 16, attributes: 17, timestamp: 18 } as const;
const codecMask = 0x07;
const logAppendTimeBit = 0x08;
const noTimestamp = -1;
const minMessageBytes = [26, 34] as const;

/** A record that came in an old message: no headers, and some things to be checked before it is stored. */
export interface LegacyRecord extends LogRecord {
  /** Of the message itself; may differ from its wrapper's, which is an error on append. */
  readonly magic: number;
  readonly hasValidCrc: boolean;
}

/** One message, or a wrapper with the messages in it. */
export interface LegacyBatch {
  readonly magic: number;
  readonly codec: number;
  readonly crc: number;
  /** Null in magic 0, which has no timestamps. */
  readonly timestampType: TimestampType | null;
  /** -1 in magic 0. */
  readonly maxTimestamp: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly records: readonly LegacyRecord[];
}

export interface LegacyLimits {
  readonly maxDecompressedBytes?: number;
  /** Of one message inside a wrapper. */
  readonly maxRecordBodyBytes?: number;
}

/** The codec in a message's attributes. */
export function messageCodec(buffer: Buffer, position: number): number {
  return buffer[position + at.attributes]! & codecMask;
}

/** Throws CORRUPT_MESSAGE unless the message at `position` is large enough for its magic and carries its own checksum. */
export function ensureValidMessage(buffer: Buffer, position: number): void {
  const end = position + batchSizeInBytes(buffer, position);
  ensureFields(buffer, position);
  if (!hasValidCrc(buffer, position, end)) throw corrupt('Message does not match its checksum');
}

/** Reads the message at `position`, whose whole size lies in `buffer`, and what it wraps. */
export function readLegacyBatch(buffer: Buffer, position: number, limits: LegacyLimits = {}): LegacyBatch {
  ensureFields(buffer, position);
  const attributes = buffer[position + at.attributes]!;
  const ownMagic = magic(buffer, position);
  const codec = attributes & codecMask;
  const timestampType =
    ownMagic === 0 ? null : attributes & logAppendTimeBit ? 'LogAppendTime' : 'CreateTime';
  const wrapper = readMessage(buffer, position, null);
  const records = codec === codecIds.none ? [wrapper] : unwrap(wrapper, codec, timestampType, limits);
  return {
    magic: ownMagic,
    codec,
    crc: readInt32(buffer, position + at.crc) >>> 0,
    timestampType,
    maxTimestamp: wrapper.timestamp,
    baseOffset: records[0]!.offset,
    lastOffset: wrapper.offset,
    records,
  };
}

function unwrap(
  wrapper: LegacyRecord,
  codec: number,
  timestampType: TimestampType | null,
  limits: LegacyLimits,
): LegacyRecord[] {
  if (codec === codecIds.zstd)
    throw invalidRecord(`Message of magic ${wrapper.magic} cannot be compressed with zstd`);
  if (wrapper.value === null) throw invalidRecord('Message with a codec has no value');
  const limit = limits.maxDecompressedBytes ?? maxDecompressedBatchBytes;
  const inner = codecById(codec).decompress(wrapper.value, limit, wrapper.magic);
  const appendTime = timestampType === 'LogAppendTime' ? wrapper.timestamp : null;
  const records = readInner(inner, appendTime, limits.maxRecordBodyBytes ?? Number.POSITIVE_INFINITY);
  const last = records.at(-1);
  if (last === undefined) throw invalidRecord('Message with a codec wraps no messages');
  if (wrapper.magic === 0) return records;
  // Some versions of librdkafka left the wrapper's offset at 0: then the inner ones are taken as they are.
  if (wrapper.offset !== 0 && wrapper.offset < last.offset)
    throw invalidRecord(
      `Message with offset ${wrapper.offset} wraps one with the relative offset ${last.offset}`,
    );
  const base = wrapper.offset === 0 ? 0 : wrapper.offset - last.offset;
  return records.map((record) => ({ ...record, offset: base + record.offset }));
}

/** The messages of an uncompressed set; one that is cut short at the end is left out, as Kafka does. */
function readInner(buffer: Buffer, appendTime: number | null, maxBodyBytes: number): LegacyRecord[] {
  const records: LegacyRecord[] = [];
  let position = 0;
  while (buffer.length - position >= logOverhead) {
    const size = readInt32(buffer, position + at.size);
    if (size < minMessageBytes[0] - logOverhead) throw corrupt(`Wrapped message has a size of ${size} bytes`);
    if (size > maxBodyBytes)
      throw invalidRecord(
        `Wrapped message of ${size} bytes is over the limit of ${maxBodyBytes} for one record`,
      );
    if (size > buffer.length - position - logOverhead) break;
    ensureFields(buffer, position);
    if (messageCodec(buffer, position) !== codecIds.none)
      throw invalidRecord('Wrapped message is compressed again');
    records.push(readMessage(buffer, position, appendTime));
    position += logOverhead + size;
  }
  return records;
}

function readMessage(buffer: Buffer, position: number, appendTime: number | null): LegacyRecord {
  const end = position + batchSizeInBytes(buffer, position);
  const ownMagic = magic(buffer, position);
  const timestamp = ownMagic === 0 ? noTimestamp : (appendTime ?? readInt64(buffer, position + at.timestamp));
  const keyAt = position + (ownMagic === 0 ? at.timestamp : at.timestamp + 8);
  const key = readSized(buffer, keyAt, end);
  const value = readSized(buffer, keyAt + 4 + (key?.length ?? 0), end);
  return {
    offset: readInt64(buffer, position + at.offset),
    timestamp,
    key,
    value,
    headers: [],
    magic: ownMagic,
    hasValidCrc: hasValidCrc(buffer, position, end),
  };
}

function readSized(buffer: Buffer, position: number, end: number): Buffer | null {
  if (end - position < 4) throw corrupt('Message ends where a key or value should begin');
  const size = readInt32(buffer, position);
  if (size < 0) return null;
  if (size > end - position - 4)
    throw corrupt(`Message has a key or value of ${size} bytes and ends before it`);
  return buffer.subarray(position + 4, position + 4 + size);
}

function hasValidCrc(buffer: Buffer, position: number, end: number): boolean {
  return readInt32(buffer, position + at.crc) >>> 0 === crc32(buffer.subarray(position + at.magic, end));
}

function ensureFields(buffer: Buffer, position: number): void {
  const least = minMessageBytes[magic(buffer, position)];
  if (least === undefined) throw corrupt(`Message has the magic ${magic(buffer, position)}`);
  if (batchSizeInBytes(buffer, position) < least)
    throw corrupt(`Message of ${batchSizeInBytes(buffer, position)} bytes is smaller than its fields`);
}
