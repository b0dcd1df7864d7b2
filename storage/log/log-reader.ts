import { errors } from '../../protocol/errors.ts';
import * as batch from '../../protocol/records/batch.ts';
import { ensureCodec, maxDecompressedBatchBytes } from '../../protocol/records/compression.ts';
import { messageCodec, readLegacyBatch } from '../../protocol/records/legacy.ts';
import { openRecords } from '../../protocol/records/record.ts';
import type { File } from '../environment/files.ts';
import { likelyPosition, readBatchAt } from './batch-reader.ts';
import { BatchWalk, lastOffsetAt, leaderEpochAt, maxTimestampAt } from './batch-walk.ts';
import type {
  AbortedTransaction,
  BatchLocation,
  BatchRead,
  FileRegion,
  LogRead,
  LogReadRefused,
  ReadOptions,
  TimestampedOffset,
} from './log-types.ts';
import { newestBytes } from './newest-bytes.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

/**
 * Reading: from an offset to a stretch of a segment file, and from a timestamp to an offset. Nothing is copied and nothing
 * decompressed on the way to a client: index, a few headers, then (file, position, length).
 *
 * Everything takes `bound`, the first offset that the reader may not see; it is always where a batch begins.
 */

export interface ReadableLog {
  readonly list: SegmentList;
  readonly logStartOffset: number;
  readonly endOffset: number;
}

export const noOffset: TimestampedOffset = { timestampMs: -1, offset: -1, leaderEpoch: -1 };

class Region implements FileRegion {
  readonly file: File;
  readonly position: number;
  readonly byteLength: number;
  readonly contentId: number;
  readonly contentEnd: number;
  readonly bytes: Buffer | null;
  readonly #segment: Segment;
  #released = false;

  constructor(segment: Segment, position: number, byteLength: number) {
    this.file = segment.file;
    this.position = position;
    this.byteLength = byteLength;
    this.contentId = segment.contentId;
    this.contentEnd = segment.size;
    this.bytes = newestBytes(segment.contentId, position, byteLength);
    this.#segment = segment;
    segment.file.retain();
  }

  wasSlow(): void {
    this.#segment.pace.wasSlow();
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.file.release();
  }
}

/**
 * The batches from the one that holds `offset` on, below `bound`, at most `maxBytes` of them and of one segment. If the
 * first batch is larger it is given whole with `minOneBatch`, else nothing.
 */
export function readRegion(
  log: ReadableLog,
  offset: number,
  bound: number,
  limits: ReadOptions,
): LogRead | LogReadRefused {
  const withAborted = limits.upTo === 'stable';
  const nothing: LogRead = {
    ok: true,
    regions: [],
    byteLength: 0,
    abortedTransactions: withAborted ? [] : null,
  };
  if (offset < log.logStartOffset || offset > log.endOffset)
    return { ok: false, errorCode: errors.offsetOutOfRange.code };
  if (offset >= bound) return nothing;
  const { segments } = log.list;
  for (let n = Math.max(0, log.list.indexFor(offset)); n < segments.length; n++) {
    const segment = segments[n]!;
    if (segment.baseOffset >= bound) break;
    const place = segment.findBatch(offset);
    if (place === null) continue; // the cleaner has emptied the end of this segment
    const end =
      segment.nextOffset <= bound ? segment.size : (segment.findBatch(bound)?.position ?? segment.size);
    const maxBytes = limits.minOneBatch ? Math.max(limits.maxBytes, place.bytes) : limits.maxBytes;
    if (place.position >= end || maxBytes < place.bytes) return nothing;
    const region = new Region(segment, place.position, Math.min(end - place.position, maxBytes));
    const abortedTransactions = withAborted ? abortedIn(log, n, offset, region) : null;
    return { ok: true, regions: [region], byteLength: region.byteLength, abortedTransactions };
  }
  return nothing;
}

/** The whole batch that holds `offset` or, where the cleaner has taken that, the one behind it; lent until the next call. */
export function readBatch(log: ReadableLog, offset: number): BatchRead | LogReadRefused {
  if (offset < log.logStartOffset || offset > log.endOffset)
    return { ok: false, errorCode: errors.offsetOutOfRange.code };
  const { segments } = log.list;
  for (let n = Math.max(0, log.list.indexFor(offset)); n < segments.length; n++) {
    const { file, contentId } = segments[n]!;
    const found = readBatchAt(segments[n]!, offset);
    if (found === null) continue;
    const { bytes, position } = found;
    return { ok: true, bytes, location: { file, contentId, position } };
  }
  return { ok: true, bytes: null, location: null };
}

/** Where the batch with that offset should stand, if it is a large one; null where that is not known without reading. */
export function likelyBatch({ list }: ReadableLog, offset: number): BatchLocation | null {
  const segment = list.segments[list.indexFor(offset)];
  if (segment === undefined) return null;
  try {
    const position = likelyPosition(segment, offset);
    return position < 0 ? null : { file: segment.file, contentId: segment.contentId, position };
  } catch {
    // Reading says what is wrong.
    return null;
  }
}

