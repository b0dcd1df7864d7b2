/**
 * What is still known of the timestamps of records that a log has no more: enough to say which records lay before "the first one
 * later than t", though that one may be gone.
 *
 *    offset       0    1    2    3    4
 *    timestamp    10   30   20   25   40       the first later than 20 was that at 1
 *    left         10        20        40       now ListOffsets would say 4, and the record at 2 seem to lie before it
 *    step              (1, 30)                 at or below offset 1 there was a 30
 *
 * A step is kept only where what is left does not tell the same: with timestamps in order there are none.
 */
export interface TimeStep {
  readonly offset: number;
  /** The latest timestamp at or below the offset, of all records that there ever were, is at least this. */
  readonly ms: number;
  /** False: it may be as late as this, nobody knows. */
  readonly isSure: boolean;
}

export interface RemovedTimes {
  /** What is gone below it, because the log began later, is in a step. */
  readonly startOffset: number;
  /** What is gone below it is in the steps. */
  readonly upToOffset: number;
  readonly steps: readonly TimeStep[];
}

/** Offset of the first record that is later than some time: it lies in [low, high], and in between something may be gone. */
export interface TimeBound {
  readonly low: number;
  readonly high: number;
}

/** Above that they are told more roughly: 24 bytes each, in memory and in a file. */
export const stepsMax = 16_384;

/** As far as the steps tell; what is left tells more. */
export function boundOf(steps: readonly TimeStep[], ms: number): TimeBound {
  let low = Number.POSITIVE_INFINITY;
  for (const step of steps) {
    if (step.ms <= ms) continue;
    low = Math.min(low, step.offset);
    if (step.isSure) return { low, high: step.offset };
  }
  return { low, high: Number.POSITIVE_INFINITY };
}

/** All that either of two knows. */
export function joined(some: readonly TimeStep[], more: readonly TimeStep[]): TimeStep[] {
  return coarsened([...some, ...more].sort((a, b) => a.offset - b.offset));
}

/** The log begins at `startOffset` from now on; what goes is as late as `ms`. */
export function startedAt(times: RemovedTimes, startOffset: number, ms: number): RemovedTimes {
  if (startOffset <= times.startOffset) return times;
  const last = startOffset - 1;
  const gone = times.steps.filter(({ offset }) => offset <= last);
  const steps: TimeStep[] = [];
  for (const isSure of [true, false]) {
    const own = gone.filter((step) => step.isSure === isSure).map((step) => step.ms);
    const latest = Math.max(isSure ? ms : -1, ...own);
    if (latest >= 0) steps.push({ offset: last, ms: latest, isSure });
  }
  return {
    startOffset,
    upToOffset: Math.max(startOffset, times.upToOffset),
    steps: [...steps, ...times.steps.filter(({ offset }) => offset > last)],
  };
}

/** Few enough; of four neighbours that become two it is known from where to where the time rose, not how. */
export function coarsened(steps: TimeStep[], most = stepsMax): TimeStep[] {
  if (steps.length <= most) return steps;
  const fewer: TimeStep[] = [];
  for (let n = 0; n < steps.length; n += 4) {
    const some = steps.slice(n, n + 4);
    const ms = Math.max(...some.map((step) => step.ms));
    fewer.push({ offset: some[0]!.offset, ms, isSure: false });
    const sure = some.filter(({ isSure }) => isSure);
    const last = sure.at(-1);
    if (last) fewer.push({ offset: last.offset, ms: Math.max(...sure.map((step) => step.ms)), isSure: true });
  }
  return fewer.length < steps.length ? coarsened(fewer, most) : fewer;
}

/** Follows a pass over all records of a log, in order of offset: those that stay, those that go, and the steps of before. */
export class TimesBuilder {
  readonly #given: readonly TimeStep[];
  #next = 0;
  readonly #steps: TimeStep[] = [];
  /** The latest so far, as what is left and the steps tell it; and of what is gone since then. */
  #toldMs = -1;
  #goneMs = -1;
  #goneOffset = -1;

  constructor(given: readonly TimeStep[]) {
    this.#given = given;
  }

  /** A step of before lies there, or on the way. */
  hasStepTo(offset: number): boolean {
    return this.#next < this.#given.length && this.#given[this.#next]!.offset <= offset;
  }

  stays(offset: number, ms: number): void {
    this.#goTo(offset);
    if (this.#goneMs > ms) this.#tell();
    if (ms > this.#toldMs) this.#toldMs = ms;
  }

  goes(offset: number, ms: number): void {
    this.#goTo(offset);
    this.#note(offset, ms);
  }

  /** Or it goes; `left` says of several what the latest was that stays. */
  mayStay(offset: number, ms: number): void {
    this.#goTo(offset);
    if (this.#goneMs > ms) this.#tell();
    this.#note(offset, ms);
  }

  /** The latest of those that stay, of the ones that might. */
  left(ms: number): void {
    if (ms > this.#toldMs) this.#toldMs = ms;
  }

  /** What has gone below `offset` is told apart from what goes above it. */
  cut(offset: number): void {
    this.#goTo(offset);
    this.#tell();
  }

  finish(upToOffset: number): TimeStep[] {
    this.cut(upToOffset);
    return coarsened(this.#steps.sort((a, b) => a.offset - b.offset));
  }

  #goTo(offset: number): void {
    while (this.#next < this.#given.length && this.#given[this.#next]!.offset <= offset) {
      const step = this.#given[this.#next++]!;
      if (!step.isSure) this.#steps.push(step);
      else this.#note(step.offset, step.ms);
    }
  }

  #note(offset: number, ms: number): void {
    if (ms <= this.#goneMs) return;
    this.#goneMs = ms;
    this.#goneOffset = offset;
  }

  #tell(): void {
    if (this.#goneMs <= this.#toldMs) return;
    this.#steps.push({ offset: this.#goneOffset, ms: this.#goneMs, isSure: true });
    this.#toldMs = this.#goneMs;
  }
}
