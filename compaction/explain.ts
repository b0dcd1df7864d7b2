import type { UncleanableReason } from './clean-job.ts';
import { counts, type KeyRecord } from './find-key.ts';

/**
 * Why each record of a key is still in the log, and until when. Pure: from the records that were found and the state of the
 * partition. The first line that fits:
 *
 *   transaction open            nobody knows yet whether it counts
 *   transaction aborted         goes with the next pass over its segment
 *   a newer record counts       superseded: goes with the next pass whose map knows the newer one
 *   tombstone, no horizon       stays; the next pass gives it one: then + delete.retention.ms
 *   tombstone, horizon to come  stays until then
 *   tombstone, horizon passed   goes with the next pass
 *   value                       stays: it is the newest
 *
 * "The next pass" comes when the partition is dirty enough, or somebody asks for it, and never for a segment that is active,
 * too young, or not below the last stable offset.
 */
export type RecordState = 'open' | 'aborted' | 'superseded' | 'tombstone' | 'newest';

/** Offsets that cannot be cleaned now. */
export interface BlockedRange {
  /** Of the segment. */
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly reason: UncleanableReason;
  /** When `min.compaction.lag.ms` is over for it; -1 for other reasons. */
  readonly untilMs: number;
}

/** What the cleaner knows of a partition now. */
export interface PartitionState {
  readonly logStartOffset: number;
  readonly firstDirtyOffset: number;
  readonly firstUncleanableOffset: number;
  readonly lastStableOffset: number;
  readonly endOffset: number;
  readonly dirtyRatio: number;
  readonly minDirtyRatio: number;
  /** A pass would begin by itself now. */
  readonly isDue: boolean;
  /** `max.compaction.lag.ms` demands it. */
  readonly isForced: boolean;
  /** Why no pass is made at all: not a compacted topic, the cleaner is off, the log is damaged; null when none of it. */
  readonly obstacle: string | null;
  readonly blocked: readonly BlockedRange[];
}

export interface ExplainedRecord extends KeyRecord {
  readonly state: RecordState;
  /** The newest record of the key that counts; -1 unless superseded. */
  readonly supersededBy: number;
  /** Goes not before it (wall clock); -1 where no time decides. */
  readonly staysUntilMs: number;
  /** One sentence. */
  readonly why: string;
}

/** Explains records of one key, in order of offset; the newest one that counts is among them. */
export function explainRecords(
  records: readonly KeyRecord[],
  state: PartitionState,
  nowMs: number,
): ExplainedRecord[] {
  const newest = records.findLast(counts)?.offset ?? -1;
  const explained: ExplainedRecord[] = [];
  // The next one that counts takes the place of a record: a pass need not know the newest.
  let next = -1;
  for (let n = records.length - 1; n >= 0; n--) {
    const record = records[n]!;
    explained.push({ ...record, ...explain(record, next, newest, state, nowMs) });
    if (counts(record)) next = record.offset;
  }
  return explained.reverse();
}

type Verdict = Pick<ExplainedRecord, 'state' | 'supersededBy' | 'staysUntilMs' | 'why'>;

function explain(
  record: KeyRecord,
  next: number,
  newest: number,
  state: PartitionState,
  nowMs: number,
): Verdict {
  const plain = { supersededBy: -1, staysUntilMs: -1 };
  if (record.transaction === 'open')
    return { ...plain, state: 'open', why: `its transaction (producer ${record.producerId}) has not ended` };
  if (record.transaction === 'aborted') {
    const { when, staysUntilMs } = nextPass(state, record.offset, record.offset);
    const why = `its transaction was aborted: it goes ${when}`;
    return { ...plain, staysUntilMs, state: 'aborted', why };
  }
  if (record.offset < newest) {
    const { when, staysUntilMs } = nextPass(state, next, record.offset);
    const why = `superseded by offset ${newest}: it goes ${when}`;
    return { state: 'superseded', supersededBy: newest, staysUntilMs, why };
  }
  if (record.valueBytes !== null)
    return {
      ...plain,
      state: 'newest',
      why: 'the newest value of its key: it stays until a newer one comes',
    };
  return { ...plain, state: 'tombstone', ...explainTombstone(record, state, nowMs) };
}

