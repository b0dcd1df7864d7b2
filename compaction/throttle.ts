import { type Clock, delay } from '../storage/environment/clock.ts';

/** Bytes are counted together for so long before anybody waits: sleeping for a millisecond at a time would cost more. */
const windowMs = 300;
/** Between two looks at whether the pass is aborted, while it waits. */
const sliceMs = 200;

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

  /** So many bytes went; a promise when they were too many too soon, which is kept at once when the pass is aborted. */
  spend(bytes: number, isAborted: () => boolean): Promise<void> | undefined {
    this.#bytes += bytes;
    const tookMs = this.#clock.monotonicMs() - this.#sinceMs;
    if (this.#bytesPerSecond * windowMs >= Number.MAX_VALUE) return undefined;
    const dueMs = (this.#bytes / this.#bytesPerSecond) * 1000;
    if (Math.max(dueMs, tookMs) < windowMs) return undefined;
    this.#bytes = 0;
    this.#sinceMs += Math.max(dueMs, tookMs);
    if (dueMs <= tookMs) return undefined;
    return this.#wait(Math.ceil(dueMs - tookMs), isAborted);
  }

  async #wait(ms: number, isAborted: () => boolean): Promise<void> {
    for (let restMs = ms; restMs > 0 && !isAborted(); restMs -= sliceMs)
      await delay(this.#clock, Math.min(restMs, sliceMs));
  }
}
