/**
 * Turns of the event loop for everybody else. A lookup, and a write into the page cache, is over when it is asked for: a program that
 * awaits one after the other never leaves the microtasks, and then no timer runs, no socket is read and no table follows its log. So
 * after some milliseconds of them all that come next wait for the next turn.
 */
import type { Clock } from '../../storage/environment/clock.ts';

const turnMs = 4;
/** The clock is looked at with every so manieth call only; whoever calls now and then waits no oftener than that. */
const callsPerLook = 16;

export class Turns {
  readonly #clock: Clock;
  #calls = 0;
  #lastMs = 0;
  #next: Promise<void> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** null: go on; else to be waited for. */
  due(): Promise<void> | null {
    if (this.#next !== null) return this.#next;
    if (++this.#calls < callsPerLook) return null;
    this.#calls = 0;
    if (this.#clock.monotonicMs() - this.#lastMs < turnMs) return null;
    this.#next = new Promise((resolve) => {
      this.#clock.defer(() => {
        this.#next = null;
        this.#lastMs = this.#clock.monotonicMs();
        resolve();
      });
    });
    return this.#next;
  }
}
