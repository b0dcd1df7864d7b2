import type { Clock } from '../storage/environment/clock.ts';

/** Bytes are counted together for so long before anybody waits: sleeping for a millisecond at a time would cost more. */
const windowMs = 300;

/** Holds a pass to so many bytes a second, read and written together (`log.cleaner.io.max.bytes.per.second`). */
export class Throttle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  #sinceMs: number;
  #bytes = 0;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#sinceMs = clock.monotonicMs();
  }

  /** So many bytes went; a promise when they were too many too soon. */
  spend(bytes: number): Promise<void> | undefined {
    this.#bytes += bytes;
    const tookMs = this.#clock.monotonicMs() - this.#sinceMs;
    if (this.#bytesPerSecond * windowMs >= Number.MAX_VALUE) return undefined;
    const dueMs = (this.#bytes / this.#bytesPerSecond) * 1000;
    if (Math.max(dueMs, tookMs) < windowMs) return undefined;
    this.#bytes = 0;
    this.#sinceMs += Math.max(dueMs, tookMs);
    if (dueMs <= tookMs) return undefined;
    return new Promise((resolve) => this.#clock.schedule(Math.ceil(dueMs - tookMs), resolve));
  }
}
