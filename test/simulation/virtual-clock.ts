/**
 * A clock that stands still until a test moves it. Timers run in the order of their moment (then of their making), and
 * between two of them everything that was promised meanwhile settles, so code that awaits behaves as with real time.
 *
 *     const clock = new VirtualClock();
 *     const done = delay(clock, 500);
 *     await clock.advance(500);            // done is resolved
 *
 * Nothing here waits for real time. Work on real files or sockets is not seen by `settle`: keep to memory files.
 */
import type { Clock, Timer } from '../../storage/environment/clock.ts';

interface VirtualTimer extends Timer {
  readonly dueMs: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** 22 November 2026, noon UTC: a moment like any other, but always the same. */
export const virtualStartMs = Date.UTC(2026, 10, 22, 12);

export class VirtualClock implements Clock {
  #elapsedMs = 0;
  #wallOffsetMs: number;
  #sequence = 0;
  #timers: VirtualTimer[] = [];
  #deferred: (() => void)[] = [];

  constructor(startMs: number = virtualStartMs) {
    this.#wallOffsetMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer: VirtualTimer = {
      dueMs: this.#elapsedMs + Math.max(delayMs, 0),
      sequence: this.#sequence++,
      callback,
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
    this.#timers.push(timer);
    return timer;
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Lets the wall clock jump, as an administrator or NTP does; monotonic time and timers do not notice. */
  setWallMs(wallMs: number): void {
    this.#wallOffsetMs = wallMs - this.#elapsedMs;
  }

  /** Time passes and nothing runs, as in a process that is stopped: what is due meanwhile runs late, with the next move. */
  standStill(forMs: number): void {
    this.#elapsedMs += forMs;
  }

  /** The machine is gone, and whoever waited in it. */
  dropTimers(): void {
    this.#timers = [];
    this.#deferred = [];
  }

  /** Timers that have not run; a stopped part should leave none. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Moves time on, running what becomes due at the moment it is due. */
  async advance(byMs: number): Promise<void> {
    const targetMs = this.#elapsedMs + byMs;
    await this.settle();
    for (let timer = this.#next(targetMs); timer !== undefined; timer = this.#next(targetMs)) {
      this.#run(timer);
      await this.settle();
    }
    this.#elapsedMs = targetMs;
  }

  /** Runs what was deferred and all that promises set off, until nothing more happens without time passing. */
  async settle(): Promise<void> {
    await turn();
    for (let callback = this.#deferred.shift(); callback !== undefined; callback = this.#deferred.shift()) {
      callback();
      await turn();
    }
  }

  /** Moves time on just as far as `promise` needs; throws if no timer is left and it still waits. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await this.settle();
    while (!settled) {
      const timer = this.#next(Number.POSITIVE_INFINITY);
      if (timer === undefined) throw new Error('nothing is scheduled that could settle this promise');
      this.#run(timer);
      await this.settle();
    }
    return promise;
  }

  #next(untilMs: number): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue;
      if (first === undefined || timer.dueMs < first.dueMs) first = timer;
      else if (timer.dueMs === first.dueMs && timer.sequence < first.sequence) first = timer;
    }
    return first;
  }

  #run(timer: VirtualTimer): void {
    timer.cancel();
    this.#elapsedMs = Math.max(this.#elapsedMs, timer.dueMs);
    timer.callback();
  }
}

/** One turn of the real event loop: every pending promise callback has run when it resolves. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
