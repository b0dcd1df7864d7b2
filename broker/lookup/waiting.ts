/**
 * Waiting on somebody's behalf: for so long, until he gives up, or until the broker stops. Only so many may wait at a time: each of
 * them takes memory, and whoever asks can ask again.
 */
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../storage/environment/clock.ts';
import { LookupRefused, type WaitOptions } from './lookup.ts';
import { refuse, refuseRequest } from './refuse.ts';

export const waitMsDefault = 1_000;
export const waitMsMax = 3_600_000;
export const waitersMax = 10_000;

export class Waiting {
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #waiters = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    // All that wait listen to it; Node would warn of the eleventh.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Aborted, with a LookupRefused, when the broker stops. */
  get stopping(): AbortSignal {
    return this.#stop.signal;
  }

  stop(): void {
    if (!this.#stop.signal.aborted)
      this.#stop.abort(new LookupRefused({ reason: 'stopping' }, 'the broker is stopping'));
  }

  /** Throws why nothing should be begun any more. */
  check(signal: AbortSignal | undefined): void {
    this.#stop.signal.throwIfAborted();
    signal?.throwIfAborted();
  }

  /** What `work` gives, which must reject with its signal's reason when that aborts; `late` says why when the time is over. */
  async during<T>(
    { waitMs = waitMsDefault, signal }: WaitOptions,
    work: (signal: AbortSignal) => Promise<T>,
    late: () => LookupRefused | Promise<LookupRefused>,
  ): Promise<T> {
    this.check(signal);
    if (waitMs <= 0) throw await late();
    if (this.#waiters >= waitersMax) refuse({ reason: 'too-many' }, `${waitersMax} requests are waiting`);
    const abort = new AbortController();
    const timeIsUp = new Error('the time is over');
    const timer = Number.isFinite(waitMs) ? this.#clock.schedule(waitMs, () => abort.abort(timeIsUp)) : null;
    const forget = [this.#stop.signal, signal].map((each) => following(each, abort));
    this.#waiters++;
    try {
      return await work(abort.signal);
    } catch (error) {
      if (error !== timeIsUp) throw error;
      throw await late();
    } finally {
      this.#waiters--;
      timer?.cancel();
      for (const each of forget) each();
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
