import { beforeAll, describe, expect, it } from 'vitest';
import { loadCodecs } from '../../compaction/history.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { TableRun, type TableRunOptions } from './table-run.ts';

/**
 * Producers with and without transactions, tombstones, records without a key, every codec, passes of the cleaner, DeleteRecords,
 * retention, truncation, clean and unclean ends of the process, stored tables that are spoiled or belong to a log that somebody else has
 * worked on since: whatever happened, the table says what a map of all that was written says, and what a new table says.
 */

const firstSeed = Number(process.env['KOMPAKT_SEED'] ?? 2_000);
const runs = Number(process.env['KOMPAKT_RUNS'] ?? 12);

async function story(seed: number, options: TableRunOptions): Promise<TableRun> {
  const random = new SeededRandom(seed);
  const run = new TableRun(random, options);
  const steps = {
    write: () => run.write(1 + random.below(20)),
    clean: () => run.clean(),
    deleteRecords: () => run.deleteRecords(),
    truncate: () => run.truncate(),
    restart: () => run.restart(),
    spoilt: () => run.restart(undefined, () => run.spoil()),
    crash: () => run.crash(),
    stranger: () =>
      run.restart(async () => {
        for (let n = random.below(4); n >= 0; n--)
          await random.pick([steps.write, steps.clean, steps.deleteRecords, steps.truncate])();
      }),
  };
  const told: string[] = [];
  try {
    for (let n = 0; n < 14; n++) {
      const name = random.chance(0.4) ? 'write' : random.pick(Object.keys(steps) as (keyof typeof steps)[]);
      told.push(name);
      await steps[name]();
      if (random.chance(0.6)) await run.check();
    }
    await run.check();
  } catch (error) {
    throw new Error(`seed ${seed}: ${told.join(', ')}`, { cause: error });
  }
  return run;
}

/** Tells how often a stored table was used. */
async function stories(options: TableRunOptions): Promise<number> {
  let storedUsed = 0;
  for (let seed = firstSeed; seed < firstSeed + runs; seed++)
    storedUsed += (await story(seed, options)).storedUsed;
  return storedUsed;
}

beforeAll(loadCodecs);

describe('a table says what was written', () => {
  it('with whole hashes', async () => {
    expect(await stories({})).toBeGreaterThan(runs / 2);
  });

  it('where records go by time, too', async () => {
    const settings = { 'cleanup.policy': ['compact', 'delete'], 'retention.ms': 3_000 };
    await stories({ settings });
  });

  // While no tombstone leaves the log: see partition-table.ts for what cannot be noticed then.
  const settings = { 'delete.retention.ms': 1e12 };
  it.each([1, 3, 6])('by %i bits of hash', async (hashBits) => {
    await stories({ hashBits, settings, keys: 30 });
  });
});
