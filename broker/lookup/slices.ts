import type { Clock } from '../../storage/environment/clock.ts';

/**
 * Long work on the event loop, in slices of a few milliseconds: in each turn of the loop one of those who wait gets the next,
 * in the order in which they asked. So ten tables that are read at a time take no more of the loop than one.
 */

export const sliceMs = 4;

export class Slices {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #isScheduled = false;
  #endMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether whoever has the slice should give it back. */
  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#endMs;
  }

  /** Resolves when the next slice is the caller's. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#endMs = this.#clock.monotonicMs() + sliceMs;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
