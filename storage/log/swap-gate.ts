/**
 * Keeps two kinds of change out of each other's way: the swap of a group of cleaned segments (segment-swap.ts), which takes several
 * turns of the log's queue and is settled by the next start if it is interrupted, and what takes segments away or cuts them.
 *
 * While a group stands announced on the disk, a start would put it in the place of its sources. If these had been cut meanwhile, what
 * was cut off would be back. So whoever cuts waits until the group is in its place or taken back, and none is announced until he is done.
 */
export class SwapGate {
  #cuts = 0;
  #swap: Promise<unknown> = Promise.resolve();

  /** Nothing new is to be announced. */
  get isCutting(): boolean {
    return this.#cuts > 0;
  }

  /** Runs the swap of a group, which may be begun as long as nothing cuts. */
  async swap<T>(swapGroup: () => Promise<T>): Promise<T> {
    const swapping = swapGroup();
    this.#swap = swapping.catch(() => {});
    return swapping;
  }

  /** Runs what takes segments away when no group is half in its place. */
  async cut<T>(change: () => T | Promise<T>): Promise<T> {
    this.#cuts++;
    try {
      await this.#swap;
      return await change();
    } finally {
      this.#cuts--;
    }
  }
}
