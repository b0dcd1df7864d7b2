/**
 * A record batch, magic 2: the same bytes on the wire and in a segment. Everything is big-endian.
 *
 *      0               8       12      16 17      21  23      27
 *     | baseOffset    | length| leader|mg| crc   |att| last  | baseTimestamp …
 *     |               |       | epoch |2 |       |   | delta |
 *     27              35              43              51  53      57      61
 *     | baseTimestamp | maxTimestamp  | producerId    |ep.| base  | record| records …
 *     |               |               |               |   | seq.  | count | (compressed as one where a codec is set)
 *
 * - `length` counts the bytes after itself: the whole batch has `length + 12`.
 * - `crc` is CRC-32C over everything from `attributes` to the end. Base offset and leader epoch lie before it, so that a
 *   broker can stamp them without touching the rest.
 * - lastOffset = baseOffset + lastOffsetDelta. A batch that the cleaner thinned out, even to nothing, keeps its first and
 *   last offset and its sequences; only recordCount and records shrink.
 * - `attributes`: bits 0-2 codec, 3 timestamp type (1: the broker's append time, which is then maxTimestamp for every
 *   record), 4 transactional, 5 control, 6 baseTimestamp is a delete horizon (KIP-534); the others are free.
 * - The sequence of a record is baseSequence + its offset delta, and after 2^31 - 1 comes 0. -1: no producer id/epoch/sequence.
 *
 * Message sets of magic 0 and 1 (see legacy.ts) share bytes 0-11 and have their magic at byte 16 too, so that walking over
 * a buffer is one loop for all three. All functions here take (buffer, position of the batch) and allocate nothing; those
 * that read fields of magic 2 assume that `batchBytesAt` and `ensureValid` have accepted the place.
 */

import { crc32c } from './crc32c.ts';
import { readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from './int64.ts';
import { corrupt } from './record-error.ts';

const at = {
  baseOffset: 0,
  length: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

/** Where the fields of a v2 batch lie, for those who read a header from a file themselves. */
export const batchFields: Readonly<typeof at> = at;

/** Base offset and length: what must be there to know how long the rest is. */
export const logOverhead = 12;
/** As much as is needed to know size and magic. */
export const sizeAndMagicBytes = 17;
/** Everything before the records. */
export const batchHeaderBytes = 61;
/** The least `length` of any magic: the fields of a magic 0 message with neither key nor value. */
const minLength = 14;
const maxLength = 0x7fffffff - logOverhead;

export const magicV2 = 2;

const codecMask = 0x07;
const logAppendTimeBit = 0x08;
const transactionalBit = 0x10;
const controlBit = 0x20;
const deleteHorizonBit = 0x40;

/** As in `message.timestamp.type`. */
export type TimestampType = 'CreateTime' | 'LogAppendTime';

export function baseOffset(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + at.baseOffset);
}

/** The whole batch, base offset and length included. */
export function batchSizeInBytes(buffer: Buffer, position: number): number {
  return readInt32(buffer, position + at.length) + logOverhead;
}

export function partitionLeaderEpoch(buffer: Buffer, position: number): number {
  return readInt32(buffer, position + at.partitionLeaderEpoch);
}

export function magic(buffer: Buffer, position: number): number {
  return (buffer[position + at.magic]! << 24) >> 24;
}

/** The checksum that the batch carries, unsigned. */
export function crc(buffer: Buffer, position: number): number {
  return readInt32(buffer, position + at.crc) >>> 0;
}

export function attributes(buffer: Buffer, position: number): number {
  return readInt16(buffer, position + at.attributes);
}

/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5-7 do not exist but can be read. */
export function codecOf(buffer: Buffer, position: number): number {
  return buffer[position + at.attributes + 1]! & codecMask;
}

export function timestampType(buffer: Buffer, position: number): TimestampType {
  return (buffer[position + at.attributes + 1]! & logAppendTimeBit) === 0 ? 'CreateTime' : 'LogAppendTime';
}

export function isTransactional(buffer: Buffer, position: number): boolean {
  return (buffer[position + at.attributes + 1]! & transactionalBit) !== 0;
}

/** Transaction markers and the records of Raft itself: never given to an application. */
export function isControl(buffer: Buffer, position: number): boolean {
  return (buffer[position + at.attributes + 1]! & controlBit) !== 0;
}

/** True when `baseTimestamp` says until when the tombstones and markers of this batch must stay. */
export function hasDeleteHorizon(buffer: Buffer, position: number): boolean {
  return (buffer[position + at.attributes + 1]! & deleteHorizonBit) !== 0;
}

export function lastOffsetDelta(buffer: Buffer, position: number): number {
  return readInt32(buffer, position + at.lastOffsetDelta);
}

export function lastOffset(buffer: Buffer, position: number): number {
  return baseOffset(buffer, position) + lastOffsetDelta(buffer, position);
}

/** What the records' timestamp deltas count from; with `hasDeleteHorizon` it is the horizon too. */
export function baseTimestamp(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + at.baseTimestamp);
}

export function maxTimestamp(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + at.maxTimestamp);
}

export function producerId(buffer: Buffer, position: number): number {
  return readInt64(buffer, position + at.producerId);
}

