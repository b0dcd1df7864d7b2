/**
 * One commit of one transaction, cut off after each operation of the disk in turn, from the first to the last: by a kill, and by a power
 * cut after which each file has lost what it likes of what it had not synced. `KOMPAKT_SEEDS` cuts so many transactions. The files
 * themselves say how far each had come: every step between Prepare, markers and Complete must have been cut off.
 */
import { expect, test } from 'vitest';
import { endsOf, type Stage, stageSince, stages } from './transaction-stage.ts';
import { TransactionWorkload } from './transactions.ts';
import { type End, World } from './world.ts';

const seeds = Number(process.env.KOMPAKT_SEEDS ?? 3);
const seedsApart = 1_000;

/** What was there at the end of a life, and what is left after it. */
interface Cut {
  /** False: the step was over before the machine stopped. */
  readonly isCut: boolean;
  readonly written: Stage;
  readonly left: Stage;
}

async function cutAt(
  point: number,
  seed: number,
  durability: 'fsync' | 'page-cache',
  how: End,
): Promise<Cut> {
  const world = new World(seed, {
    'kompakt.durability': durability,
    'transaction.state.log.num.partitions': 1,
    'offsets.topic.num.partitions': 1,
  });
  const workload = new TransactionWorkload(world);
  await world.start();
  // The topic, and a transaction of each producer, so that all there is to create is there.
  for (let step = 0; step < 5; step++) await workload.step();
  const before = endsOf(world.files.memory);
  world.files.stopAfter(point);
  await workload.step();
  const isCut = world.files.isStopped;
  workload.disconnect();
  const written = stageSince(world.files.memory, before);
  await world.end(how);
  // Each file has lost what it likes of what was not synced: nobody may be ahead of what it builds on all the same.
  const left = stageSince(world.files.memory, before);
  await world.start();
  await workload.check();
  // And the next transactions go as if nothing had been.
  for (let step = 0; step < 3; step++) await workload.step();
  await workload.check();
  workload.disconnect();
  await world.end('stop');
  return { isCut, written, left };
}

test.each([
  ['fsync', 'power cut'],
  ['fsync', 'kill'],
  ['page-cache', 'kill'],
] as const)(
  'under %s, a %s at every point of a transaction leaves it whole or not there',
  async (durability, how) => {
    const written = new Set<Stage>();
    const left = new Set<Stage>();
    let lost = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      let point = 0;
      try {
        for (let isCut = true; isCut; point++) {
          const cut = await cutAt(point, seed * seedsApart, durability, how);
          written.add(cut.written);
          left.add(cut.left);
          if (cut.left !== cut.written) lost += 1;
          isCut = cut.isCut;
        }
      } catch (error) {
        throw new Error(`seed ${seed}, point ${point}: ${(error as Error).message}`, { cause: error });
      }
    }
    // A cut fell between any two steps, Complete was the last thing written, and a loss of power has taken some of them back.
    expect(stages.filter((stage) => !written.has(stage))).toEqual([]);
    expect(stages.filter((stage) => !left.has(stage))).toEqual([]);
    if (how === 'power cut') expect(lost).toBeGreaterThan(0);
    else expect(lost).toBe(0);
  },
);
