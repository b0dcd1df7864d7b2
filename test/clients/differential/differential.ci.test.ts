/**
 * The same requests to Apache Kafka and to Kompakt, byte for byte through our own codecs, and their answers held side by side. Kafka's
 * jars come from Maven; `KAFKA_VERSION` names another release.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { skipUnless } from '../../skip.ts';
import { hasJava } from '../java/apache-kafka.ts';
import { type Brokers, startBrokers } from './brokers.ts';
import { differencesBetween, keptFor, show } from './compare.ts';
import { type KeptDifference, keptDifferences } from './kept-differences.ts';
import { playOf, transactionPlayOf } from './random/play.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import { Side } from './side.ts';

const isThere = hasJava();
let brokers: Brokers;
const met = new Set<KeptDifference>();

beforeAll(async () => {
  if (isThere) brokers = await startBrokers();
});
afterAll(() => brokers?.stop());
beforeEach((context) => skipUnless(context, isThere, 'there is no java'));

async function transcripts({ name, run }: Scenario) {
  const kafka = new Side('kafka', brokers.kafka.port, name);
  const kompakt = new Side('kompakt', brokers.kompakt.port, name);
  try {
    const [theirs, ours] = await Promise.allSettled([
      run(kafka, brokers.kafka),
      run(kompakt, brokers.kompakt),
    ]);
    return { kafka, kompakt, failures: [theirs, ours].filter((one) => one.status === 'rejected') };
  } finally {
    kafka.close();
    kompakt.close();
  }
}

/** `firstOnly`: what follows the first step that differs differs because of it. */
async function expectSame(scenario: Scenario, firstOnly = false): Promise<void> {
  const { kafka, kompakt, failures } = await transcripts(scenario);
  const unmeant = differencesBetween(kafka.steps, kompakt.steps).filter((difference) => {
    const kept = keptFor(difference, scenario.name, keptDifferences);
    if (kept !== undefined) met.add(kept);
    return kept === undefined;
  });
  const shown = firstOnly ? unmeant.filter(({ at }) => at === unmeant[0]!.at) : unmeant;
  const report = show(shown) + failures.map(({ reason }) => String(reason)).join('\n');
  expect(report, report).toBe('');
  expect(kafka.steps.length).toBeGreaterThan(0);
}

describe('by hand', () => {
  for (const scenario of scenarios) test(scenario.name, () => expectSame(scenario));
});

/** So many steps of each seed; `DIFFERENTIAL_SEEDS=100-199` plays others, by hand. */
const stepsOfSeed = 150;
const [firstSeed, lastSeed] = (process.env.DIFFERENTIAL_SEEDS ?? '1-12').split('-').map(Number);

describe('by seed', () => {
  for (let seed = firstSeed!; seed <= lastSeed!; seed++)
    test(`seed ${seed}`, () => expectSame(playOf(seed, stepsOfSeed), true));

  for (let seed = firstSeed!; seed <= lastSeed!; seed++)
    test(`transactions, seed ${seed}`, () => expectSame(transactionPlayOf(seed, stepsOfSeed), true));
});

test('every difference that we keep is still there', () => {
  const gone = keptDifferences.filter((kept) => !met.has(kept));
  expect(gone.map(({ reason }) => reason)).toEqual([]);
});
