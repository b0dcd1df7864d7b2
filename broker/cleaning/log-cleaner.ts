/**
 * The cleaner at work: `log.cleaner.threads` times the loop
 *
 *    pick the dirtiest log that is due ▶ pass over it ▶ again, until none is due ▶ sleep for `log.cleaner.backoff.ms`
 *
 * and before a sleep retention for compacted topics (`compact,delete`, and what DeleteRecords left), which so comes more often than
 * for others, and never runs into a pass over the same log. A log is in one pair of hands at a time, those of somebody who asked for a compaction included
 * (compactions.ts). What is cleanable and what a pass does is compaction/'s business.
 */
import {
  CleanAborted,
  type CleanLimits,
  type CleanProgress,
  type CleanResult,
  mapBytesMax,
  Uncleanable,
} from '../../compaction/clean-job.ts';
import { cleanPartition, type PassOptions, type PassOutcome } from '../../compaction/clean-partition.ts';
import { type Cleanable, findCleanable } from '../../compaction/cleanable.ts';
import { CleanerLost, type CleanerThread } from '../../compaction/cleaner-thread.ts';
import type { CleanerOffsets } from '../../storage/directory/cleaner-offsets.ts';
import { type Clock, holding, type Timer } from '../../storage/environment/clock.ts';
import { FileError } from '../../storage/environment/files.ts';
import { asIfRolled, type CleanerView } from '../../storage/log/cleaner-view.ts';
import type { Log } from '../../storage/log/log.ts';
import type { BrokerSettings } from '../config/settings.ts';
import { isInternalTopic } from '../metadata/topic-names.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partition } from '../partitions/partition.ts';
import { CleanedRanges } from './cleaned-ranges.ts';
import { type DueLog, DueLogs } from './due-logs.ts';
import { type Trouble, TroubledLogs } from './troubled-logs.ts';
import { untilAborted } from './until-aborted.ts';

export interface LogCleanerOptions {
  readonly clock: Clock;
  readonly settings: BrokerSettings;
  readonly logger: Logger;
  readonly offsets: CleanerOffsets;
  readonly partitions: { all(): Iterable<Partition> };
  /** Drops old segments of these logs; tells how many. */
  readonly applyRetention: (wanted: (log: Log) => boolean) => Promise<number>;
  /** Nothing is cleaned or dropped of itself. Left out: everything that is due. */
  readonly onlyWhenAsked?: boolean;
  /** One more place for passes to run. */
  readonly createThread: () => CleanerThread;
}

/** What a pass over a log is asked to do beside cleaning it. */
export type PassRequest = Pick<PassOptions, 'isDryRun' | 'tombstonesGoUpToMs' | 'countsUncleanable'> & {
  readonly onProgress?: (progress: CleanProgress) => void;
};

export interface CleanerStatus {
  readonly isEnabled: boolean;
  readonly threads: number;
  /** `process`: on the broker's own loop, where files are in memory or the thread's file was lost. null: before the first pass. */
  readonly runsIn: 'thread' | 'process' | null;
  readonly running: readonly RunningPass[];
  /** Logs that cannot be cleaned now, and why. */
  readonly troubles: readonly Trouble[];
  /** Since the start. */
  readonly counts: {
    passes: number;
    failures: number;
    discarded: number;
    recordsRemoved: number;
    bytesRemoved: number;
  };
}

export interface RunningPass {
  readonly topic: string;
  readonly partition: number;
  /** null: it waits for its turn in the thread, or has just begun. */
  readonly progress: CleanProgress | null;
}

export interface HoldOptions {
  readonly signal?: AbortSignal;
  /** Nothing is cleaned, so that it need not be a log to be cleaned. */
  readonly onlyReads?: boolean;
}

interface Hands {
  readonly onlyReads: boolean;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  pass: RunningPass | null;
}

interface Slot {
  readonly thread: CleanerThread;
  timer: Timer | null;
  working: Promise<void>;
}

