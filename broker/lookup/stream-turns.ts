import type { Clock } from '../../storage/environment/clock.ts';

/** Each takes some 60 µs over HTTP, half of that in the system: 2 ms in all. */
export const streamsPerTurn = 32;

/** Streams that wake with the same append go on so many in each turn of the event loop: a thousand of them would hold up everybody else. */
export class StreamTurns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #inTurn = 0;
  #isScheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined when it is the caller's turn; else a promise to wait for. */
  next(): undefined | Promise<void> {
    this.#schedule();
    if (this.#inTurn < streamsPerTurn && this.#waiting.length === 0) {
      this.#inTurn++;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      const now = this.#waiting.splice(0, streamsPerTurn);
      this.#inTurn = now.length;
      for (const goOn of now) goOn();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
