import { type Clock, outsideClock } from '../environment/clock.ts';
import type { LogLogger } from './log-types.ts';

const quietMs = 60_000;

/**
 * Says that there is no room for appends, and that there is again: once for all logs that share it, for a full disk is one
 * event and not one of every partition. It is over when an append as large as the smallest that was refused has been
 * written. Where small ones pass and large ones do not, in turns, it is said once a minute.
 */
export class Room {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #logger: LogLogger;
  /** Of the smallest append that was refused; null: there is room. */
  #refusedBytes: number | null = null;
  #saidMs = Number.NEGATIVE_INFINITY;
  /** The end of what was not said is not said either. */
  #isSaid = false;
  /** Why no append is taken any more, whatever the room; null: they are. */
  halted: string | null = null;

  constructor(clock: Clock, logger: LogLogger) {
    this.#clock = outsideClock(clock);
    this.#logger = logger;
  }

  /** An append of so many bytes, or a change of the log (0), found none. */
  missing(bytes: number, log: string, error: Error): void {
    if (this.#refusedBytes !== null) {
      this.#refusedBytes = Math.min(this.#refusedBytes, bytes);
      return;
    }
    this.#refusedBytes = bytes;
    const nowMs = this.#clock.monotonicMs();
    this.#isSaid = nowMs - this.#saidMs >= quietMs;
    if (!this.#isSaid) return;
    this.#saidMs = nowMs;
    this.#logger.error('no room: appends are refused until there is', { log, error: error.message });
  }

  /** An append of so many bytes was written. */
  found(bytes: number, log: string): void {
    if (this.#refusedBytes === null || bytes < this.#refusedBytes) return;
    this.#refusedBytes = null;
    if (this.#isSaid) this.#logger.info('there is room again: appends are accepted', { log });
  }
}