export function producerEpoch(buffer: Buffer, position: number): number {
  return readInt16(buffer, position + at.producerEpoch);
}

export function baseSequence(buffer: Buffer, position: number): number {
  return readInt32(buffer, position + at.baseSequence);
}

/** The sequence of the last offset, -1 when the batch has none. */
export function lastSequence(buffer: Buffer, position: number): number {
  const first = baseSequence(buffer, position);
  return first < 0 ? -1 : incrementSequence(first, lastOffsetDelta(buffer, position));
}

export function recordCount(buffer: Buffer, position: number): number {
  return readInt32(buffer, position + at.recordCount);
}

/** `sequence + increment` on the circle 0 … 2^31 - 1. */
export function incrementSequence(sequence: number, increment: number): number {
  const sum = sequence + increment;
  return sum > 0x7fffffff ? sum - 0x80000000 : sum;
}

/** Outside the checksum. */
export function setBaseOffset(buffer: Buffer, position: number, offset: number): void {
  writeInt64(buffer, position + at.baseOffset, offset);
}

/** Outside the checksum. */
export function setPartitionLeaderEpoch(buffer: Buffer, position: number, epoch: number): void {
  writeInt32(buffer, position + at.partitionLeaderEpoch, epoch);
}

/** Sets timestamp type and greatest timestamp, and the checksum again; nothing is done when both are so already. */
export function restamp(buffer: Buffer, position: number, type: TimestampType, maxTimestampMs: number): void {
  if (timestampType(buffer, position) === type && maxTimestamp(buffer, position) === maxTimestampMs) return;
  const kept = attributes(buffer, position) & ~logAppendTimeBit;
  writeInt16(buffer, position + at.attributes, type === 'LogAppendTime' ? kept | logAppendTimeBit : kept);
  writeInt64(buffer, position + at.maxTimestamp, maxTimestampMs);
  stampCrc(buffer, position);
}

/** Computes the checksum and writes it. */
export function stampCrc(buffer: Buffer, position: number): void {
  writeInt32(buffer, position + at.crc, computeCrc(buffer, position));
}

/** Bits of `attributes` from what they mean. */
export function attributesOf(
  codec: number,
  type: TimestampType,
  transactional: boolean,
  control: boolean,
  deleteHorizon: boolean,
): number {
  return (
    codec |
    (type === 'LogAppendTime' ? logAppendTimeBit : 0) |
    (transactional ? transactionalBit : 0) |
    (control ? controlBit : 0) |
    (deleteHorizon ? deleteHorizonBit : 0)
  );
}

function computeCrc(buffer: Buffer, position: number): number {
  return crc32c(buffer, position + at.attributes, position + batchSizeInBytes(buffer, position));
}

/** Whether a v2 batch is long enough for its header and carries the checksum of its bytes. The batch must be whole. */
export function isValidCrc(buffer: Buffer, position: number): boolean {
  return (
    batchSizeInBytes(buffer, position) >= batchHeaderBytes &&
    crc(buffer, position) === computeCrc(buffer, position)
  );
}

/** Throws CORRUPT_MESSAGE unless `isValidCrc`. For magic 0 and 1 see `ensureValidMessage` in legacy.ts. */
export function ensureValid(buffer: Buffer, position: number): void {
  const bytes = batchSizeInBytes(buffer, position);
  if (bytes < batchHeaderBytes)
    throw corrupt(`Record batch of ${bytes} bytes is smaller than its ${batchHeaderBytes} bytes of header`);
  const computed = computeCrc(buffer, position);
  if (crc(buffer, position) !== computed)
    throw corrupt(`Record batch carries crc ${crc(buffer, position)} but its bytes give ${computed}`);
}

/**
 * The size of the batch (or message, magic 0 and 1) that begins at `position`, or 0 when less than all of it lies before
 * `end`: the end of the buffer, or a tail that was cut. Throws CORRUPT_MESSAGE when no batch of any magic can begin so.
 */
export function batchBytesAt(buffer: Buffer, position: number, end: number): number {
  if (end - position < logOverhead) return 0;
  const length = readInt32(buffer, position + at.length);
  if (length < minLength || length > maxLength)
    throw corrupt(`Record batch length ${length} is outside ${minLength} to ${maxLength}`);
  if (end - position < sizeAndMagicBytes) return 0;
  const found = magic(buffer, position);
  if (found < 0 || found > magicV2) throw corrupt(`Record batch has the unknown magic ${found}`);
  const bytes = length + logOverhead;
  return end - position < bytes ? 0 : bytes;
}

/**
 * Calls `visit(position, bytes)` for each whole batch in `buffer[start, end)` and returns where the first part batch
 * begins (`end` when there is none). Throws as `batchBytesAt`. Hot loops may write the same three lines themselves.
 */
export function forEachBatch(
  buffer: Buffer,
  start: number,
  end: number,
  visit: (position: number, bytes: number) => void,
): number {
  let position = start;
  for (
    let bytes = batchBytesAt(buffer, position, end);
    bytes > 0;
    bytes = batchBytesAt(buffer, position, end)
  ) {
    visit(position, bytes);
    position += bytes;
  }
  return position;
}
