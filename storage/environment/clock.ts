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
  /** Of a virtual clock: time as those feel it who wait outside (clients, sockets, threads). Left out: it is this same one. */
  readonly outside?: Clock;
  /** Of a virtual clock: time stands still until what this returns was called. */
  hold?(): () => void;
}

export interface Timer {
  /** Idempotent; after it the callback does not run. */
  cancel(): void;
}

/**
 * The clock of those who wait outside: for a client's patience, for what a socket or a thread does. Where the broker's own time is
 * moved by a test, theirs goes on as ever; docs/CLOCK.md says which wait is whose.
 */
export function outsideClock(clock: Clock): Clock {
  return clock.outside ?? clock;
}

/** Virtual time stands still while this work goes on outside the event loop; any other does not notice. */
export async function holding<Result>(clock: Clock, work: () => Promise<Result>): Promise<Result> {
  if (clock.outside === undefined) return work();
  const release = clock.hold?.();
  try {
    return await work();
  } finally {
    release?.();
  }
}

const resolved = Promise.resolve();

/** Calls back when what runs now has ended, as queueMicrotask does, which fake timers of test runners take away. */
export function microtask(callback: () => void): void {
  void resolved.then(callback);
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
