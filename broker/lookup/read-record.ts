/**
 * One record of a log, read back by its offset. Its batch is read whole and its checksum computed; of a large one where its records
 * stand is remembered then (known-batches.ts), and the next lookup reads its record alone. Batches are read into one buffer that all
 * lookups share in turn (storage/log/batch-reader.ts): a buffer of its own for each cost more in garbage than reading it (1.5 of 4 s at
 * 60 KB a batch).
 */
import { errors } from '../../protocol/errors.ts';
import * as batch from '../../protocol/records/batch.ts';
import { ensureCodec, maxDecompressedBatchBytes } from '../../protocol/records/compression.ts';
import { messageCodec, readLegacyBatch } from '../../protocol/records/legacy.ts';
import { type LogRecord, openRecords, RecordCursor } from '../../protocol/records/record.ts';
import { RecordError } from '../../protocol/records/record-error.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { Log } from '../../storage/log/log.ts';
import type { BatchRead, FileRegion } from '../../storage/log/log-types.ts';
import { KnownBatches } from './known-batches.ts';
import { type KeyRecord, LookupRefused } from './lookup.ts';

const knownBatches = new KnownBatches();

/**
 * The record at exactly that offset; null where the log has none (any more). A promise only where a codec has to be loaded.
 * Throws LookupRefused where the log cannot be read.
 */
export function readRecord(log: Log, offset: number): KeyRecord | null | Promise<KeyRecord | null> {
  if (offset < log.logStartOffset || offset >= log.endOffset) return null;
  const known = readKnown(log, offset);
  if (known !== undefined) return known === null ? null : describeKeyed(log, known);
  const read = readBatch(log, offset);
  if (read === null) return null;
  const { bytes } = read;
  const isLegacy = batch.magic(bytes, 0) < batch.magicV2;
  const loading = ensureCodec(isLegacy ? messageCodec(bytes, 0) : batch.codecOf(bytes, 0));
  if (!loading) return recordIn(log, read, offset);
  const own = { ...read, bytes: Buffer.from(bytes) };
  return loading.then(() => recordIn(log, own, offset));
}

/** Of a batch that was found sound before; undefined where it was not, or what is there now is none of it. */
function readKnown(log: Log, offset: number): Found | null | undefined {
  const location = log.likelyBatch(offset);
  if (location === null) return undefined;
  const { file, contentId, position } = location;
  const known = knownBatches.find(contentId, position, offset);
  if (known === null || known === undefined) return known;
  const { start, end, frame, leaderEpoch } = known;
  const bytes = Buffer.allocUnsafe(end - start);
  try {
    if (file.readSync(bytes, 0, bytes.length, position + start) !== bytes.length) return undefined;
    const cursor = new RecordCursor(bytes, 0, bytes.length, frame);
    if (!cursor.next() || cursor.offset !== offset) return undefined;
    return { record: cursor.record(), leaderEpoch, ownBytes: bytes.length };
  } catch (error) {
    // The whole batch says what is wrong.
    if (error instanceof RecordError || error instanceof FileError) return undefined;
    throw error;
  }
}

export function refuseUnreadable(log: Log, why: unknown): never {
  const text = why instanceof Error ? why.message : String(why);
  throw new LookupRefused({ reason: 'storage' }, `${log.name} cannot be read: ${text}`);
}

/** Copies the region, and gives it back. */
export function bytesOf(region: FileRegion): Buffer {
  const bytes = Buffer.allocUnsafe(region.byteLength);
  try {
    const read = region.file.readSync(bytes, 0, bytes.length, region.position);
    return read === bytes.length ? bytes : bytes.subarray(0, read);
  } finally {
    region.release();
  }
}

type ReadBatch = BatchRead & { readonly bytes: Buffer };

/** The batch that holds the offset or, in a compacted log, the one behind it; borrowed until the next is read. */
function readBatch(log: Log, offset: number): ReadBatch | null {
  const read = log.readBatch(offset);
  if (read.ok) return read.bytes === null ? null : (read as ReadBatch);
  if (read.errorCode === errors.offsetOutOfRange.code) return null;
  if (log.isDeleted) throw new LookupRefused({ reason: 'unknown-topic' }, `${log.topic} was deleted`);
  return refuseUnreadable(log, `error ${read.errorCode}`);
}

function recordIn(log: Log, read: ReadBatch, offset: number): KeyRecord | null {
  const { bytes } = read;
  try {
    const found =
      batch.magic(bytes, 0) < batch.magicV2 ? legacyRecord(bytes, offset) : plainRecord(read, offset);
    return found === null ? null : describeKeyed(log, found);
  } catch (error) {
    if (error instanceof RecordError) return refuseUnreadable(log, error);
    throw error;
  }
}

interface Found {
  readonly record: LogRecord;
  readonly leaderEpoch: number;
  /** Of what key and value are views on; null: that is borrowed. */
  readonly ownBytes: number | null;
}

function legacyRecord(bytes: Buffer, offset: number): Found | null {
  const record = readLegacyBatch(bytes, 0).records.find((each) => each.offset === offset);
  return record === undefined ? null : { record, leaderEpoch: -1, ownBytes: null };
}

function plainRecord({ bytes, location }: ReadBatch, offset: number): Found | null {
  if (batch.baseOffset(bytes, 0) > offset || batch.isControl(bytes, 0)) return null;
  batch.ensureValid(bytes, 0);
  const cursor = openRecords(bytes, 0, maxDecompressedBatchBytes);
  const found = findIn(cursor, bytes, offset);
  if (location !== null && cursor.buffer === bytes)
    knownBatches.remember(location.contentId, location.position, bytes, cursor);
  return found;
}

function findIn(cursor: RecordCursor, bytes: Buffer, offset: number): Found | null {
  while (cursor.next()) {
    if (cursor.offset > offset) return null;
    if (cursor.offset < offset) continue;
    const leaderEpoch = batch.partitionLeaderEpoch(bytes, 0);
    const ownBytes = cursor.buffer === bytes ? null : cursor.buffer.length;
    return { record: cursor.record(), leaderEpoch, ownBytes };
  }
  return null;
}

/** A batch that is much larger than its record is not kept for it. */
const sparseTimes = 4;

function describeKeyed(log: Log, found: Found): KeyRecord | null {
  return found.record.key === null ? null : describe(log, found);
}

function describe(log: Log, { record, leaderEpoch, ownBytes }: Found): KeyRecord {
  const { topic, topicId, partition } = log;
  const { offset, timestamp, key, value, headers } = record;
  const held = key!.length + (value?.length ?? 0);
  const isCopied = ownBytes === null || ownBytes > sparseTimes * held;
  const keep = (part: Buffer): Buffer => (isCopied ? Buffer.from(part) : part);
  return {
    topic,
    topicId,
    partition,
    offset,
    leaderEpoch,
    timestampMs: timestamp,
    key: keep(key!),
    value: value === null ? null : keep(value),
    headers: headers.map((header) => {
      return { name: header.key, value: header.value === null ? null : keep(header.value) };
    }),
  };
}
