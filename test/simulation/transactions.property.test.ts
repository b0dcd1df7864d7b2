/**
 * Transactions in simulated worlds, as broker.property.test.ts: fixed seeds here, `KOMPAKT_SEEDS=1000` (and `KOMPAKT_FIRST_SEED`) runs as
 * many others.
 */
import { describe, expect, test } from 'vitest';
import { TransactionWorkload } from './transactions.ts';
import { type End, World } from './world.ts';

const count = Number(process.env.KOMPAKT_SEEDS ?? 6);
const first = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);
const seeds = Array.from({ length: count }, (_, i) => first + i);

/** Several lives, most of them ended at some operation of the disk: between Prepare, markers and Complete as well as anywhere else. */
async function live(seed: number, durability: 'fsync' | 'page-cache', ends: readonly End[]) {
  const world = new World(seed, {
    'kompakt.durability': durability,
    'transaction.state.log.num.partitions': 2,
    'offsets.topic.num.partitions': 2,
    'log.index.interval.bytes': 200,
  });
  const workload = new TransactionWorkload(world);
  let timersBefore = 0;
  try {
    for (let life = 0; life < 5; life++) {
      await world.start();
      await workload.check();
      const how = world.random.pick(ends);
      // Each sync takes its own time, so that files are ahead of and behind each other.
      if (world.random.chance(0.7)) world.files.delay('sync', () => world.random.below(6));
      if (how !== 'stop') world.files.stopAfter(world.random.below(250));
      for (let step = 0; step < 12 && !world.files.isStopped; step++) await workload.step();
      workload.disconnect();
      await world.end(how);
    }
    // Of lives that ended while something was under way.
    timersBefore = world.clock.pendingTimers;
    await world.start();
    await workload.check();
    workload.disconnect();
    await world.end('stop');
  } catch (error) {
    const story = world.logged.slice(-10).join('\n');
    const told = `seed ${seed}, ${durability}: ${(error as Error).message}\n${story}`;
    throw new Error(told, { cause: error });
  }
  expect(world.clock.pendingTimers).toBe(timersBefore);
  return workload.seen;
}

describe('transactions on a broker that is killed, cut from its power or stopped, again and again', () => {
  test.each(seeds)('are whole or not there under fsync (seed %i)', async (seed) => {
    await live(seed, 'fsync', ['kill', 'power cut', 'stop']);
  });

  test.each(seeds)('are whole or not there after a kill in the page cache (seed %i)', async (seed) => {
    await live(seed, 'page-cache', ['kill', 'stop']);
  });

  test('are committed, aborted and cut off in some of these worlds', async () => {
    const { committed, aborted, unknown } = await live(11, 'fsync', ['kill', 'power cut']);
    expect(Math.min(committed, aborted)).toBeGreaterThan(0);
    expect(committed + aborted + unknown).toBeGreaterThan(10);
  });
});
