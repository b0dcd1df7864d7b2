/**
 * A stream of changes of a broker in another process that outlives its connection: it is opened again behind the last event that the
 * reader has got, so that none is told twice or left out.
 */

import { LookupConnectionError } from './connection-error.ts';
import { type Change, type ChangesOptions, LookupRefused } from './lookup.ts';

export const reconnectMsDefault = 60_000;
const firstDelayMs = 100;
const delayMsMax = 2_000;

/** Time, as whoever waits for a broker needs it. */
export interface Patience {
  nowMs(): number;
  /** Keeps the process alive; resolves early when the signal aborts. */
  wait(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface ResumeParts {
  /** A stream behind `after`, without it from the beginning; calls back when there is a broker to tell it. */
  readonly open: (after: string | undefined, opened: () => void) => AsyncIterable<Change>;
  readonly after: string | undefined;
  readonly reconnectMs: number;
  readonly onLost: ChangesOptions['onLost'] | undefined;
  readonly signal: AbortSignal | undefined;
  readonly patience: Patience;
  /** Nobody wants to connect again. */
  readonly isClosed: () => boolean;
}

/** Throws a LookupConnectionError with the position to go on from when there was no broker for `reconnectMs`. */
export async function* resumedChanges(parts: ResumeParts): AsyncGenerator<Change> {
  const { open, reconnectMs, onLost, signal, patience, isClosed } = parts;
  let after = parts.after;
  let lostMs = -1;
  let delayMs = firstDelayMs;
  for (;;) {
    let openedMs = Number.POSITIVE_INFINITY;
    const opened = (): void => {
      openedMs = patience.nowMs();
    };
    const isBack = (): boolean => patience.nowMs() - openedMs >= delayMsMax;
    try {
      for await (const change of open(after, opened)) {
        lostMs = -1;
        after = change.position;
        yield change;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isLoss(error)) throw error;
      const position = after ?? null;
      const lost = new LookupConnectionError(error.message, { cause: error, position });
      const nowMs = patience.nowMs();
      // One that says at once that it is stopping is not a broker that was there.
      const isNew = lostMs < 0 || isBack();
      if (isNew) {
        lostMs = nowMs;
        delayMs = firstDelayMs;
      }
      if (isClosed() || nowMs - lostMs + delayMs > reconnectMs) throw lost;
      if (isNew) onLost?.(lost);
    }
    await patience.wait(delayMs, signal);
    signal?.throwIfAborted();
    delayMs = Math.min(2 * delayMs, delayMsMax);
  }
}

/** A broker that stops may be one that is started again. */
function isLoss(error: unknown): error is Error {
  if (error instanceof LookupConnectionError) return true;
  return error instanceof LookupRefused && error.refusal.reason === 'stopping';
}
