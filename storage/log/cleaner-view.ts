import type { FileSystem } from '../environment/files.ts';
import type { AbortedTransaction } from './log-types.ts';
import type { ProducerTable } from './producer-table.ts';
import type { SegmentList } from './segment-list.ts';

/**
 * What a cleaner must know of a log, as of one moment. It works on it for seconds or minutes, elsewhere, while the log goes on;
 * `epoch` tells afterwards whether it still holds (segment-swap.ts).
 */
export interface CleanerView {
  /** Changes when segments go, are cut or replaced, or the log start moves; not with appends and rolls. */
  readonly epoch: number;
  readonly logStartOffset: number;
  readonly lastStableOffset: number;
  readonly highWatermark: number;
  readonly endOffset: number;
  /** All, oldest first; the last one is active. */
  readonly segments: readonly CleanerSegment[];
  readonly producers: readonly CleanerProducer[];
}

export interface CleanerSegment {
  readonly baseOffset: number;
  /** Of a sealed segment the next one's base offset. */
  readonly nextOffset: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly isActive: boolean;
  // What follows is looked up when it is asked for, which must be in the same turn: most logs that are looked at are not due.
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
  /** Of its records; when it was last written where they have none. */
  readonly largestTimestampMs: number;
  /** Of its first batch; -1 without any. */
  readonly firstBatchTimestampMs: number;
  readonly modifiedMs: number;
}

export interface CleanerProducer {
  readonly producerId: number;
  readonly epoch: number;
  /** -1: nothing but markers in this epoch. */
  readonly lastDataOffset: number;
  /** Where its open transaction begins; -1 without one. */
  readonly transactionFirstOffset: number;
}

/** The segments as a cleaner sees them. Index sizes are those of the files; of the active segment they mean nothing. */
export function viewSegments(files: FileSystem, list: SegmentList): CleanerSegment[] {
  return list.segments.map((segment, i) => {
    const modifiedMs = () => files.statSync(segment.file.path)?.modifiedMs ?? 0;
    return {
      baseOffset: segment.baseOffset,
      nextOffset: list.segments[i + 1]?.baseOffset ?? segment.nextOffset,
      path: segment.file.path,
      sizeBytes: segment.size,
      isActive: segment === list.active,
      get offsetIndexBytes() {
        return segment.offsetIndexBytes;
      },
      get timeIndexBytes() {
        return segment.timeIndexBytes;
      },
      get largestTimestampMs() {
        return segment.largestTimestampMs(modifiedMs);
      },
      get firstBatchTimestampMs() {
        return segment.firstBatchTimestampMs;
      },
      get modifiedMs() {
        return modifiedMs();
      },
    };
  });
}

/** The view that there would be after a roll: all segments sealed but for an empty one at the end. */
export function asIfRolled(view: CleanerView): CleanerView {
  const active = view.segments.at(-1);
  if (active === undefined || active.sizeBytes === 0) return view;
  const { endOffset, segments } = view;
  const sealed = { ...active, isActive: false, nextOffset: endOffset };
  const next = { ...active, baseOffset: endOffset, nextOffset: endOffset, sizeBytes: 0 };
  return { ...view, segments: [...segments.slice(0, -1), sealed, next] };
}

export function viewProducers(producers: ProducerTable): CleanerProducer[] {
  return Array.from(producers.producers, ({ producerId, epoch, lastDataOffset, transactionFirstOffset }) => ({
    producerId,
    epoch,
    lastDataOffset,
    transactionFirstOffset,
  }));
}

/** The aborted transactions with a marker at or above `fromOffset` that begin below `upToOffset`. */
export function abortedTransactionsIn(
  list: SegmentList,
  fromOffset: number,
  upToOffset: number,
): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  for (let n = Math.max(0, list.indexFor(fromOffset)); n < list.segments.length; n++) {
    if (list.segments[n]!.transactionIndex.collect(fromOffset, upToOffset, found)) break;
  }
  return found;
}