/** The aborted transactions that a reader of the region, from `offset` on, must know to leave their records out. */
function abortedIn(log: ReadableLog, first: number, offset: number, region: Region): AbortedTransaction[] {
  const { segments } = log.list;
  const indexed = segments[first]!.offsetIndex.offsetAtOrAfter(region.position + region.byteLength);
  const upTo = indexed >= 0 ? indexed : (segments[first + 1]?.baseOffset ?? log.endOffset);
  const found: AbortedTransaction[] = [];
  for (let n = first; n < segments.length; n++) {
    if (segments[n]!.transactionIndex.collect(offset, upTo, found)) break;
  }
  return found;
}

/**
 * The first record with at least this timestamp, from the log start on and below `bound`. A promise where a codec has to be loaded: to be
 * tried again when it has resolved.
 */
export function findByTimestamp(
  log: ReadableLog,
  timestampMs: number,
  bound: number,
): TimestampedOffset | Promise<void> {
  for (const segment of log.list.segments) {
    if (segment.baseOffset >= bound) break;
    if (segment.nextOffset <= log.logStartOffset) continue;
    if (segment.largestTimestampMs(() => log.list.modifiedMs(segment) ?? -1) < timestampMs) continue;
    const found = findInSegment(segment, timestampMs, log.logStartOffset);
    if (found instanceof Promise) return found;
    if (found !== null) return found.offset < bound ? found : noOffset;
  }
  return noOffset;
}

function findInSegment(
  segment: Segment,
  timestampMs: number,
  logStartOffset: number,
): TimestampedOffset | null | Promise<void> {
  const walk = segment.walkFrom(Math.max(segment.lookupTime(timestampMs).offset, logStartOffset));
  while (walk.next()) {
    if (maxTimestampAt(walk.buffer, walk.at) < timestampMs) continue;
    const loading = codecOfBatch(walk);
    if (loading) return loading;
    const found = firstRecord(walk, timestampMs, logStartOffset);
    if (found) return found;
  }
  return null;
}

/** The first record with the greatest timestamp of all below `bound`. A promise: to be tried again when it has resolved. */
export function findMaxTimestamp(log: ReadableLog, bound: number): TimestampedOffset | Promise<void> {
  let newest: Segment | null = null;
  let maxMs = -1;
  for (const segment of log.list.segments) {
    const timestampMs =
      segment.nextOffset <= bound ? segment.maxTimestamp.timestampMs : maxBelow(segment, bound);
    if (timestampMs > maxMs) {
      newest = segment;
      maxMs = timestampMs;
    }
  }
  if (newest === null) return noOffset;
  const walk = newest.walkFrom(Math.min(newest.lookupTime(maxMs - 1).offset, newest.maxTimestamp.offset));
  while (walk.next()) {
    if (maxTimestampAt(walk.buffer, walk.at) !== maxMs) continue;
    const loading = codecOfBatch(walk);
    if (loading) return loading;
    return firstRecord(walk, maxMs, 0) ?? noOffset;
  }
  return noOffset;
}

function maxBelow(segment: Segment, bound: number): number {
  let maxMs = -1;
  const walk = new BatchWalk(segment.file, 0, segment.size);
  while (walk.next() && lastOffsetAt(walk.buffer, walk.at) < bound) {
    maxMs = Math.max(maxMs, maxTimestampAt(walk.buffer, walk.at));
  }
  return maxMs;
}

function codecOfBatch(walk: BatchWalk): void | Promise<void> {
  const isLegacy = batch.magic(walk.buffer, walk.at) < batch.magicV2;
  return ensureCodec(isLegacy ? messageCodec(walk.buffer, walk.at) : batch.codecOf(walk.buffer, walk.at));
}

/** The first record of the current batch with at least this timestamp and offset. */
function firstRecord(walk: BatchWalk, timestampMs: number, fromOffset: number): TimestampedOffset | null {
  const { buffer, at } = walk;
  const leaderEpoch = leaderEpochAt(buffer, at);
  if (batch.magic(buffer, at) < batch.magicV2) {
    for (const record of readLegacyBatch(buffer, at).records) {
      if (record.timestamp >= timestampMs && record.offset >= fromOffset)
        return { timestampMs: record.timestamp, offset: record.offset, leaderEpoch };
    }
    return null;
  }
  const cursor = openRecords(buffer, at, maxDecompressedBatchBytes);
  while (cursor.next()) {
    if (cursor.timestamp >= timestampMs && cursor.offset >= fromOffset)
      return { timestampMs: cursor.timestamp, offset: cursor.offset, leaderEpoch };
  }
  return null;
}
