/**
 * Waiting on somebody's behalf: for so long, until he gives up, or until the broker stops. Only so many may wait at a time: each of
 * them takes memory, and whoever asks can ask again.
 */
import type { Clock } from '../../storage/environment/clock.ts';
import type { LookupRefused, WaitOptions } from './lookup.ts';
import { refuse, refuseRequest } from './refuse.ts';

export const waitMsDefault = 1_000;
export const waitMsMax = 3_600_000;
export const waitersMax = 10_000;

export class Waiting {
  readonly #clock: Clock;
  readonly #waiters = new Set<AbortController>();
  #stopped: LookupRefused | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All who wait, and all who come later, are refused so. */
  stop(why: LookupRefused): void {
    this.#stopped ??= why;
    for (const waiter of this.#waiters) waiter.abort(this.#stopped);
  }

  /** Throws why nothing should be begun any more. */
  check(signal: AbortSignal | undefined): void {
    if (this.#stopped !== null) throw this.#stopped;
    signal?.throwIfAborted();
  }

  /** For several waits one after the other: the options with what is left of the time. */
  remaining({ waitMs = waitMsDefault, signal }: WaitOptions): () => WaitOptions {
    const endMs = this.#clock.monotonicMs() + waitMs;
    return () => ({ waitMs: Math.max(0, endMs - this.#clock.monotonicMs()), signal });
  }

  /** What `work` gives, which must reject with its signal's reason when that aborts; `late` says why when the time is over. */
  async during<T>(
    { waitMs = waitMsDefault, signal }: WaitOptions,
    work: (signal: AbortSignal) => Promise<T>,
    late: () => LookupRefused | Promise<LookupRefused>,
  ): Promise<T> {
    this.check(signal);
    if (waitMs <= 0) throw await late();
    if (this.#waiters.size >= waitersMax)
      refuse({ reason: 'too-many' }, `${waitersMax} requests are waiting`);
    const abort = new AbortController();
    const timeIsUp = new Error('the time is over');
    const timer = Number.isFinite(waitMs) ? this.#clock.schedule(waitMs, () => abort.abort(timeIsUp)) : null;
    const forget = following(signal, abort);
    this.#waiters.add(abort);
    try {
      return await work(abort.signal);
    } catch (error) {
      if (error !== timeIsUp) throw error;
      throw await late();
    } finally {
      this.#waiters.delete(abort);
      timer?.cancel();
      forget();
    }
  }
}

/** Aborts `abort` with the signal, for its reason; gives back how to stop that. */
export function following(signal: AbortSignal | undefined, abort: AbortController): () => void {
  const follow = (): void => abort.abort(signal!.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener('abort', follow, { once: true });
  return () => signal?.removeEventListener('abort', follow);
}

/** Refuses a time that cannot be waited for. */
export function checkWaitMs(waitMs: number | undefined): void {
  if (waitMs !== undefined && !(waitMs >= 0 && waitMs <= waitMsMax))
    refuseRequest(`one may wait from 0 to ${waitMsMax} ms, not ${waitMs}`);
}
