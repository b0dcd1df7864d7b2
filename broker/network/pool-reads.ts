/**
 * Reads that wait for the disk, on Node's thread pool: so many at a time that others, syncs before all, always find a free thread.
 *
 * What is in the page cache is read at once, without a turn through the pool, which costs 15 µs. A read that took longer than
 * `slowMs` came from the disk: whoever made it reads by the pool from then on, until so many reads were fast again. And for a moment
 * nobody reads at once, so that of many who come to cold files together one alone holds up the event loop.
 */

/** Of the four threads that the pool has unless somebody says otherwise. */
const readsInPoolMax = 2;
/** A read of 256 KiB from the page cache takes 50 to 100 µs. */
export const slowMs = 1;
const cautionMs = 10;

let running = 0;
const waiting: (() => void)[] = [];
let cautiousUntilMs = 0;

/** A read on the loop was slow. */
export function beCautious(nowMs: number): void {
  cautiousUntilMs = nowMs + cautionMs;
}

export function isCautious(nowMs: number): boolean {
  return nowMs < cautiousUntilMs;
}

/** Runs a read in its turn. */
export async function inPool<T>(read: () => Promise<T>): Promise<T> {
  if (running >= readsInPoolMax) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await read();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
