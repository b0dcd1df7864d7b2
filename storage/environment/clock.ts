/**
 * Time. `nowMs` is the wall clock (it can jump: retention and record timestamps follow it), `monotonicMs` never goes
 * back (session deadlines, time-outs and durations follow it).
 */
export interface Clock {
  /** Wall-clock milliseconds since 1970, an integer. */
  nowMs(): number;
  /** Milliseconds since some fixed moment; never decreases, may have a fraction. */
  monotonicMs(): number;
  /** Calls back once after at least `delayMs`; never synchronously. A timer does not keep the process alive. */
  schedule(delayMs: number, callback: () => void): Timer;
  /** Calls back in a later turn of the event loop, after pending input and output (setImmediate). */
  defer(callback: () => void): void;
}

export interface Timer {
  /** Idempotent; after it the callback does not run. */
  cancel(): void;
}

/** Resolves after at least `delayMs` of the given clock. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(delayMs, resolve);
  });
}

/** Resolves in a later turn of the event loop: what a long piece of work awaits so that others get theirs. */
export function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.defer(resolve);
  });
}
