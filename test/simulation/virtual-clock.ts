/**
 * The broker's virtual clock (storage/environment/virtual-clock.ts) as simulations use it: nobody lives outside of it unless they
 * say who, and what happens to machines happens to it.
 *
 *     const clock = new VirtualClock();
 *     const done = delay(clock, 500);
 *     await clock.advance(500);            // done is resolved
 *
 * Nothing here waits for real time. Work on real files or sockets is not seen by `settle`: keep to memory files.
 */
import { nodeClock } from '../../storage/environment/node.ts';
import { VirtualClock as MovedClock } from '../../storage/environment/virtual-clock.ts';

/** 22 November 2026, noon UTC: a moment like any other, but always the same. */
export const virtualStartMs = Date.UTC(2026, 10, 22, 12);

export class VirtualClock extends MovedClock {
  /** `outside`: left out, nobody lives outside of it. */
  constructor(startMs: number = virtualStartMs, outside?: VirtualClock) {
    super({ startMs, turns: nodeClock, ...(outside === undefined ? {} : { outside }) });
  }

  /** Time passes and nothing runs, as in a process that is stopped: what is due meanwhile runs late, with the next move. */
  standStill(forMs: number): void {
    this.elapsedMs += forMs;
  }

  /** Moves time on just as far as `promise` needs; throws if no timer is left and it still waits. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await this.settle();
    while (!settled) {
      const hasRun = await this.step(Number.POSITIVE_INFINITY);
      if (!hasRun) throw new Error('nothing is scheduled that could settle this promise');
    }
    return promise;
  }
}
