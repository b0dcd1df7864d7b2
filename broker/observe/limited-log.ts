import { type Clock, outsideClock } from '../../storage/environment/clock.ts';
import type { LogFields, Logger } from './logger.ts';

const windowMs = 10_000;
/** Kinds remembered; with more the oldest is forgotten, and may speak again. */
const maxKinds = 200;

/** Warnings that anybody on the network can cause: one line of each kind every ten seconds, with the count left out meanwhile. */
export class LimitedLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, { sinceMs: number; left: number }>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = outsideClock(clock);
  }

  warn(kind: string, message: string, fields: LogFields = {}): void {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#kinds.get(kind);
    if (last !== undefined && nowMs - last.sinceMs < windowMs) {
      last.left += 1;
      return;
    }
    this.#kinds.delete(kind);
    if (this.#kinds.size >= maxKinds) this.#kinds.delete(this.#kinds.keys().next().value as string);
    this.#kinds.set(kind, { sinceMs: nowMs, left: 0 });
    const left = last?.left ?? 0;
    this.#logger.warn(left === 0 ? message : `${message} (and ${left} more like it)`, fields);
  }
}
