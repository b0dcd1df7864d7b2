import * as batch from '../protocol/records/batch.ts';
import { buildBatch } from '../protocol/records/batch-builder.ts';
import { codecById, codecIds, maxDecompressedBatchBytes } from '../protocol/records/compression.ts';
import { writeInt16, writeInt32, writeInt64 } from '../protocol/records/int64.ts';
import { openRecords, readRecords } from '../protocol/records/record.ts';
import type { CleanedRecords } from './clean-job.ts';
import type { BatchRecords, KeepRules, Kernel } from './kernel.ts';
import { filterLegacyBatch } from './legacy-filter.ts';
import type { BatchFate } from './retain.ts';

/**
 * Turns one batch of a segment into what is left of it: nothing, the same bytes, an empty batch, or a batch rebuilt from
 * the records that stay. A rebuilt one keeps base offset, last offset, producer, sequence, leader epoch, timestamp type and
 * codec; its records keep offsets and timestamps. Only these change:
 *
 *   maxTimestamp    the greatest of the records that stay (with append time: as it was)
 *   baseTimestamp   that of the first record that stays, or the delete horizon (attribute bit 6, KIP-534), from which the
 *                   timestamp deltas then count, below 0 too
 *
 * The horizon is stamped when a tombstone, or a marker without records of its transaction, is first kept: from then on
 * nobody needs a clock of the past to know until when consumers must be able to see it.
 */

/** Takes what is left of each batch. */
export interface BatchSink {
  /** The batch at `at` of the kernel's input, as it is. */
  keep(at: number, bytes: number): void;
  /** A batch in its place; the bytes are borrowed for the call. */
  write(bytes: Buffer): void;
}

export type RecordCounts = { -readonly [reason in keyof CleanedRecords]: number };

export interface FilterOptions {
  readonly kernel: Kernel;
  /** Up to where the map knows all keys. */
  readonly mapEndOffset: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly tombstonesGoUpToMs: number;
}

const noHorizon = -1;

