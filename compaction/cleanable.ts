import type { TopicSettings } from '../storage/config/topic-settings.ts';
import type { CleanerSegment, CleanerView } from '../storage/log/cleaner-view.ts';
import type { UncleanableReason } from './clean-job.ts';

/**
 * What of a log may be cleaned now, and which log is next. Pure.
 *
 *   logStart        firstDirty                         firstUncleanable
 *      |  cleaned before  |  dirty, in whole sealed segments  |  too young, or not below the last stable offset, or active  |
 *
 *   firstDirty         where the last pass ended (the checkpoint); the log start without one, or with one that cannot be
 *   firstUncleanable   the lowest of: last stable offset, active segment, first dirty segment whose youngest record is not
 *                      older than `min.compaction.lag.ms`; down to the base of the segment that it lies in
 *
 * A log is due when more of its bytes are dirty than `min.cleanable.dirty.ratio` says, or when some dirty record is older than
 * `max.compaction.lag.ms` (KIP-354). Of those that are due the dirtiest is next.
 */
export interface Cleanable {
  readonly firstDirtyOffset: number;
  readonly firstUncleanableOffset: number;
  /** The checkpoint lies outside of the log: it is to be written anew. */
  readonly isCheckpointStale: boolean;
  readonly cleanBytes: number;
  readonly cleanableBytes: number;
  /** Of the bytes that are clean or cleanable; 0 where there are none. */
  readonly dirtyRatio: number;
  /** `max.compaction.lag.ms` demands a pass. */
  readonly isForced: boolean;
  readonly isDue: boolean;
  /** The segments from `firstUncleanableOffset` on. */
  readonly blocked: readonly BlockedSegment[];
}

/** A segment that cannot be cleaned now. */
export interface BlockedSegment {
  readonly segment: CleanerSegment;
  readonly reason: UncleanableReason;
  /** When `min.compaction.lag.ms` is over for it; -1 for other reasons. */
  readonly untilMs: number;
}

export type CleanableSettings = Pick<
  TopicSettings,
  'min.compaction.lag.ms' | 'max.compaction.lag.ms' | 'min.cleanable.dirty.ratio'
>;

/** `checkpoint`: the first dirty offset that was kept of it; null without one. */
export function findCleanable(
  view: CleanerView,
  settings: CleanableSettings,
  checkpoint: number | null,
  nowMs: number,
): Cleanable {
  const { segments, logStartOffset, endOffset } = view;
  const isCheckpointStale = checkpoint !== null && (checkpoint < logStartOffset || checkpoint > endOffset);
  const firstDirtyOffset = checkpoint === null || isCheckpointStale ? logStartOffset : checkpoint;
  const dirty = segmentsFrom(segments, firstDirtyOffset).filter((segment) => !segment.isActive);
  const minLagMs = Math.max(settings['min.compaction.lag.ms'], 0);
  const young =
    minLagMs > 0 ? dirty.find((segment) => segment.largestTimestampMs > nowMs - minLagMs) : undefined;
  const bound = Math.min(
    view.lastStableOffset,
    segments.at(-1)?.baseOffset ?? endOffset,
    young?.baseOffset ?? Number.POSITIVE_INFINITY,
  );
  const boundary = segmentsFrom(segments, Math.max(bound, firstDirtyOffset))[0] ?? segments.at(-1);
  const firstUncleanableOffset = boundary?.baseOffset ?? firstDirtyOffset;
  const cleanBytes = bytesOf(segments.filter((segment) => segment.baseOffset < firstDirtyOffset));
  const cleanableBytes = bytesOf(
    segmentsFrom(segments, firstDirtyOffset).filter((segment) => segment.baseOffset < firstUncleanableOffset),
  );
  const totalBytes = cleanBytes + cleanableBytes;
  const dirtyRatio = totalBytes === 0 ? 0 : cleanableBytes / totalBytes;
  const isForced = cleanableBytes > 0 && isOverdue(dirty, settings, nowMs);
  return {
    firstDirtyOffset,
    firstUncleanableOffset,
    isCheckpointStale,
    cleanBytes,
    cleanableBytes,
    dirtyRatio,
    isForced,
    isDue: isForced || dirtyRatio > settings['min.cleanable.dirty.ratio'],
    blocked: segments
      .filter((segment) => segment.baseOffset >= firstUncleanableOffset)
      .map((segment) => block(segment, view.lastStableOffset, minLagMs)),
  };
}

/** Those that are due, the dirtiest first. */
export function rankDue<T extends { readonly cleanable: Cleanable }>(candidates: readonly T[]): T[] {
  const due = candidates.filter(({ cleanable }) => cleanable.isDue);
  return due.sort((a, b) => b.cleanable.dirtyRatio - a.cleanable.dirtyRatio);
}

/** Whether some dirty segment began longer ago than `max.compaction.lag.ms`, by the timestamps of its first batch. */
function isOverdue(
  dirty: readonly CleanerSegment[],
  settings: Pick<TopicSettings, 'max.compaction.lag.ms'>,
  nowMs: number,
): boolean {
  const beganMs = dirty
    .map((segment) => segment.firstBatchTimestampMs)
    .filter((timestampMs) => timestampMs > 0);
  return Math.min(...beganMs) < nowMs - Math.max(settings['max.compaction.lag.ms'], 0);
}

/** From the one that `offset` lies in. */
function segmentsFrom(segments: readonly CleanerSegment[], offset: number): readonly CleanerSegment[] {
  let first = segments.length;
  while (first > 0 && segments[first - 1]!.baseOffset > offset) first--;
  return segments.slice(Math.max(0, first - 1));
}

function bytesOf(segments: readonly CleanerSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
}

function block(segment: CleanerSegment, lastStableOffset: number, minLagMs: number): BlockedSegment {
  if (segment.isActive) return { segment, reason: 'active', untilMs: -1 };
  if (segment.nextOffset > lastStableOffset) return { segment, reason: 'open-transaction', untilMs: -1 };
  return { segment, reason: 'lag', untilMs: segment.largestTimestampMs + minLagMs };
}
