import * as batch from '../../protocol/records/batch.ts';
import { codecIds, ensureCodec } from '../../protocol/records/compression.ts';
import { messageCodec, readLegacyBatch } from '../../protocol/records/legacy.ts';
import { readRecords } from '../../protocol/records/record.ts';
import { RecordError } from '../../protocol/records/record-error.ts';
import { type Clock, turn } from '../environment/clock.ts';
import { BatchWalk, lastOffsetAt, maxTimestampAt } from './batch-walk.ts';
import type { Segment } from './segment.ts';

/**
 * A log is written without leaving out an offset, and nothing but a cleaner takes one away: where every offset has its record, no record
 * is gone. The headers of batches tell it.
 */

/** So many headers at a time: some 2 ms where they lie apart. */
const headersAtOnce = 500;

/** The first offset in [from, upTo) that may have lost its record, -1 without any. Throws FileError when a segment goes meanwhile. */
export async function firstMissing(
  segments: readonly Segment[],
  from: number,
  upTo: number,
  clock: Clock,
): Promise<number> {
  for (const segment of segments) {
    if (segment.nextOffset <= from) continue;
    if (segment.baseOffset >= upTo) break;
    const missing = await missingIn(segment, from, upTo, clock);
    if (missing >= 0) return missing;
  }
  return -1;
}

async function missingIn(segment: Segment, from: number, upTo: number, clock: Clock): Promise<number> {
  const walk = new BatchWalk(segment.file, 0, segment.size);
  let expected = segment.baseOffset;
  try {
    for (let n = 1; expected < upTo && walk.next(); n++) {
      const { buffer, at } = walk;
      const next = lastOffsetAt(buffer, at) + 1;
      if (next > from && !isWhole(buffer, at, expected)) return Math.max(expected, from);
      expected = next;
      if (n % headersAtOnce === 0) await turn(clock);
    }
  } catch (error) {
    if (error instanceof RecordError) return Math.max(expected, from);
    throw error;
  }
  return expected < Math.min(segment.nextOffset, upTo) ? Math.max(expected, from) : -1;
}

/** It begins at that offset, and has a record for each of its own. What is in compressed messages of old cannot be seen from without. */
function isWhole(buffer: Buffer, at: number, expected: number): boolean {
  if (batch.baseOffset(buffer, at) !== expected) return false;
  if (batch.magic(buffer, at) < batch.magicV2) return messageCodec(buffer, at) === codecIds.none;
  return batch.recordCount(buffer, at) === batch.lastOffsetDelta(buffer, at) + 1;
}

/** The latest timestamp of the segment's records below `offset`; -1 without any. */
export async function latestBefore(segment: Segment, offset: number): Promise<number> {
  const walk = new BatchWalk(segment.file, 0, segment.size, { whole: true });
  let latestMs = -1;
  while (walk.next()) {
    const { buffer, at } = walk;
    if (lastOffsetAt(buffer, at) < offset) {
      latestMs = Math.max(latestMs, maxTimestampAt(buffer, at));
      continue;
    }
    const isLegacy = batch.magic(buffer, at) < batch.magicV2;
    await ensureCodec(isLegacy ? messageCodec(buffer, at) : batch.codecOf(buffer, at));
    for (const record of isLegacy ? readLegacyBatch(buffer, at).records : readRecords(buffer, at))
      if (record.offset < offset) latestMs = Math.max(latestMs, record.timestamp);
    return latestMs;
  }
  return latestMs;
}
