/** One log explained: the records of a key that are in it, why each is there, and what the cleaner knows of the log. */
import { CleanAborted } from '../../compaction/clean-job.ts';
import type { Cleanable } from '../../compaction/cleanable.ts';
import {
  type ExplainedRecord,
  explainPartition,
  explainRecords,
  type PartitionState,
} from '../../compaction/explain.ts';
import { findKey } from '../../compaction/find-key.ts';
import { turn } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { CleanerView } from '../../storage/log/cleaner-view.ts';
import type { Log } from '../../storage/log/log.ts';
import type { BrokerSettings } from '../config/settings.ts';
import { refuseDeleted } from './compaction-refused.ts';
import { isCompacted, type LogCleaner } from './log-cleaner.ts';

/** One partition, as `explain` tells of it. */
export interface PartitionExplanation {
  readonly topic: string;
  readonly partition: number;
  /** Why it is, or is not, going to be cleaned now: one sentence. */
  readonly why: string;
  readonly state: PartitionState;
  /** From where on the log is damaged, so that records behind it are not known; null when all of it was read. */
  readonly unreadable: string | null;
  /** Records of the key that are in the log. */
  readonly recordCount: number;
  /** The newest of them, in order of offset. */
  readonly records: readonly ExplainedRecord[];
}

export interface ExplainContext {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly cleaner: LogCleaner;
  readonly signal: AbortSignal;
}

/** Retention may take a segment before its turn has come: then all is looked at once more. */
const attemptsMax = 3;

export const explainedRecordsDefault = 1_000;
/** A record that is explained takes some 5 µs of the event loop, in one go, and 300 bytes. */
export const explainedRecordsMax = 10_000;

/** The records of a key in a log that the caller holds. Rejects with CleanAborted when the signal says so. */
export async function explainLog(
  log: Log,
  key: Buffer,
  limit: number,
  { environment: { clock, files }, settings, cleaner, signal }: ExplainContext,
): Promise<PartitionExplanation> {
  const recordsMax = limit >= 1 ? Math.min(Math.floor(limit), explainedRecordsMax) : 1;
  const giveWay = async () => {
    await turn(clock);
    if (signal.aborted) throw new CleanAborted();
  };
  for (let attempt = 1; ; attempt++) {
    const { view, cleanable } = cleaner.look(log);
    const open = view.producers.filter((producer) => producer.transactionFirstOffset >= 0);
    const first = view.segments[0]?.baseOffset ?? view.logStartOffset;
    try {
      const { count, records, unreadable } = await findKey(key, {
        files,
        segments: view.segments,
        abortedTransactions: log.abortedTransactions(first, view.endOffset),
        openTransactions: new Map(open.map((each) => [each.producerId, each.transactionFirstOffset])),
        logStartOffset: view.logStartOffset,
        recordsMax,
        giveWay,
      });
      const state = stateOf(log, view, cleanable, obstacleTo(log, settings, cleaner));
      return {
        topic: log.topic,
        partition: log.partition,
        why: explainPartition(state),
        state,
        unreadable,
        recordCount: count,
        records: explainRecords(records, state, clock.nowMs()),
      };
    } catch (error) {
      refuseDeleted(log);
      const isGone = error instanceof FileError && error.code === 'ENOENT';
      if (!isGone || attempt >= attemptsMax) throw error;
    }
  }
}

function stateOf(log: Log, view: CleanerView, cleanable: Cleanable, obstacle: string | null): PartitionState {
  const { logStartOffset, lastStableOffset, endOffset } = view;
  const { firstDirtyOffset, firstUncleanableOffset, dirtyRatio, isDue, isForced, blocked } = cleanable;
  return {
    logStartOffset,
    firstDirtyOffset,
    firstUncleanableOffset,
    lastStableOffset,
    endOffset,
    dirtyRatio,
    minDirtyRatio: log.settings['min.cleanable.dirty.ratio'],
    isDue,
    isForced,
    obstacle,
    blocked: blocked.map(({ segment: { baseOffset, nextOffset }, reason, untilMs }) => {
      return { baseOffset, nextOffset, reason, untilMs };
    }),
  };
}

/** Why no pass is made of it, whatever it holds. */
function obstacleTo(log: Log, settings: BrokerSettings, cleaner: LogCleaner): string | null {
  if (!isCompacted(log)) return `cleanup.policy is ${log.settings['cleanup.policy'].join(',')}`;
  if (!settings['log.cleaner.enable']) return 'log.cleaner.enable is false';
  if (settings['log.cleaner.threads'] === 0) return 'log.cleaner.threads is 0';
  if (log.isOffline) return 'the log is offline after a disk error';
  const trouble = cleaner.troubles.of(log);
  if (trouble === null) return null;
  return `the last pass failed (${trouble.why}); the next try is at ${new Date(trouble.retryMs).toISOString()}`;
}
