import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delay } from '../../../storage/environment/clock.ts';
import { AppendQueue, type Commit } from '../../../storage/log/append-queue.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

const noCommit: Commit = { isDue: () => false, run: () => Promise.resolve() };

/** Counts as a disk that must be synced: what was started is due until a run that began later has ended. */
class SlowCommit implements Commit {
  runs = 0;
  started = 0;
  committed = 0;
  readonly #clock: VirtualClock;
  readonly #ms: () => number;

  constructor(clock: VirtualClock, ms: () => number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  isDue(): boolean {
    return this.started > this.committed;
  }

  async run(): Promise<void> {
    const upTo = this.started;
    this.runs++;
    await delay(this.#clock, this.#ms());
    this.committed = upTo;
  }
}

describe('an append queue', () => {
  it('runs work at once when it is idle and nothing has to be committed', () => {
    const queue = new AppendQueue(noCommit);
    expect(queue.run(() => 'done')).toBe('done');
    expect(queue.isIdle).toBe(true);
  });

  it('gives back what work throws, and goes on', async () => {
    const queue = new AppendQueue(noCommit);
    const fail = () => {
      throw new Error('broken');
    };
    expect(() => queue.run(fail)).toThrow('broken');
    const slow = queue.run(() => Promise.reject(new Error('broken later')));
    const behind = queue.run(fail);
    await expect(slow).rejects.toThrow('broken later');
    await expect(behind).rejects.toThrow('broken');
    expect(queue.run(() => 1)).toBe(1);
  });

  it('lets work that arises inside work wait its turn', async () => {
    const queue = new AppendQueue(noCommit);
    const order: string[] = [];
    let inner: unknown;
    queue.run(() => {
      inner = queue.run(() => order.push('inner'));
      order.push('outer');
    });
    await inner;
    expect(order).toEqual(['outer', 'inner']);
    expect(queue.isIdle).toBe(true);
  });

  it('starts together what came during one commit, and commits it once', async () => {
    const clock = new VirtualClock();
    const commit = new SlowCommit(clock, () => 10);
    const queue = new AppendQueue(commit);
    const done: number[] = [];
    for (let n = 0; n < 20; n++) {
      const result = queue.run(() => {
        commit.started++;
        return n;
      });
      void Promise.resolve(result).then((each) => done.push(each));
    }
    await clock.advance(10);
    expect(done).toEqual([0]);
    await clock.advance(10);
    expect(done).toHaveLength(20);
    expect(commit.runs).toBe(2);
  });

  it('answers behind a slow write without waiting for the next one', async () => {
    const clock = new VirtualClock();
    const queue = new AppendQueue(noCommit);
    const done: number[] = [];
    for (let n = 0; n < 3; n++) {
      void Promise.resolve(queue.run(() => delay(clock, 10).then(() => n))).then((each) => done.push(each));
    }
    await clock.advance(10);
    expect(done).toEqual([0]);
    await clock.advance(10);
    expect(done).toEqual([0, 1]);
  });

  it('never starts work before the one before is through, nor answers before the commit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = new SeededRandom(seed);
        const clock = new VirtualClock();
        const commit = new SlowCommit(clock, () => random.below(20));
        const queue = new AppendQueue(commit);
        const needsCommit = random.chance(0.5);
        const answered: number[] = [];
        let running = 0;
        let next = 0;
        const all: Promise<unknown>[] = [];
        for (let n = 0; n < 30; n++) {
          const slowMs = random.chance(0.3) ? random.below(15) : -1;
          const fails = random.chance(0.1);
          const start = () => {
            expect(running).toBe(0);
            expect(next++).toBe(n);
            if (needsCommit) commit.started++;
            if (fails && slowMs < 0) throw new Error('fails');
            if (slowMs < 0) return n;
            running++;
            return delay(clock, slowMs).then(() => {
              running--;
              if (fails) throw new Error('fails');
              return n;
            });
          };
          const finish = (result: number) => {
            expect(commit.committed).toBeGreaterThanOrEqual(needsCommit ? n + 1 : 0);
            answered.push(result);
            return result;
          };
          try {
            all.push(
              Promise.resolve(queue.run(start, finish)).catch((error) => expect(error.message).toBe('fails')),
            );
          } catch (error) {
            expect((error as Error).message).toBe('fails');
          }
          if (random.chance(0.3)) await clock.advance(random.below(20));
        }
        await clock.until(Promise.all(all));
        await clock.advance(100);
        expect(answered).toEqual([...answered].sort((a, b) => a - b));
        expect(next).toBe(30);
        expect(queue.isIdle).toBe(true);
      }),
      { seed: 20261122, numRuns: 100 },
    );
  });
});
