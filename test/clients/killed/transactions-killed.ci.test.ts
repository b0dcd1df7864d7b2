/** A dozen kills of a broker with transactions under way; `npm run bench:kills` is the same 200 times. */
import { expect, test } from 'vitest';
import { killAgainAndAgain } from './kills.ts';

const seed = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);

test.each([
  ['page-cache', 12],
  ['fsync', 3],
] as const)(
  'transactions are whole or not there after each kill (%s, %i times)',
  async (durability, times) => {
    const survived = await killAgainAndAgain({ durability, times, seed });
    process.stderr.write(`${durability}: ${times} kills, ${JSON.stringify(survived)}\n`);
    expect(Math.min(survived.committed, survived.aborted)).toBeGreaterThan(times);
  },
);
