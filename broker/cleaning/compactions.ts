/**
 * Compaction for whoever asks: run it now and tell what it did, say what it would do, explain why a record is still there. What
 * comes back are values (compaction/receipt.ts, compaction/explain.ts), for the library's callers and, over the control socket, the
 * command line.
 */
import { CleanAborted, type CleanProgress, Uncleanable } from '../../compaction/clean-job.ts';
import { CleanerLost } from '../../compaction/cleaner-thread.ts';
import { type CompactionReceipt, ReceiptBuilder } from '../../compaction/receipt.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { Log } from '../../storage/log/log.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { Partitions } from '../partitions/partitions.ts';
import {
  CompactionRefused,
  refuseDeleted,
  refuseElsewhere,
  refuseUnlessCompacted,
} from './compaction-refused.ts';
import { explainedRecordsDefault, explainLog, type PartitionExplanation } from './explain-log.ts';
import type { HoldOptions, LogCleaner } from './log-cleaner.ts';

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
  /** Ends it, with the signal's reason; what has been cleaned stays so. */
  readonly signal?: AbortSignal;
}

export interface ExplainOptions {
  /** Left out: all of the topic. */
  readonly partition?: number;
  /** Of each partition the newest so many records are explained; all are counted. Default 1,000, at most 10,000. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface CompactionProgress extends CleanProgress {
  readonly topic: string;
  readonly partition: number;
  /** From 1 on. */
  readonly pass: number;
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

  /** Compacts now, one partition after the other; a receipt for each. Throws `CompactionRefused`, or the reason of the signal. */
  async *receipts(topic: string, options: CompactOptions = {}): AsyncGenerator<CompactionReceipt> {
    const { partition, dropTombstonesOlderThanMs: olderThanMs = 0 } = options;
    if (!(olderThanMs >= 0))
      throw new CompactionRefused(
        `tombstones cannot be older than ${olderThanMs} ms: a time from 0 on is wanted`,
      );
    const { logs, elsewhere } = this.#logsOf(topic, partition);
    for (const log of logs) {
      yield await this.#holding(log, options, (signal) => {
        refuseUnlessCompacted(log);
        return this.#compact(log, options, signal);
      });
    }
    refuseElsewhere(topic, elsewhere);
  }

  /** The records of a key that are still in the topic's logs, each with why; a partition without any tells its state alone. */
  async *explanations(
    topic: string,
    key: Buffer,
    options: ExplainOptions = {},
  ): AsyncGenerator<PartitionExplanation> {
    const { logs, elsewhere } = this.#logsOf(topic, options.partition);
    for (const log of logs)
      yield await this.#holding(log, { ...options, onlyReads: true }, (signal) =>
        explainLog(log, key, options.limit ?? explainedRecordsDefault, { ...this.#options, signal }),
      );
    refuseElsewhere(topic, elsewhere);
  }

  /** All of `receipts`. */
  compact(topic: string, options?: CompactOptions): Promise<CompactionReceipt[]> {
    return all(this.receipts(topic, options));
  }

  /** All of `explanations`. */
  explain(topic: string, key: Buffer, options?: ExplainOptions): Promise<PartitionExplanation[]> {
    return all(this.explanations(topic, key, options));
  }

  /** `work` with the log in hands; where it was taken out of them, says why. */
  async #holding<T>(
    log: Log,
    { signal, onlyReads = false }: HoldOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#options.cleaner.holding(log, work, { ...(signal ? { signal } : {}), onlyReads });
    } catch (error) {
      if (!(error instanceof CleanAborted)) throw error;
      signal?.throwIfAborted();
      refuseDeleted(log);
      if (!onlyReads) refuseUnlessCompacted(log);
      throw new CompactionRefused('the broker is stopping', { cause: error });
    }
  }

  /** `elsewhere`: of a directory that comes from a larger cluster. */
  #logsOf(topic: string, partition?: number): { logs: Log[]; elsewhere: number[] } {
    const { cluster, partitions } = this.#options;
    const state = cluster.topic(topic);
    if (state === undefined) throw new CompactionRefused(`there is no topic ${topic}`);
    const isKnown = partition === undefined || (Number.isInteger(partition) && partition in state.partitions);
    if (!isKnown)
      throw new CompactionRefused(
        `${topic} has no partition ${partition}, it has ${state.partitions.length}`,
      );
    const logs: Log[] = [];
    const elsewhere: number[] = [];
    state.partitions.forEach(({ index }) => {
      if (partition !== undefined && index !== partition) return;
      const log = partitions.get(topic, index)?.log;
      if (log === undefined) elsewhere.push(index);
      else logs.push(log);
    });
    return { logs, elsewhere };
  }

  async #compact(log: Log, options: CompactOptions, signal: AbortSignal): Promise<CompactionReceipt> {
    const { cleaner, environment } = this.#options;
    const { dryRun = false, includeActive = false, dropTombstonesOlderThanMs, onProgress } = options;
    if (includeActive && !dryRun) await log.roll();
    const look = () => cleaner.look(log, dryRun && includeActive);
    const first = look();
    const receipt = new ReceiptBuilder(log.topic, log.partition, first.view, first.cleanable);
    const tombstonesGoUpToMs =
      dropTombstonesOlderThanMs === undefined ? -1 : environment.clock.nowMs() - dropTombstonesOlderThanMs;
    if (log.isOffline && !dryRun)
      return receipt.finish('failed', 'the log is offline after a disk error', null);
    let pass = 1;
    let attempts = 0;
    for (let seen = first; ; seen = look()) {
      const request = {
        isDryRun: dryRun,
        tombstonesGoUpToMs,
        countsUncleanable: true,
        onProgress: (progress: CleanProgress) =>
          onProgress?.({ topic: log.topic, partition: log.partition, pass, ...progress }),
      };
      try {
        const outcome = await cleaner.pass(log, seen, request, signal);
        if (outcome.kind === 'offline') return receipt.finish('failed', 'the disk failed', null);
        if (outcome.kind === 'stale') {
          refuseDeleted(log);
          if (++attempts >= attemptsMax)
            return receipt.finish('stale', 'the log changed while it was compacted', countIn(log, receipt));
          continue;
        }
        receipt.add(outcome.result);
        if (dryRun) return receipt.finish('dry-run', null, null);
        const isDone = outcome.result.endOffset >= seen.cleanable.firstUncleanableOffset;
        const isStuck = outcome.result.endOffset <= seen.cleanable.firstDirtyOffset;
        if (isDone || isStuck) return receipt.finish('compacted', null, countIn(log, receipt));
        pass++;
      } catch (error) {
        // Its thread was one too many: log.cleaner.threads has changed.
        if (error instanceof CleanAborted && !signal.aborted && ++attempts < attemptsMax) continue;
        if (!isFailure(error)) throw error;
        refuseDeleted(log);
        if (!dryRun) cleaner.failed(log, error);
        return receipt.finish('failed', error.message, countIn(log, receipt));
      }
    }
  }
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

/** Of the log, the disk or the thread; not that somebody wanted it to end, nor an error of ours. */
function isFailure(error: unknown): error is Error {
  return error instanceof Uncleanable || error instanceof FileError || error instanceof CleanerLost;
}

/** Segments of the log in the range that the receipt speaks of. */
function countIn(log: Log, receipt: ReceiptBuilder): number {
  return log.segments().filter(({ baseOffset }) => baseOffset < receipt.endOffset).length;
}