export class BatchFilter {
  readonly counts: RecordCounts = {
    newest: 0,
    tombstones: 0,
    markers: 0,
    beyondMap: 0,
    superseded: 0,
    tombstonesExpired: 0,
    aborted: 0,
    markersExpired: 0,
    nullKeys: 0,
  };
  emptyBatches = 0;
  /** The earliest horizon among the tombstones and markers that stay. */
  nextHorizonMs = Number.POSITIVE_INFINITY;
  readonly #options: FilterOptions;
  readonly #kernel: Kernel;
  readonly #rules: KeepRules;
  /** What tombstones and loose markers get. `noHorizon`: it would lie beyond all numbers, so they stay for good. */
  readonly #newHorizonMs: number;
  readonly #records: BatchRecords = {
    area: 'input',
    start: 0,
    end: 0,
    count: 0,
    baseOffset: 0,
    baseTimestampMs: 0,
    appendTimeMs: -1,
  };
  #rebuilt: Buffer = Buffer.alloc(64 * 1024);

  constructor(options: FilterOptions) {
    const { kernel, mapEndOffset, nowMs, deleteRetentionMs, tombstonesGoUpToMs } = options;
    const horizonMs = nowMs + deleteRetentionMs;
    this.#newHorizonMs = horizonMs <= Number.MAX_SAFE_INTEGER ? horizonMs : noHorizon;
    this.#options = options;
    this.#kernel = kernel;
    this.#rules = {
      mapEndOffset,
      dropTombstones: false,
      // Records without a timestamp have -1.
      tombstonesGoUpToMs: tombstonesGoUpToMs < 0 ? Number.MIN_SAFE_INTEGER : tombstonesGoUpToMs,
    };
  }

  /** The batch at `at` of the kernel's input, `bytes` long; `unpacked`: its records, decompressed, lie in `scratch` up to there. */
  apply(at: number, bytes: number, unpacked: number, fate: BatchFate, sink: BatchSink): void {
    const input = this.#kernel.input;
    const count = batch.recordCount(input, at);
    const isControl = batch.isControl(input, at);
    if (fate.drops) {
      if (isControl) this.counts.markersExpired += count;
      else this.counts.aborted += count;
      if (fate.keepsEmpty) this.#sinkEmpty(input, at, sink);
    } else if (count === 0) {
      if (fate.keepsEmpty) this.#sinkEmpty(input, at, sink);
    } else if (isControl) this.#marker(at, bytes, count, fate, sink);
    else this.#data(at, bytes, unpacked, fate, sink);
  }

  /** A message of magic 0 or 1, which becomes a batch where anything of it stays. */
  applyLegacy(at: number, isLast: boolean, keepsTombstones: boolean, sink: BatchSink): void {
    const horizonMs = this.#newHorizonMs;
    const left = filterLegacyBatch(this.#kernel.input, at, {
      isKept: (record) => this.#keepsLegacy(record, keepsTombstones),
      horizonMs,
      isLast,
    });
    if (left === null) return;
    if (batch.recordCount(left, 0) === 0) this.emptyBatches++;
    if (batch.hasDeleteHorizon(left, 0)) this.#noteHorizon(horizonMs);
    sink.write(left);
  }

  #keepsLegacy(
    record: { readonly offset: number; readonly key: Buffer | null; readonly value: Buffer | null },
    keepsTombstones: boolean,
  ): boolean {
    const { counts } = this;
    const isTombstone = record.value === null;
    if (record.offset > this.#rules.mapEndOffset) counts.beyondMap++;
    else if (record.key === null) {
      counts.nullKeys++;
      return false;
    } else if (record.offset < this.#kernel.find(record.key)) {
      counts.superseded++;
      return false;
    } else if (isTombstone && !keepsTombstones) {
      counts.tombstonesExpired++;
      return false;
    } else if (isTombstone) counts.tombstones++;
    else counts.newest++;
    return true;
  }

  #marker(at: number, bytes: number, count: number, fate: BatchFate, sink: BatchSink): void {
    const { input } = this.#kernel;
    this.counts.markers += count;
    const had = batch.hasDeleteHorizon(input, at);
    const isStamped = fate.isLooseMarker && !had;
    if (had) this.#noteHorizon(batch.baseTimestamp(input, at));
    if (isStamped) this.#noteHorizon(this.#newHorizonMs);
    if (isStamped) sink.write(withHorizon(input, at, this.#newHorizonMs));
    // Its entry in the transaction index goes: not all is as it was.
    else if (fate.isLooseMarker) sink.write(input.subarray(at, at + bytes));
    else sink.keep(at, bytes);
  }

  #data(at: number, bytes: number, unpacked: number, fate: BatchFate, sink: BatchSink): void {
    const kernel = this.#kernel;
    const had = batch.hasDeleteHorizon(kernel.input, at);
    const oldHorizonMs = had ? batch.baseTimestamp(kernel.input, at) : noHorizon;
    this.#rules.dropTombstones = had && oldHorizonMs <= this.#options.nowMs;
    describeRecords(this.#records, kernel.input, at, bytes, unpacked);
    kernel.filter(this.#records, this.#rules);
    const { kept, tombstones, firstTimestampMs } = kernel.filtered;
    this.#count(at);
    if (kept === 0) {
      if (fate.keepsEmpty) this.#sinkEmpty(kernel.input, at, sink);
      return;
    }
    const isStamped = tombstones > 0 && !had;
    const horizonMs = isStamped ? this.#newHorizonMs : oldHorizonMs;
    if (tombstones > 0) this.#noteHorizon(horizonMs);
    if (kept === this.#records.count && !isStamped) sink.keep(at, bytes);
    else sink.write(this.#rebuild(at, horizonMs, horizonMs >= 0 ? horizonMs : firstTimestampMs));
  }

  /** The batch of what the kernel's last `filter` kept. */
  #rebuild(at: number, horizonMs: number, baseTimestampMs: number): Buffer {
    const kernel = this.#kernel;
    const codec = batch.codecOf(kernel.input, at);
    const plain = kernel.rebuild(this.#records, baseTimestampMs);
    const records = codec === codecIds.none ? plain : codecById(codec).compress(plain);
    const bytes = batch.batchHeaderBytes + records.length;
    if (this.#rebuilt.length < bytes) this.#rebuilt = Buffer.allocUnsafe(bytes * 2);
    const to = this.#rebuilt;
    const { input, filtered } = kernel;
    input.copy(to, 0, at, at + batch.batchHeaderBytes);
    records.copy(to, batch.batchHeaderBytes);
    const type = batch.timestampType(input, at);
    const fields = batch.batchFields;
    const isTransactional = batch.isTransactional(input, at);
    writeInt32(to, fields.length, bytes - batch.logOverhead);
    writeInt16(
      to,
      fields.attributes,
      batch.attributesOf(codec, type, isTransactional, false, horizonMs >= 0),
    );
    writeInt64(to, fields.baseTimestamp, baseTimestampMs);
    if (type === 'CreateTime') writeInt64(to, fields.maxTimestamp, filtered.maxTimestampMs);
    writeInt32(to, fields.recordCount, filtered.kept);
    batch.stampCrc(to, 0);
    return to.subarray(0, bytes);
  }

  #count(at: number): void {
    const { counts } = this;
    const { kept, tombstones, beyondMap, superseded, tombstonesExpired, nullKeys } = this.#kernel.filtered;
    let tombstonesBeyond = 0;
    if (beyondMap === kept) tombstonesBeyond = tombstones;
    else if (beyondMap > 0 && tombstones > 0)
      tombstonesBeyond = tombstonesAbove(this.#kernel.input, at, this.#rules.mapEndOffset);
    counts.newest += kept - beyondMap - (tombstones - tombstonesBeyond);
    counts.tombstones += tombstones - tombstonesBeyond;
    counts.beyondMap += beyondMap;
    counts.superseded += superseded;
    counts.tombstonesExpired += tombstonesExpired;
    counts.nullKeys += nullKeys;
  }

  #sinkEmpty(input: Buffer, at: number, sink: BatchSink): void {
    this.emptyBatches++;
    sink.write(emptied(input, at));
  }

  #noteHorizon(horizonMs: number): void {
    if (horizonMs !== noHorizon && horizonMs < this.nextHorizonMs) this.nextHorizonMs = horizonMs;
  }
}

/** Says where the records of the v2 batch at `at` lie: behind its header, or decompressed in `scratch` up to `unpacked`. */
export function describeRecords(
  records: BatchRecords,
  input: Buffer,
  at: number,
  bytes: number,
  unpacked: number,
): void {
  const isPlain = batch.codecOf(input, at) === codecIds.none;
  records.area = isPlain ? 'input' : 'scratch';
  records.start = isPlain ? at + batch.batchHeaderBytes : 0;
  records.end = isPlain ? at + bytes : unpacked;
  records.count = batch.recordCount(input, at);
  records.baseOffset = batch.baseOffset(input, at);
  records.baseTimestampMs = batch.baseTimestamp(input, at);
  records.appendTimeMs =
    batch.timestampType(input, at) === 'LogAppendTime' ? batch.maxTimestamp(input, at) : -1;
}

/** The records of a compressed batch, as they are without the codec. Its codec must be loaded. */
export function unpackRecords(input: Buffer, at: number, bytes: number): Buffer {
  const codec = codecById(batch.codecOf(input, at));
  const packed = input.subarray(at + batch.batchHeaderBytes, at + bytes);
  return codec.decompress(packed, maxDecompressedBatchBytes);
}

/** The batch without its records: 61 bytes that still carry offsets and sequence numbers. */
function emptied(input: Buffer, at: number): Buffer {
  const maxTimestampMs = batch.maxTimestamp(input, at);
  return buildBatch({
    ...identityOf(input, at),
    maxTimestampMs,
    logAppendTimeMs: maxTimestampMs,
    records: [],
  });
}

/** A control batch with a delete horizon. */
function withHorizon(input: Buffer, at: number, deleteHorizonMs: number): Buffer {
  const baseOffset = batch.baseOffset(input, at);
  const records = readRecords(input, at).map((record) => ({
    offsetDelta: record.offset - baseOffset,
    timestampMs: record.timestamp,
    key: record.key,
    value: record.value,
    headers: record.headers,
  }));
  const logAppendTimeMs = batch.maxTimestamp(input, at);
  const horizon = deleteHorizonMs === noHorizon ? {} : { deleteHorizonMs };
  return buildBatch({ ...identityOf(input, at), ...horizon, logAppendTimeMs, records });
}

function identityOf(input: Buffer, at: number) {
  return {
    baseOffset: batch.baseOffset(input, at),
    lastOffsetDelta: batch.lastOffsetDelta(input, at),
    leaderEpoch: batch.partitionLeaderEpoch(input, at),
    timestampType: batch.timestampType(input, at),
    producerId: batch.producerId(input, at),
    producerEpoch: batch.producerEpoch(input, at),
    baseSequence: batch.baseSequence(input, at),
    isTransactional: batch.isTransactional(input, at),
    isControl: batch.isControl(input, at),
  };
}

/** In the one batch in which the map ended. */
function tombstonesAbove(input: Buffer, at: number, offset: number): number {
  let count = 0;
  const cursor = openRecords(input, at);
  while (cursor.next()) if (cursor.offset > offset && !cursor.hasValue) count++;
  return count;
}
