/**
 * Our cleaner against Apache Kafka's own: random logs (plan.ts), cleaned by both from the same bytes at the same time, then compared
 * file by file, without a codec byte by byte (compare.ts). Where we part on purpose: run-plan.ts, `misleadsKafka`.
 * A failure names its seed and a smaller plan; `KOMPAKT_FIRST_SEED=… KOMPAKT_SEEDS=1` runs that one, `KOMPAKT_SEEDS=10000` more of them.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { skipUnless } from '../../skip.ts';
import { hasCommand } from '../commands.ts';
import { KafkaCleaner } from './kafka-cleaner.ts';
import { type Plan, planOf } from './plan.ts';
import { Coverage, PlanRun } from './run-plan.ts';
import { smallerPlan } from './smaller-plan.ts';

const count = Number(process.env.KOMPAKT_SEEDS ?? 2000);
const first = Number(process.env.KOMPAKT_FIRST_SEED ?? 1);
/** Kafka syncs every segment; in memory that costs nothing. */
const scratchHome = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
/** While one waits for the JVM another one works. */
const concurrent = 2;

const coverage = new Coverage();
let kafka: KafkaCleaner | undefined;
let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(scratchHome, 'kompakt-cleaner-'));
});
afterAll(async () => {
  await kafka?.close();
  rmSync(scratch, { recursive: true });
});

/** Why a plan fails; null when it does not. */
async function failureOf(plan: Plan, counted = new Coverage()): Promise<string | null> {
  try {
    return await PlanRun.differs(plan, { kafka: kafka!, scratch, coverage: counted });
  } catch (error) {
    return String(error instanceof Error ? error.stack : error);
  }
}

async function explained(plan: Plan, failure: string): Promise<string> {
  const smaller = await smallerPlan(plan, async (candidate) => (await failureOf(candidate)) !== null);
  const again = (await failureOf(smaller)) ?? failure;
  return `seed ${plan.seed}: ${failure}\n\nThe smallest plan that fails:\n${JSON.stringify(smaller, null, 1)}\n${again}`;
}

test(`${count} logs from seed ${first} on are left as Apache Kafka leaves them`, async (context) => {
  skipUnless(context, hasCommand('javac'), 'there is no javac');
  kafka = KafkaCleaner.start();
  let next = first;
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    while (next < first + count && failures.length === 0) {
      const plan = planOf(next++);
      const failure = await failureOf(plan, coverage);
      if (failure !== null) failures.push(await explained(plan, failure));
    }
  };
  await Promise.all(Array.from({ length: concurrent }, work));
  expect(failures.join('\n\n')).toBe('');
});

test('they had something in them for every rule', (context) => {
  skipUnless(context, kafka !== undefined && count >= 500, 'too few logs were compared for that');
  expect(coverage.cleaned).toBeGreaterThan(coverage.passes / 3);
  for (const met of [coverage.partial, coverage.emptyBatches, ...Object.values(coverage.records)])
    expect(met, JSON.stringify(coverage)).toBeGreaterThan(count / 10);
  expect(coverage.misled, JSON.stringify(coverage)).toBeLessThan(coverage.passes / 100);
});
