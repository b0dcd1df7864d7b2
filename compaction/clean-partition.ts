import { FileError } from '../storage/environment/files.ts';
import type { CleanerSegment, CleanerView } from '../storage/log/cleaner-view.ts';
import type { Log } from '../storage/log/log.ts';
import { segmentBytesOf } from '../storage/log/segment-list.ts';
import {
  type CleanJob,
  type CleanLimits,
  type CleanProgress,
  type CleanResult,
  type CleanSegment,
  Uncleanable,
} from './clean-job.ts';
import type { Cleanable } from './cleanable.ts';
import type { CleanerThread } from './cleaner-thread.ts';

/**
 * One pass over a partition from end to end: the job is made of what the log says of itself, run, and what it wrote put in the place
 * of the old segments, unless the log has changed meanwhile.
 */
export interface PassOptions {
  readonly thread: CleanerThread;
  readonly limits: CleanLimits;
  /** Wall clock, for delete horizons. */
  readonly nowMs: number;
  /** Counts and changes nothing. */
  readonly isDryRun: boolean;
  /** Tombstones with a timestamp at or below it go at once; -1: none. */
  readonly tombstonesGoUpToMs: number;
  /** Looks at the records that cannot be cleaned too, for a receipt: reads the headers of their batches. */
  readonly countsUncleanable: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CleanProgress) => void;
  /** Before the first segment is replaced; below `endOffset` records may be missing from then on, however it ends. */
  readonly onReplacing?: (endOffset: number) => void;
  /** Up to here the log may have lost records before. Given: it is kept what is known of the timestamps of those that go. */
  readonly cleanedUpToOffset?: number;
}

export type PassOutcome =
  | { readonly kind: 'cleaned'; readonly result: CleanResult }
  /** The log has changed while the pass ran: of what was not yet replaced nothing will be. */
  | { readonly kind: 'stale' }
  /** The disk failed while segments were replaced. */
  | { readonly kind: 'offline' };

/** Runs it; rejects as `CleanerThread.clean` does, and with the FileError of a rename that failed before anything was replaced. */
export async function cleanPartition(
  log: Log,
  view: CleanerView,
  cleanable: Cleanable,
  options: PassOptions,
): Promise<PassOutcome> {
  const { thread, isDryRun, signal, onProgress, cleanedUpToOffset } = options;
  let job = jobOf(log, view, cleanable, options);
  let result: CleanResult;
  try {
    if (cleanedUpToOffset !== undefined && !isDryRun)
      job = { ...job, timeSteps: (await log.pastTimes.known(cleanedUpToOffset)).steps };
    result = await thread.clean(job, {
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    });
  } catch (error) {
    // A segment that was cut, or went with its records, is neither damaged nor missing.
    const isOfSegments = error instanceof FileError || error instanceof Uncleanable;
    if (isOfSegments && (log.isDeleted || log.cleanerEpoch !== view.epoch)) return { kind: 'stale' };
    throw error;
  }
  if (isDryRun) return { kind: 'cleaned', result };
  options.onReplacing?.(result.endOffset);
  const outcome = await log.replaceCleaned(view.epoch, result.groups, result.times ?? undefined);
  return outcome === 'replaced' ? { kind: 'cleaned', result } : { kind: outcome };
}

function jobOf(log: Log, view: CleanerView, cleanable: Cleanable, options: PassOptions): CleanJob {
  const { settings } = log;
  const { firstDirtyOffset, firstUncleanableOffset } = cleanable;
  return {
    directory: log.directory,
    firstDirtyOffset: Math.min(firstDirtyOffset, firstUncleanableOffset),
    firstUncleanableOffset,
    highWatermark: view.highWatermark,
    nowMs: options.nowMs,
    segments: view.segments
      .filter((segment) => segment.baseOffset < firstUncleanableOffset)
      .map(cleanSegmentOf),
    uncleanable: options.countsUncleanable
      ? cleanable.blocked.map(({ segment: { path, sizeBytes }, reason }) => ({ path, sizeBytes, reason }))
      : [],
    abortedTransactions: log.abortedTransactions(view.logStartOffset, firstUncleanableOffset),
    producers: view.producers,
    settings: {
      segmentBytes: segmentBytesOf(settings),
      segmentIndexBytes: settings['segment.index.bytes'],
      indexIntervalBytes: settings['index.interval.bytes'],
      deleteRetentionMs: settings['delete.retention.ms'],
    },
    limits: options.limits,
    isDryRun: options.isDryRun,
    tombstonesGoUpToMs: options.tombstonesGoUpToMs,
    timeSteps: null,
  };
}

function cleanSegmentOf(segment: CleanerSegment): CleanSegment {
  const { baseOffset, nextOffset, path, sizeBytes, offsetIndexBytes, timeIndexBytes, modifiedMs } = segment;
  return { baseOffset, nextOffset, path, sizeBytes, offsetIndexBytes, timeIndexBytes, modifiedMs };
}
