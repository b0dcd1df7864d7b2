import type { CleanerView } from '../storage/log/cleaner-view.ts';
import type { CleanedRecords, CleanResult, UncleanableReason } from './clean-job.ts';
import type { Cleanable } from './cleanable.ts';

/**
 * What somebody who asked for a compaction gets for each partition: what was there, what is left, and why. One request may take
 * several passes, when the map of keys does not hold all of them; each begins at the first segment, so that what the last one kept
 * is what is left, and what went is the sum over all.
 */
export interface CompactionReceipt {
  readonly topic: string;
  readonly partition: number;
  /**
   * `compacted`: as asked. `dry-run`: as it would have been. `stale`: the log changed under every attempt (retention, DeleteRecords);
   * what the passes before it did stands. `failed`: `why` says it.
   */
  readonly outcome: 'compacted' | 'dry-run' | 'stale' | 'failed';
  readonly why: string | null;
  /** Offsets. Looked at: [logStart, end); clean before: [logStart, firstDirty); left alone: [firstUncleanable, logEnd). */
  readonly range: {
    readonly logStart: number;
    readonly firstDirty: number;
    readonly end: number;
    readonly firstUncleanable: number;
    readonly logEnd: number;
  };
  readonly records: {
    readonly before: number;
    readonly after: number;
    readonly kept: KeptRecords;
    readonly removed: RemovedRecords;
    /** Not looked at, by what holds them back. */
    readonly notCleanable: Readonly<Record<UncleanableReason, number>>;
  };
  /** Batches without records that stay for the sequence number of a live producer, or for the end of the range. */
  readonly emptyBatches: number;
  readonly bytes: { readonly before: number; readonly after: number };
  readonly segments: { readonly before: number; readonly after: number };
  /** When the first of the tombstones and markers that were kept may go (wall clock); -1 where none waits. */
  readonly nextHorizonMs: number;
  readonly passes: number;
  readonly durationMs: number;
  /** The largest that a pass used. */
  readonly memoryBytes: number;
  /** Distinct keys that the largest map held, and how many it could. */
  readonly map: { readonly keys: number; readonly capacity: number };
}

export type KeptRecords = Pick<CleanedRecords, 'newest' | 'tombstones' | 'markers' | 'beyondMap'>;
export type RemovedRecords = Pick<
  CleanedRecords,
  'superseded' | 'tombstonesExpired' | 'aborted' | 'markersExpired' | 'nullKeys'
>;

const nothingKept: KeptRecords = { newest: 0, tombstones: 0, markers: 0, beyondMap: 0 };
const nothingRemoved: RemovedRecords = {
  superseded: 0,
  tombstonesExpired: 0,
  aborted: 0,
  markersExpired: 0,
  nullKeys: 0,
};

/** Collects the passes of one request over one partition. */
export class ReceiptBuilder {
  readonly #topic: string;
  readonly #partition: number;
  readonly #view: CleanerView;
  readonly #first: Cleanable;
  #removed: RemovedRecords = nothingRemoved;
  #last: CleanResult | null = null;
  #passes = 0;
  #durationMs = 0;
  #memoryBytes = 0;
  #mapKeys = 0;

  /** `view` and `first` are those before the first pass. */
  constructor(topic: string, partition: number, view: CleanerView, first: Cleanable) {
    this.#topic = topic;
    this.#partition = partition;
    this.#view = view;
    this.#first = first;
  }

  /** Below it everything was looked at. */
  get endOffset(): number {
    return this.#last?.endOffset ?? this.#view.logStartOffset;
  }

  add(result: CleanResult): void {
    const { superseded, tombstonesExpired, aborted, markersExpired, nullKeys } = result.records;
    const sum = this.#removed;
    this.#removed = {
      superseded: sum.superseded + superseded,
      tombstonesExpired: sum.tombstonesExpired + tombstonesExpired,
      aborted: sum.aborted + aborted,
      markersExpired: sum.markersExpired + markersExpired,
      nullKeys: sum.nullKeys + nullKeys,
    };
    this.#last = result;
    this.#passes++;
    this.#durationMs += result.durationMs;
    this.#memoryBytes = Math.max(this.#memoryBytes, result.memoryBytes);
    this.#mapKeys = Math.max(this.#mapKeys, result.mapEntries);
  }

  /** `segmentsAfter`: how many the range holds now. */
  finish(
    outcome: CompactionReceipt['outcome'],
    why: string | null,
    segmentsAfter: number | null,
  ): CompactionReceipt {
    const last = this.#last;
    const { firstDirtyOffset, firstUncleanableOffset } = this.#first;
    const { logStartOffset, endOffset, segments } = this.#view;
    const covered = segments.filter(({ baseOffset }) => last !== null && baseOffset < last.endOffset);
    const kept = last === null ? nothingKept : keptOf(last.records);
    const removed = this.#removed;
    const after = kept.newest + kept.tombstones + kept.markers + kept.beyondMap;
    const gone = Object.values(removed).reduce((sum, count) => sum + count, 0);
    return {
      topic: this.#topic,
      partition: this.#partition,
      outcome,
      why,
      range: {
        logStart: logStartOffset,
        firstDirty: firstDirtyOffset,
        end: this.endOffset,
        firstUncleanable: firstUncleanableOffset,
        logEnd: endOffset,
      },
      records: {
        before: after + gone,
        after,
        kept,
        removed,
        notCleanable: last?.uncleanable ?? { lag: 0, 'open-transaction': 0, active: 0 },
      },
      emptyBatches: last?.emptyBatches ?? 0,
      bytes: {
        before: covered.reduce((sum, segment) => sum + segment.sizeBytes, 0),
        after: last?.bytesAfter ?? 0,
      },
      segments: { before: covered.length, after: segmentsAfter ?? covered.length },
      nextHorizonMs: last?.nextHorizonMs ?? -1,
      passes: this.#passes,
      durationMs: this.#durationMs,
      memoryBytes: this.#memoryBytes,
      map: { keys: this.#mapKeys, capacity: last?.mapCapacity ?? 0 },
    };
  }
}

function keptOf({ newest, tombstones, markers, beyondMap }: CleanedRecords): KeptRecords {
  return { newest, tombstones, markers, beyondMap };
}
