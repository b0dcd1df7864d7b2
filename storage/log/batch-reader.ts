/**
 * One whole batch by an offset in it, for lookups: in one read of the file where the index is in memory, for a read costs more than
 * all else that is done for it (1.2 µs for 1 KiB, 3 for 16).
 *
 *    entries of the index      n                    n + 1                n + 2         the offset lies behind that of entry n
 *    batches                   ┃ 16 KB              ┃ 16 KB              ┃             large ones have an entry each: read n + 1
 *    batches                   ┃1│1│1│1│            ┃1│1│1│1│            ┃             small ones: read from n on, and look
 *
 * Whatever does not turn out so is found by the headers (Segment.findBatch).
 */
import * as batch from '../../protocol/records/batch.ts';
import { corrupt } from '../../protocol/records/record-error.ts';
import { lastOffsetAt } from './batch-walk.ts';
import type { Segment } from './segment.ts';

/** So much is read to look through; with more between two entries their batches are large. */
const lookedThroughBytes = 8 * 1024;
/** Behind the next entry: so that a small batch there is had at once. */
const behindNextBytes = 1024;
/** At most read at once for a batch of unknown size. */
const guessedBytes = 64 * 1024;
/** Batches above that get a buffer of their own: clients seldom make them. */
const sharedBytesMax = 1024 * 1024;

let shared = Buffer.alloc(0);

export interface FoundBatch {
  /** Lent until the next call. */
  readonly bytes: Buffer;
  /** In the file. */
  readonly position: number;
}

/** Where the batch with that offset stands if it is a large one; -1 where that is not known without reading. */
export function likelyPosition(segment: Segment, offset: number): number {
  const around = segment.surroundings(offset);
  if (around === null) return -1;
  const { position, isThere, next } = around;
  if (isThere) return position;
  return next >= 0 && next - position > lookedThroughBytes ? next : -1;
}

/** The first batch whose last offset is at least `offset`, null without any. */
export function readBatchAt(segment: Segment, offset: number): FoundBatch | null {
  const around = segment.surroundings(offset);
  if (around !== null) {
    const { position, isThere, next, afterNext } = around;
    const { size } = segment;
    const nextEnd = next < 0 ? size : next;
    if (isThere) return firstOf(segment, position, nextEnd, offset) ?? byHeaders(segment, offset);
    if (nextEnd - position <= lookedThroughBytes) {
      const end = Math.min(afterNext < 0 ? size : afterNext, nextEnd + behindNextBytes);
      return firstOf(segment, position, end, offset) ?? byHeaders(segment, offset);
    }
    if (next >= 0) {
      const found = firstOf(segment, next, afterNext < 0 ? size : afterNext, offset);
      // What is between the two entries may hold it.
      if (found !== null && batch.baseOffset(found.bytes, 0) <= offset) return found;
    }
  }
  return byHeaders(segment, offset);
}

function byHeaders(segment: Segment, offset: number): FoundBatch | null {
  const place = segment.findBatch(offset);
  return place === null ? null : readWhole(segment, place.position, place.bytes);
}

/** The batch, if it begins in what is read from `from` on, up to `to`. */
function firstOf(segment: Segment, from: number, to: number, offset: number): FoundBatch | null {
  const bytes = Math.min(to - from, guessedBytes);
  const buffer = bufferOf(bytes);
  const held = segment.file.readSync(buffer, 0, bytes, from);
  for (let at = 0; at + batch.batchHeaderBytes <= held; ) {
    const size = batch.batchBytesAt(buffer, at, at + segment.size - (from + at));
    if (size === 0) return null;
    if (lastOffsetAt(buffer, at) >= offset)
      return at + size <= held
        ? { bytes: buffer.subarray(at, at + size), position: from + at }
        : readWhole(segment, from + at, size);
    at += size;
  }
  return null;
}

function readWhole(segment: Segment, position: number, bytes: number): FoundBatch {
  const buffer = bufferOf(bytes);
  const read = segment.file.readSync(buffer, 0, bytes, position);
  if (read < bytes) throw corrupt(`${segment.file.path} ends at ${position + read}, inside a batch`);
  return { bytes: buffer.subarray(0, bytes), position };
}

/** Twice what is needed, so that slowly growing batches do not each bring a new one. */
function bufferOf(bytes: number): Buffer {
  if (bytes > sharedBytesMax) return Buffer.allocUnsafeSlow(bytes);
  if (shared.length < bytes) shared = Buffer.allocUnsafeSlow(Math.min(sharedBytesMax, 2 * bytes));
  return shared;
}