function explainTombstone(
  record: KeyRecord,
  state: PartitionState,
  nowMs: number,
): Pick<Verdict, 'staysUntilMs' | 'why'> {
  const { deleteHorizonMs, offset } = record;
  const { when } = nextPass(state, offset, offset);
  if (deleteHorizonMs < 0) {
    const why = `a tombstone without delete horizon: it gets one ${when}, and goes delete.retention.ms after that`;
    return { staysUntilMs: -1, why };
  }
  if (deleteHorizonMs > nowMs) {
    const why = `a tombstone: it stays until ${timeText(deleteHorizonMs)}, and goes with the first pass after that`;
    return { staysUntilMs: deleteHorizonMs, why };
  }
  return { staysUntilMs: -1, why: `a tombstone whose delete horizon has passed: it goes ${when}` };
}

/** When a pass can see `offset`, and with it the record at `own`, which is not above it. */
function nextPass(
  state: PartitionState,
  offset: number,
  own: number,
): { readonly when: string; readonly staysUntilMs: number } {
  const never = -1;
  if (state.obstacle !== null) return { when: `with no pass (${state.obstacle})`, staysUntilMs: never };
  const blocked = state.blocked.find((each) => offset >= each.baseOffset && offset < each.nextOffset);
  const it = offset === own ? 'it' : `offset ${offset}`;
  switch (blocked?.reason) {
    case 'active':
      return {
        when: `with a pass after the next roll (${it} is in the active segment)`,
        staysUntilMs: never,
      };
    case 'open-transaction':
      return {
        when: `with a pass after the transaction that is open at offset ${state.lastStableOffset}`,
        staysUntilMs: never,
      };
    case 'lag': {
      const { untilMs } = blocked;
      const which = offset === own ? 'its segment' : `the segment of offset ${offset}`;
      return {
        when: `with a pass after ${timeText(untilMs)} (min.compaction.lag.ms holds back ${which})`,
        staysUntilMs: untilMs,
      };
    }
    default:
      return { when: `with the next pass (${dueText(state)})`, staysUntilMs: never };
  }
}

function dueText({ isDue, dirtyRatio, minDirtyRatio }: PartitionState): string {
  if (isDue) return 'it is due';
  return `none is due: ${dirtyRatio.toFixed(3)} of the log is dirty, min.cleanable.dirty.ratio is ${minDirtyRatio}`;
}

/** A timestamp of a record may be none that a date can be of. */
function timeText(ms: number): string {
  const largestMs = 8.64e15;
  return Math.abs(ms) <= largestMs ? new Date(ms).toISOString() : `${ms} ms`;
}

/** Why the partition is, or is not, going to be cleaned now: one sentence. */
export function explainPartition(state: PartitionState): string {
  if (state.obstacle !== null) return `not cleaned: ${state.obstacle}`;
  const dirty = `[${state.firstDirtyOffset}, ${state.firstUncleanableOffset})`;
  if (state.firstUncleanableOffset <= state.firstDirtyOffset) {
    const first = state.blocked[0];
    const reasons: Record<UncleanableReason, string> = {
      active: 'the active segment begins there',
      'open-transaction': `a transaction is open from offset ${state.lastStableOffset} on`,
      lag: 'min.compaction.lag.ms holds the segment there back',
    };
    const why = first ? reasons[first.reason] : 'the log ends there';
    return `nothing to clean: all below offset ${state.firstDirtyOffset} is clean and ${why}`;
  }
  if (state.isForced) return `due: ${dirty} is dirty, some of it for longer than max.compaction.lag.ms`;
  const ratio = `${state.dirtyRatio.toFixed(3)} of the log is dirty, ${dirty}`;
  if (state.isDue) return `due: ${ratio}, which is over min.cleanable.dirty.ratio = ${state.minDirtyRatio}`;
  return `not due: ${ratio}, which is not over min.cleanable.dirty.ratio = ${state.minDirtyRatio}`;
}
