/**
 * Compaction for whoever asks: run it now and tell what it did, say what it would do, explain why a record is still there. What
 * comes back are values (compaction/receipt.ts, compaction/explain.ts), for the library's callers and, over the control socket, the
 * command line.
 */
import { type CleanProgress, Uncleanable } from '../../compaction/clean-job.ts';
import type { Cleanable } from '../../compaction/cleanable.ts';
import {
  type ExplainedRecord,
  explainPartition,
  explainRecords,
  type PartitionState,
} from '../../compaction/explain.ts';
import { findKey } from '../../compaction/find-key.ts';
import { type CompactionReceipt, ReceiptBuilder } from '../../compaction/receipt.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { CleanerView } from '../../storage/log/cleaner-view.ts';
import type { Log } from '../../storage/log/log.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { Partitions } from '../partitions/partitions.ts';
import { isCompacted, type LogCleaner } from './log-cleaner.ts';

export interface CompactOptions {
  /** Left out: all of the topic. */
  readonly partition?: number;
  /** Rolls the active segment first, so that it is cleaned too. Default: what is in it stays. */
  readonly includeActive?: boolean;
  /** Tombstones whose timestamp is so long ago go at once, whatever their delete horizon says. */
  readonly dropTombstonesOlderThanMs?: number;
  /** Tells what a pass would do, and changes nothing. */
  readonly dryRun?: boolean;
  readonly onProgress?: (progress: CompactionProgress) => void;
  readonly signal?: AbortSignal;
}

export interface CompactionProgress extends CleanProgress {
  readonly topic: string;
  readonly partition: number;
  /** From 1 on. */
  readonly pass: number;
}

/** One partition, as `explain` tells of it. */
export interface PartitionExplanation {
  readonly topic: string;
  readonly partition: number;
  /** Why it is, or is not, going to be cleaned now: one sentence. */
  readonly why: string;
  readonly state: PartitionState;
  /** Of the key, in order of offset. */
  readonly records: readonly ExplainedRecord[];
}

/** Nothing was done: no such topic or partition, or not a compacted one. The message says it. */
export class CompactionRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CompactionRefused';
  }
}

export interface CompactionsOptions {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly cluster: ClusterState;
  readonly partitions: Partitions;
  readonly cleaner: LogCleaner;
}

/** Attempts on a log that changes under every one of them. */
const attemptsMax = 3;

export class Compactions {
  readonly #options: CompactionsOptions;

  constructor(options: CompactionsOptions) {
    this.#options = options;
  }

  /** Compacts now; a receipt for each partition, in order. Rejects with `CompactionRefused`, or CleanAborted when told to stop. */
  async compact(topic: string, options: CompactOptions = {}): Promise<CompactionReceipt[]> {
    const receipts: CompactionReceipt[] = [];
    for (const log of this.#logsOf(topic, options.partition)) {
      if (!isCompacted(log))
        throw new CompactionRefused(
          `${topic} is not compacted: its cleanup.policy is ${log.settings['cleanup.policy'].join(',')}`,
        );
      receipts.push(
        await this.#options.cleaner.holding(log, (signal) => this.#compact(log, options, signal)),
      );
    }
    return receipts;
  }

  /** All records of a key that are still in the topic's logs, each with why; a partition without any tells its state alone. */
  async explain(topic: string, key: Buffer, partition?: number): Promise<PartitionExplanation[]> {
    const explanations: PartitionExplanation[] = [];
    for (const log of this.#logsOf(topic, partition)) explanations.push(await this.#explain(log, key));
    return explanations;
  }

  #logsOf(topic: string, partition?: number): Log[] {
    const { cluster, partitions } = this.#options;
    const state = cluster.topic(topic);
    if (state === undefined) throw new CompactionRefused(`there is no topic ${topic}`);
    if (partition !== undefined && state.partitions[partition] === undefined)
      throw new CompactionRefused(
        `${topic} has no partition ${partition}, it has ${state.partitions.length}`,
      );
    return state.partitions
      .filter(({ index }) => partition === undefined || index === partition)
      .flatMap(({ index }) => partitions.get(topic, index)?.log ?? []);
  }