const automatic: PassRequest = { isDryRun: false, tombstonesGoUpToMs: -1, countsUncleanable: false };

export class LogCleaner {
  readonly #options: LogCleanerOptions;
  readonly #hands = new Map<Log, Hands>();
  readonly #counts = { passes: 0, failures: 0, discarded: 0, recordsRemoved: 0, bytesRemoved: 0 };
  readonly troubles: TroubledLogs;
  readonly ranges: CleanedRanges;
  #slots: Slot[] = [];
  readonly #due: DueLogs;
  #closing: Promise<void>[] = [];
  readonly #idleListeners = new Set<() => void>();
  #turn = 0;
  #isStopped = false;

  constructor(options: LogCleanerOptions) {
    this.#options = options;
    this.troubles = new TroubledLogs(options.clock);
    this.ranges = new CleanedRanges(options.offsets);
    this.#due = new DueLogs(
      () => Array.from(options.partitions.all(), ({ log }) => log),
      (log) => this.#lookIfFree(log),
    );
    this.#resize();
  }

  get offsets(): CleanerOffsets {
    return this.#options.offsets;
  }

  get status(): CleanerStatus {
    const { settings } = this.#options;
    return {
      isEnabled: settings['log.cleaner.enable'],
      threads: this.#slots.length,
      runsIn: this.#slots[0]?.thread.runsIn ?? null,
      running: Array.from(this.#hands.values(), ({ pass }) => pass).filter((pass) => pass !== null),
      troubles: this.troubles.all,
      counts: { ...this.#counts },
    };
  }

  /** Begins anew, its passes too, with the settings of now: what Apache Kafka's cleaner does when one of its own is changed. */
  restart(): void {
    this.#retire(this.#slots.splice(0));
    this.#resize();
  }

  #retire(slots: readonly Slot[]): void {
    for (const slot of slots) {
      slot.timer?.cancel();
      this.#closing.push(slot.thread.close().then(() => slot.working));
    }
  }

  /** Follows `log.cleaner.threads`. */
  #resize(): void {
    const count = this.#isStopped ? 0 : this.#options.settings['log.cleaner.threads'];
    this.#retire(this.#slots.splice(count));
    while (this.#slots.length < count) {
      const slot = this.#idleSlot();
      this.#slots.push(slot);
      if (!this.#options.onlyWhenAsked) this.#sleep(slot);
    }
  }

  /** Logs that must not be cleaned any more let go: deleted, or not compacted any longer. */
  review(): void {
    for (const [log, { abort, onlyReads }] of this.#hands) {
      if (log.isDeleted || !(onlyReads || isCompacted(log))) abort.abort();
    }
    this.troubles.keepOnly((log) => isCompacted(log) && !log.isDeleted);
  }

  isBusyWith(log: Log): boolean {
    return this.#hands.has(log);
  }

  /** Calls back whenever a log is in nobody's hands any more. */
  onIdle(listener: () => void): () => void {
    this.#idleListeners.add(listener);
    return () => this.#idleListeners.delete(listener);
  }

  /**
   * Does `work` while no pass runs over the log; the signal that it gets says when it is to end: the one in `options` does, the log
   * is none to be cleaned any more (`review`), or all ends. Rejects with CleanAborted when that happens before its turn.
   */
  async holding<T>(
    log: Log,
    work: (signal: AbortSignal) => Promise<T>,
    { signal: wanted, onlyReads = false }: HoldOptions = {},
  ): Promise<T> {
    for (let hands = this.#hands.get(log); hands !== undefined; hands = this.#hands.get(log))
      await untilAborted(hands.ended, wanted);
    if (this.#isStopped || wanted?.aborted) throw new CleanAborted();
    const abort = new AbortController();
    const giveUp = (): void => abort.abort();
    wanted?.addEventListener('abort', giveUp, { once: true });
    let end!: () => void;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#hands.set(log, { onlyReads, abort, ended, pass: null });
    try {
      return await work(abort.signal);
    } finally {
      wanted?.removeEventListener('abort', giveUp);
      this.#hands.delete(log);
      end();
      for (const listener of this.#idleListeners) listener();
    }
  }

  /** What of a log may be cleaned now, or `ifRolled` could be. */
  look(log: Log, ifRolled = false): { view: CleanerView; cleanable: Cleanable } {
    const { clock, offsets } = this.#options;
    const view = ifRolled ? asIfRolled(log.cleanerView()) : log.cleanerView();
    const checkpoint = offsets.get(log.topic, log.partition);
    return { view, cleanable: findCleanable(view, log.settings, checkpoint, clock.nowMs()) };
  }

  /** A pass over a log that the caller holds; the checkpoint follows. Rejects as `cleanPartition`. */
  async pass(
    log: Log,
    { view, cleanable }: { view: CleanerView; cleanable: Cleanable },
    request: PassRequest,
    signal: AbortSignal,
    thread = this.#anyThread(),
  ): Promise<PassOutcome> {
    const hands = this.#hands.get(log);
    const showPass = (progress: CleanProgress | null): void => {
      if (hands) hands.pass = { topic: log.topic, partition: log.partition, progress };
    };
    showPass(null);
    const { clock } = this.#options;
    const options = {
      ...request,
      thread,
      limits: this.#limits,
      nowMs: clock.nowMs(),
      signal,
      // Nobody asks for the past of what is Kafka's own.
      ...(isInternalTopic(log.topic) ? {} : { cleanedUpToOffset: this.ranges.of(log) }),
      onReplacing: (endOffset: number) => this.ranges.replacing(log, endOffset),
      onProgress: (progress: CleanProgress) => {
        showPass(progress);
        request.onProgress?.(progress);
      },
    };
    const outcome = await holding(clock, () => cleanPartition(log, view, cleanable, options));
    if (outcome.kind === 'stale') this.#counts.discarded++;
    if (outcome.kind !== 'cleaned' || request.isDryRun) return outcome;
    this.#note(log, outcome.result);
    const endOffset = Math.max(
      outcome.result.endOffset,
      Math.min(cleanable.firstDirtyOffset, view.endOffset),
    );
    if (!log.isDeleted) await this.offsets.set(log.topic, log.partition, endOffset);
    return outcome;
  }

  /** A pass failed: the log is left alone for a while. Not for one that was told to stop, or lost its files to a deletion. */
  failed(log: Log, error: unknown): void {
    if (error instanceof CleanAborted || log.isDeleted) return;
    const { logger } = this.#options;
    this.#counts.failures++;
    const why = error instanceof Error ? error.message : String(error);
    const { failures, retryMs } = this.troubles.failed(log, why);
    const said = error instanceof CleanerLost ? 'a pass was lost' : 'this log cannot be cleaned';
    const isForeseen =
      error instanceof CleanerLost || error instanceof Uncleanable || error instanceof FileError;
    logger.error(`${said}: ${why}`, {
      log: log.name,
      failures,
      nextTry: new Date(retryMs).toISOString(),
      ...(isForeseen ? {} : { error }),
    });
  }

  /** Ends all passes; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { abort } of this.#hands.values()) abort.abort();
    this.#resize();
    await Promise.all(this.#closing);
    await Promise.all(Array.from(this.#hands.values(), ({ ended }) => ended));
    await this.offsets.idle();
    await this.offsets.retry();
  }

  /** Shared out, as in Apache Kafka. */
  get #limits(): CleanLimits {
    const { settings } = this.#options;
    const threads = Math.max(1, this.#slots.length);
    return {
      dedupeBufferBytes: settings['log.cleaner.dedupe.buffer.size'] / threads,
      loadFactor: settings['log.cleaner.io.buffer.load.factor'],
      ioBufferBytes: settings['log.cleaner.io.buffer.size'] / threads,
      ioBytesPerSecond: settings['log.cleaner.io.max.bytes.per.second'] / threads,
    };
  }

  /** For a pass that somebody asked for: it waits behind what runs there. */
  #anyThread(): CleanerThread {
    // Without threads nothing is cleaned by itself, but whoever asks gets what he asks for.
    if (this.#slots.length === 0) this.#slots.push(this.#idleSlot());
    return this.#slots[this.#turn++ % this.#slots.length]!.thread;
  }

  #idleSlot(): Slot {
    const { settings, logger } = this.#options;
    const threads = Math.max(1, settings['log.cleaner.threads']);
    if (settings['log.cleaner.dedupe.buffer.size'] / threads > mapBytesMax)
      logger.warn('a cleaner thread uses at most 2 GiB of log.cleaner.dedupe.buffer.size', { threads });
    return { thread: this.#options.createThread(), timer: null, working: Promise.resolve() };
  }

  #sleep(slot: Slot): void {
    const { clock, settings } = this.#options;
    slot.timer = clock.schedule(settings['log.cleaner.backoff.ms'], () => {
      slot.working = this.#work(slot).then(() => {
        if (this.#slots.includes(slot)) this.#sleep(slot);
      });
    });
  }

  async #work(slot: Slot): Promise<void> {
    const { settings, logger } = this.#options;
    try {
      this.#due.forget();
      while (this.#slots.includes(slot) && settings['log.cleaner.enable'] && (await this.#cleanNext(slot)));
      const isFree = (log: Log) => isCompacted(log) && !this.#hands.has(log);
      if (slot !== this.#slots[0]) return;
      await this.offsets.retry();
      await this.#options.applyRetention(isFree);
    } catch (error) {
      logger.error('a round of the cleaner failed', { error });
    }
  }

  /** False when no log is due, or the one that was could not be cleaned. */
  async #cleanNext({ thread }: Slot): Promise<boolean> {
    const next = this.#due.next();
    if (next === null) return false;
    const { log, cleanable } = next;
    return this.holding(log, async (signal) => {
      try {
        const outcome = await this.pass(log, next, automatic, signal, thread);
        return outcome.kind === 'cleaned' && outcome.result.endOffset > cleanable.firstDirtyOffset;
      } catch (error) {
        this.failed(log, error);
        return false;
      }
    });
  }

  #lookIfFree(log: Log): DueLog | null {
    // The active segment alone is never cleaned: most logs of a broker are passed over here.
    if (!isCompacted(log) || log.segmentCount < 2 || log.isDeleted) return null;
    if (this.#hands.has(log) || log.isOffline || this.troubles.holds(log)) return null;
    try {
      const { view, cleanable } = this.look(log);
      if (cleanable.isCheckpointStale)
        void this.offsets.set(log.topic, log.partition, cleanable.firstDirtyOffset);
      return { log, view, cleanable };
    } catch (error) {
      this.failed(log, error);
      return null;
    }
  }

  #note(
    log: Log,
    { records, bytesBefore, bytesAfter, endOffset, durationMs, memoryBytes }: CleanResult,
  ): void {
    const { superseded, tombstonesExpired, aborted, markersExpired, nullKeys } = records;
    const removed = superseded + tombstonesExpired + aborted + markersExpired + nullKeys;
    this.#counts.passes++;
    this.#counts.recordsRemoved += removed;
    this.#counts.bytesRemoved += Math.max(0, bytesBefore - bytesAfter);
    if (this.troubles.cleared(log))
      this.#options.logger.info('this log can be cleaned again', { log: log.name });
    this.#options.logger.info('cleaned', {
      log: log.name,
      endOffset,
      removed,
      bytesBefore,
      bytesAfter,
      durationMs: Math.round(durationMs),
      memoryBytes,
    });
  }
}

export function isCompacted(log: Log): boolean {
  return log.settings['cleanup.policy'].includes('compact');
}
