import type { Clock } from '../../storage/environment/clock.ts';
import type { Log } from '../../storage/log/log.ts';

/**
 * Logs whose last pass failed: damaged bytes, a missing file, a disk without room, a thread that died. Each is left alone for a
 * while that doubles with every failure; all others go on. (Apache Kafka leaves such a log alone until its next start.)
 */
export interface Trouble {
  readonly topic: string;
  readonly partition: number;
  readonly why: string;
  readonly failures: number;
  /** Wall clock. */
  readonly sinceMs: number;
  readonly retryMs: number;
}

/** After the first failure. */
export const firstRetryMs = 60_000;
export const lastRetryMs = 60 * 60_000;

export class TroubledLogs {
  readonly #clock: Clock;
  readonly #byLog = new Map<Log, { trouble: Trouble; dueMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get all(): readonly Trouble[] {
    return Array.from(this.#byLog.values(), ({ trouble }) => trouble);
  }

  of(log: Log): Trouble | null {
    return this.#byLog.get(log)?.trouble ?? null;
  }

  /** Whether it is not yet time to try again. */
  holds(log: Log): boolean {
    const dueMs = this.#byLog.get(log)?.dueMs;
    return dueMs !== undefined && this.#clock.monotonicMs() < dueMs;
  }

  failed(log: Log, why: string): Trouble {
    const before = this.of(log);
    const failures = (before?.failures ?? 0) + 1;
    const afterMs = Math.min(firstRetryMs * 2 ** (failures - 1), lastRetryMs);
    const nowMs = this.#clock.nowMs();
    const trouble: Trouble = {
      topic: log.topic,
      partition: log.partition,
      why,
      failures,
      sinceMs: before?.sinceMs ?? nowMs,
      retryMs: nowMs + afterMs,
    };
    this.#byLog.set(log, { trouble, dueMs: this.#clock.monotonicMs() + afterMs });
    return trouble;
  }

  /** A pass over it went well; true when that ends a trouble. */
  cleared(log: Log): boolean {
    return this.#byLog.delete(log);
  }

  keepOnly(isLive: (log: Log) => boolean): void {
    for (const log of this.#byLog.keys()) if (!isLive(log)) this.#byLog.delete(log);
  }
}