  async #compact(log: Log, options: CompactOptions, stopped: AbortSignal): Promise<CompactionReceipt> {
    const { cleaner, environment } = this.#options;
    const { dryRun = false, includeActive = false, dropTombstonesOlderThanMs, onProgress } = options;
    const signal = options.signal ? AbortSignal.any([options.signal, stopped]) : stopped;
    if (includeActive && !dryRun) await log.roll();
    const first = cleaner.look(log, dryRun && includeActive);
    const receipt = new ReceiptBuilder(log.topic, log.partition, first.view, first.cleanable);
    const tombstonesGoUpToMs =
      dropTombstonesOlderThanMs === undefined ? -1 : environment.clock.nowMs() - dropTombstonesOlderThanMs;
    let pass = 1;
    let attempts = 0;
    for (let look = first; ; look = cleaner.look(log)) {
      const request = {
        isDryRun: dryRun,
        tombstonesGoUpToMs,
        countsUncleanable: true,
        onProgress: (progress: CleanProgress) =>
          onProgress?.({ topic: log.topic, partition: log.partition, pass, ...progress }),
      };
      try {
        const outcome = await cleaner.pass(log, look, request, signal);
        if (outcome.kind === 'offline') return receipt.finish('failed', 'the disk failed', null);
        if (outcome.kind === 'stale') {
          if (++attempts >= attemptsMax)
            return receipt.finish('stale', 'the log changed while it was compacted', countIn(log, receipt));
          continue;
        }
        receipt.add(outcome.result);
        if (dryRun) return receipt.finish('dry-run', null, null);
        const isDone = outcome.result.endOffset >= look.cleanable.firstUncleanableOffset;
        const isStuck = outcome.result.endOffset <= look.cleanable.firstDirtyOffset;
        if (isDone || isStuck) return receipt.finish('compacted', null, countIn(log, receipt));
        pass++;
      } catch (error) {
        if (!(error instanceof Uncleanable || error instanceof FileError)) throw error;
        cleaner.failed(log, error);
        return receipt.finish('failed', error.message, countIn(log, receipt));
      }
    }
  }

  async #explain(log: Log, key: Buffer): Promise<PartitionExplanation> {
    const { cleaner, environment } = this.#options;
    const { clock, files } = environment;
    return cleaner.holding(log, async () => {
      for (let attempt = 1; ; attempt++) {
        const { view, cleanable } = cleaner.look(log);
        const open = view.producers.filter((producer) => producer.transactionFirstOffset >= 0);
        const first = view.segments[0]?.baseOffset ?? view.logStartOffset;
        try {
          const records = await findKey(key, {
            files,
            segments: view.segments,
            abortedTransactions: log.abortedTransactions(first, view.endOffset),
            openTransactions: new Map(open.map((each) => [each.producerId, each.transactionFirstOffset])),
            logStartOffset: view.logStartOffset,
            giveWay: () => new Promise((resolve) => clock.defer(resolve)),
          });
          const state = this.#stateOf(log, view, cleanable);
          return {
            topic: log.topic,
            partition: log.partition,
            why: explainPartition(state),
            state,
            records: explainRecords(records, state, clock.nowMs()),
          };
        } catch (error) {
          // Retention may take a segment before its turn has come.
          const isGone = error instanceof FileError && error.code === 'ENOENT';
          if (!isGone || attempt >= attemptsMax) throw error;
        }
      }
    });
  }

  #stateOf(log: Log, view: CleanerView, cleanable: Cleanable): PartitionState {
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
      obstacle: this.#obstacleTo(log),
      blocked: blocked.map(({ segment: { baseOffset, nextOffset }, reason, untilMs }) => {
        return { baseOffset, nextOffset, reason, untilMs };
      }),
    };
  }

  #obstacleTo(log: Log): string | null {
    const { settings, cleaner } = this.#options;
    if (!isCompacted(log)) return `cleanup.policy is ${log.settings['cleanup.policy'].join(',')}`;
    if (!settings['log.cleaner.enable']) return 'log.cleaner.enable is false';
    if (settings['log.cleaner.threads'] === 0) return 'log.cleaner.threads is 0';
    if (log.isOffline) return 'the log is offline after a disk error';
    const trouble = cleaner.troubles.of(log);
    if (trouble === null) return null;
    return `the last pass failed (${trouble.why}); the next try is at ${new Date(trouble.retryMs).toISOString()}`;
  }
}

/** Segments of the log in the range that the receipt speaks of. */
function countIn(log: Log, receipt: ReceiptBuilder): number {
  return log.segments().filter(({ baseOffset }) => baseOffset < receipt.endOffset).length;
}
