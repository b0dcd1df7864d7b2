/**
 * Reads that wait for the disk, on Node's thread pool: so many at a time that others, syncs before all, always find a free thread.
 *
 * What is in the page cache is read at once, without a turn through the pool, which costs 15 µs. A read that came from the disk makes
 * whoever made it read by the pool from then on, until so many reads were fast again. And for a moment nobody reads at once, so that
 * of many who come to cold files together one alone holds up the event loop.
 *
 * It came from the disk when it took longer than `slowMs` and the system has meanwhile read blocks for this process: time alone would
 * also count what waited for the processor or for a long turn of the event loop (twenty consumers at once: three quarters more CPU).
 *
 * Those who send regions to a connection go by it (broker/network/outbound-queue.ts), and those who look for a place in a log
 * (storage/log/paced-reads.ts).
 */

/** Of the four threads that the pool has unless somebody says otherwise. */
const readsInPoolMax = 2;
/** A read of 256 KiB from the page cache takes 50 to 100 µs. */
const slowMs = 1;
/** Some file systems do not count what they read (FUSE): what takes as long did not wait for a processor alone. */
const surelySlowMs = 200;
const cautionMs = 10;
/** The kernel reads ahead: a read may wait for blocks that were counted with an earlier one. */
const diskQuietMs = 1000;
/** The kernel reads ahead, so that some of a cold file is fast too: doubled with each read that was slow all the same. */
const readsAfterSlow = 16;
const readsInPoolMost = 1024;

let running = 0;
const waiting: (() => void)[] = [];
let cautiousSinceMs = Number.NEGATIVE_INFINITY;
let blocksSeen = 0;
let blocksChangedMs = Number.NEGATIVE_INFINITY;

/** `blocksRead`: how many the system has read for this process so far; undefined: time alone decides. */
export function cameFromDisk(
  startMs: number,
  nowMs: number,
  blocksRead: (() => number) | undefined,
): boolean {
  const tookMs = nowMs - startMs;
  if (!(tookMs > slowMs)) return false;
  if (blocksRead === undefined) return true;
  const before = blocksSeen;
  blocksSeen = blocksRead();
  if (blocksSeen !== before) blocksChangedMs = nowMs;
  return nowMs - blocksChangedMs <= diskQuietMs || tookMs > surelySlowMs;
}

/** A read on the loop was slow. */
export function beCautious(nowMs: number): void {
  cautiousSinceMs = nowMs;
}

/** Brokers of one process may have clocks of their own: a moment that is ahead of this clock was not of this clock. */
export function isCautious(nowMs: number): boolean {
  const sinceMs = nowMs - cautiousSinceMs;
  return sinceMs >= 0 && sinceMs < cautionMs;
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

/** How one who reads goes about it: so many reads in a row must be fast on the thread pool before the next is made at once. */
export class ReadPace {
  #inPool: number;
  /** How many after the next slow read. */
  #afterSlow = readsAfterSlow;

  /** Begins on the pool, for nobody knows yet whether what is wanted is in memory. */
  constructor(firstInPool: number) {
    this.#inPool = firstInPool;
  }

  /** By the pool, even if others may read at once. */
  get isInPool(): boolean {
    return this.#inPool > 0;
  }

  /** The next read goes by the pool, whatever was fast before. */
  doubt(): void {
    if (this.#inPool === 0) this.#inPool = 1;
  }

  /** A read on the pool was fast. */
  wasFast(): void {
    if (this.#inPool > 0) this.#inPool--;
  }

  wasSlow(): void {
    this.#inPool = this.#afterSlow;
    this.#afterSlow = Math.min(readsInPoolMost, 2 * this.#afterSlow);
  }
}
