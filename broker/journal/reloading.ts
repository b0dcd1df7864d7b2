/**
 * The life of a coordinator's shard around its journal:
 *
 *    new ──ready()──► loading ──► ready ──failed append──► offline ──► loading ──► …
 *                        └─ failed: tried again after a pause, each time twice as long
 *
 * A shard that is lost comes back by itself: what is in it may be due (a transaction's time-out, a decided end) though no client asks.
 */
import { errors } from '../../protocol/errors.ts';
import type { Clock, Timer } from '../../storage/environment/clock.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partition } from '../partitions/partition.ts';
import type { LoadReport } from './loader.ts';

export interface ReloadingOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is lost while it is not loaded, for log lines. */
  readonly what: 'Groups' | 'Transactions';
  readonly partition: Partition;
  readonly journal: {
    readonly isReady: boolean;
    load(): Promise<LoadReport>;
    close(): Promise<void>;
  };
  /** Before each load, and when all is over: nobody waits and nothing is due any more. */
  unload(): void;
  /** The machine holds what the log says. */
  loaded(): void;
}

const none = errors.none.code;
/** For so long a partition that could not be read is not tried again for a request. */
const restMs = 1_000;
/** The pause before it is tried again though nobody asks. */
const pauseMs = { first: 1_000, longest: 30_000 } as const;

export class Reloading {
  readonly #options: ReloadingOptions;
  #loading: Promise<number> | null = null;
  /** Loads that failed since the last good one. */
  #failures = 0;
  #failedMs = Number.NEGATIVE_INFINITY;
  #isLost = false;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: ReloadingOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Loads where that is due. NONE, or why it cannot be used. */
  ready(): Promise<number> {
    if (this.#options.journal.isReady) return Promise.resolve(none);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** The journal's `onOffline`. */
  lost(): void {
    this.#isLost = true;
    this.#options.unload();
    this.#tryLater(pauseMs.first);
  }

  /** Whoever waits is answered; nothing of this shard runs afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#options.unload();
    await this.#options.journal.close();
  }

  async #load(): Promise<number> {
    const { clock, logger, journal, what } = this.#options;
    if (clock.monotonicMs() - this.#failedMs < restMs) return errors.coordinatorNotAvailable.code;
    this.#timer?.cancel();
    this.#options.unload();
    try {
      await journal.load();
    } catch (error) {
      return this.#failed(error);
    }
    if (this.#isClosed) return errors.notCoordinator.code;
    if (this.#isLost) logger.info(`${what} are loaded again`, { partition: this.#name });
    this.#isLost = false;
    this.#failures = 0;
    this.#options.loaded();
    return none;
  }

  #failed(error: unknown): number {
    if (this.#isClosed) return errors.notCoordinator.code;
    const { clock, logger, what } = this.#options;
    const againMs = Math.min(pauseMs.longest, pauseMs.first * 2 ** this.#failures);
    this.#failures += 1;
    this.#failedMs = clock.monotonicMs();
    this.#isLost = true;
    logger.error(`${what} cannot be loaded`, {
      partition: this.#name,
      error: error instanceof Error ? error.message : String(error),
      againMs,
    });
    this.#tryLater(againMs);
    return errors.coordinatorNotAvailable.code;
  }

  get #name(): string {
    const { topic, index } = this.#options.partition;
    return `${topic}-${index}`;
  }

  #tryLater(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(delayMs, () => void this.ready());
  }
}
