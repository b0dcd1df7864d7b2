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
  return records.map((record) => ({ ...record, ...explain(record, newest, state, nowMs) }));
}

function explain(
  record: KeyRecord,
  newest: number,
  state: PartitionState,
  nowMs: number,
): Pick<ExplainedRecord, 'state' | 'supersededBy' | 'staysUntilMs' | 'why'> {
  const plain = { supersededBy: -1, staysUntilMs: -1 };
  if (record.transaction === 'open')
    return { ...plain, state: 'open', why: `its transaction (producer ${record.producerId}) has not ended` };
  if (record.transaction === 'aborted') {
    const next = nextPass(state, [record.offset]);
    return {
      ...plain,
      ...next.time,
      state: 'aborted',
      why: `its transaction was aborted: it goes ${next.text}`,
    };
  }
  if (record.offset < newest) {
    const next = nextPass(state, [record.offset, newest]);
    const why = `superseded by offset ${newest}: it goes ${next.text}`;
    return { ...plain, ...next.time, state: 'superseded', supersededBy: newest, why };
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
): Pick<ExplainedRecord, 'staysUntilMs' | 'why'> {
  const { deleteHorizonMs } = record;
  const next = nextPass(state, [record.offset]);
  if (deleteHorizonMs < 0) {
    const why = `a tombstone without delete horizon: it gets one ${next.text}, and goes delete.retention.ms after that`;
    return { staysUntilMs: -1, why };
  }
  if (deleteHorizonMs > nowMs) {
    const why = `a tombstone: it stays until ${new Date(deleteHorizonMs).toISOString()}, and goes with the first pass after that`;
    return { staysUntilMs: deleteHorizonMs, why };
  }
  return { staysUntilMs: -1, why: `a tombstone whose delete horizon has passed: it goes ${next.text}` };
}

/** When a pass can see all these offsets, as the end of a sentence. */
function nextPass(
  state: PartitionState,
  offsets: readonly number[],
): { text: string; time: { staysUntilMs: number } } {
  const never = { staysUntilMs: -1 };
  if (state.obstacle !== null) return { text: `with no pass: ${state.obstacle}`, time: never };
  for (const offset of offsets) {
    const blocked = state.blocked.find((each) => offset >= each.baseOffset && offset < each.nextOffset);
    if (blocked === undefined) continue;
    const what = `offset ${offset} is in segment ${blocked.baseOffset}`;
    switch (blocked.reason) {
      case 'active':
        return { text: `not before a pass after the next roll: ${what}, which is active`, time: never };
      case 'open-transaction':
        return {
          text: `not before offset ${state.lastStableOffset} is decided: ${what}, which an open transaction reaches`,
          time: never,
        };
      case 'lag': {
        const until = new Date(blocked.untilMs).toISOString();
        return {
          text: `with a later pass: ${what}, which min.compaction.lag.ms holds back until ${until}`,
          time: { staysUntilMs: blocked.untilMs },
        };
      }
    }
  }
  if (state.isDue) return { text: 'with the next pass, which is due', time: never };
  const ratio = `${state.dirtyRatio.toFixed(2)} of the log is dirty, min.cleanable.dirty.ratio is ${state.minDirtyRatio}`;
  return { text: `with the next pass (${ratio})`, time: never };
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
