/**
 * A clock that stands still until somebody moves it. Timers run in the order of their moment (then of their making), and before time
 * goes on everything that one of them has set off is over: promises, deferred calls, and what goes on outside the event loop (the
 * thread pool, a thread), as far as it was told of by `hold`.
 *
 *     advance(30)    0 ──► 10 timer a, and all that it sets off ──► 20 timer b, and so on ──► 30
 *
 * Who waits outside (a client at its socket, a thread) does not live in this time: `outside` is theirs.
 */
import type { Clock, Timer } from './clock.ts';

interface VirtualTimer extends Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

export interface VirtualClockOptions {
  /** Wall clock at the beginning. */
  readonly startMs: number;
  /** Turns of the event loop are real ones. */
  readonly turns: Pick<Clock, 'defer'>;
  /** Left out: everybody lives in this time. */
  readonly outside?: Clock;
}

export class VirtualClock implements Clock {
  readonly outside?: Clock;
  protected elapsedMs = 0;
  #wallOffsetMs: number;
  readonly #timers = new Set<VirtualTimer>();
  readonly #turns: Pick<Clock, 'defer'>;
  /** Deferred calls and work outside that have not come to an end. */
  #pending = 0;
  #whenNonePending: (() => void)[] = [];
  /** Deferred calls of an earlier one do not run any more. */
  #generation = 0;
  #moving: Promise<unknown> = Promise.resolve();
  /** Why time is not to go on; null: it may. */
  #interruption: Error | null = null;

  constructor({ startMs, turns, outside }: VirtualClockOptions) {
    this.#wallOffsetMs = startMs;
    this.#turns = turns;
    if (outside !== undefined) this.outside = outside;
  }

  nowMs(): number {
    return Math.floor(this.#wallOffsetMs + this.elapsedMs);
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer: VirtualTimer = {
      dueMs: this.elapsedMs + Math.max(delayMs, 0),
      callback,
      cancel: () => void this.#timers.delete(timer),
    };
    this.#timers.add(timer);
    return timer;
  }

  defer(callback: () => void): void {
    const generation = this.#generation;
    const release = this.hold();
    this.#turns.defer(() => {
      try {
        if (generation === this.#generation) callback();
      } finally {
        release();
      }
    });
  }

  /** Time does not go on before the function that this returns was called. */
  hold(): () => void {
    let isHeld = true;
    this.#pending++;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.#pending > 0) return;
      const waiting = this.#whenNonePending;
      this.#whenNonePending = [];
      for (const resolve of waiting) resolve();
    };
  }

  /** Lets the wall clock jump, as an administrator or NTP does; monotonic time and timers do not notice. */
  setWallMs(wallMs: number): void {
    this.#wallOffsetMs = wallMs - this.elapsedMs;
  }

  /** Timers that have not run; a stopped part should leave none. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Moves time on, running what becomes due at the moment it is due; resolves when all of it is done. One that is asked for while
   * another is under way comes behind it. Rejects, and stops there, where a timer throws.
   */
  advance(byMs: number): Promise<void> {
    return this.inTurn(() => this.#advance(byMs));
  }

  /** Time stops where it is: what moves it now, and what waits behind that, rejects with `reason`. Resolves when all of it has. */
  async interrupt(reason: Error): Promise<void> {
    this.#interruption = reason;
    await this.#moving;
    this.#interruption = null;
  }

  /** Resolves when nothing more happens without time passing. */
  async settle(): Promise<void> {
    do {
      if (this.#pending > 0) await new Promise<void>((resolve) => this.#whenNonePending.push(resolve));
      await new Promise<void>((resolve) => this.#turns.defer(resolve));
    } while (this.#pending > 0);
  }

  /** The machine is gone, and whoever waited in it. */
  dropTimers(): void {
    this.#timers.clear();
    this.#generation++;
  }

  /** Runs the timer that is due first, if that is by `untilMs`, and all that it sets off; false when there is none. */
  protected async step(untilMs: number): Promise<boolean> {
    const timer = this.#next(untilMs);
    if (timer === undefined) return false;
    timer.cancel();
    this.elapsedMs = Math.max(this.elapsedMs, timer.dueMs);
    timer.callback();
    await this.settle();
    return true;
  }

  protected inTurn<Result>(move: () => Promise<Result>): Promise<Result> {
    const moved = this.#moving.then(move);
    this.#moving = moved.catch(() => {});
    return moved;
  }

  async #advance(byMs: number): Promise<void> {
    const targetMs = this.elapsedMs + byMs;
    this.#goOn();
    await this.settle();
    this.#goOn();
    while (await this.step(targetMs)) this.#goOn();
    this.elapsedMs = Math.max(this.elapsedMs, targetMs);
  }

  #goOn(): void {
    if (this.#interruption !== null) throw this.#interruption;
  }

  #next(untilMs: number): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue;
      // A set keeps the order of making: of equal moments the first one stays.
      if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    }
    return first;
  }
}
