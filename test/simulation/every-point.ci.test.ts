/**
 * One commit of one transaction, cut off after each operation of the disk in turn, from the first to the last: by a kill, and by a power
 * cut after which each file has lost what it likes of what it had not synced. `KOMPAKT_SEEDS` cuts each point so often.
 */
import { expect, test } from 'vitest';
import { TransactionWorkload } from './transactions.ts';
import { type End, World } from './world.ts';

const seeds = Number(process.env.KOMPAKT_SEEDS ?? 3);
const seedsApart = 1_000;

/** True when the machine stopped before the step was over. */
async function cutAt(
  point: number,
  seed: number,
  durability: 'fsync' | 'page-cache',
  how: End,
): Promise<boolean> {
  const world = new World(seed, {
    'kompakt.durability': durability,
    'transaction.state.log.num.partitions': 1,
    'offsets.topic.num.partitions': 1,
  });
  const workload = new TransactionWorkload(world);
  await world.start();
  // The topic, and a transaction of each producer, so that all there is to create is there.
  for (let step = 0; step < 5; step++) await workload.step();
  world.files.stopAfter(point);
  await workload.step();
  const isCut = world.files.isStopped;
  workload.disconnect();
  await world.end(how);
  await world.start();
  await workload.check();
  // And the next transactions go as if nothing had been.
  for (let step = 0; step < 3; step++) await workload.step();
  await workload.check();
  workload.disconnect();
  await world.end('stop');
  return isCut;
}

test.each([
  ['fsync', 'power cut'],
  ['fsync', 'kill'],
  ['page-cache', 'kill'],
] as const)(
  'under %s, a %s at every point of a transaction leaves it whole or not there',
  async (durability, how) => {
    for (let seed = 1; seed <= seeds; seed++) {
      let point = 0;
      try {
        while (await cutAt(point, seed * seedsApart, durability, how)) point += 1;
      } catch (error) {
        throw new Error(`seed ${seed}, point ${point}: ${(error as Error).message}`, { cause: error });
      }
      expect(point, `points of seed ${seed}`).toBeGreaterThan(5);
    }
  },
);
