/**
 * Whole brokers in simulated worlds: fixed seeds here; `KOMPAKT_SEEDS=1000` (and `KOMPAKT_FIRST_SEED`) runs as many others. A failure names
 * its seed, and the seed is the whole story.
 */
import { describe, expect, test } from 'vitest';
import { Workload } from './workload.ts';
import { type End, World } from './world.ts';

const count = Number(process.env.KOMPAKT_SEEDS ?? 3);
const first = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);
const seeds = Array.from({ length: count }, (_, i) => first + i);

/** Several lives, each ended at some operation of the disk, or between two requests. */
async function live(seed: number, durability: 'fsync' | 'page-cache', ends: readonly End[]): Promise<void> {
  const config = {
    'kompakt.durability': durability,
    'offsets.topic.num.partitions': 2,
    'log.index.interval.bytes': 200,
  };
  const world = new World(seed, config);
  const workload = new Workload(world);
  let how: End = 'stop';
  try {
    for (let life = 0; life < 4; life++) {
      await world.start();
      await workload.check(durability === 'page-cache' && how === 'power cut');
      how = world.random.pick(ends);
      const isCutShort = how !== 'stop' && world.random.chance(0.7);
      if (isCutShort) world.files.stopAfter(world.random.below(400));
      for (let step = 0; step < 40 && !world.files.isStopped; step++) await workload.step();
      workload.disconnect();
      await world.end(how);
    }
    await world.start();
    await workload.check(durability === 'page-cache' && how === 'power cut');
    workload.disconnect();
    await world.end('stop');
  } catch (error) {
    throw new Error(
      `seed ${seed}, ${durability}: ${(error as Error).message}\n${world.logged.slice(-10).join('\n')}`,
      {
        cause: error,
      },
    );
  }
  expect(world.clock.pendingTimers).toBe(0);
}

describe('a broker that is killed, cut from its power or stopped, again and again', () => {
  test.each(seeds)('loses nothing acknowledged under fsync (seed %i)', (seed) =>
    live(seed, 'fsync', ['kill', 'power cut', 'stop']),
  );

  test.each(seeds)('loses nothing acknowledged to a kill from the page cache (seed %i)', (seed) =>
    live(seed, 'page-cache', ['kill', 'stop']),
  );

  test.each(seeds)('keeps a prefix over a power cut from the page cache (seed %i)', (seed) =>
    live(seed, 'page-cache', ['power cut', 'kill', 'stop']),
  );
});
