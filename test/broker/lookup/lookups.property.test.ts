import { expect, test } from 'vitest';
import type { History, Page } from '../../../broker/lookup/lookup.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { EveryRecord, lineFor, lineOf, livesIn } from './every-record.ts';
import { answered, bytes, openLookupWorld, refusalOf, told } from './lookup-world.ts';

const runs = Number(process.env['KOMPAKT_RUNS'] ?? 8);

/**
 * Whatever is appended, committed, aborted, rolled, cleaned and deleted, in whatever order: lookups, pages and histories say what the
 * log says, and the past is told as it was, or not at all.
 */
test('every answer is that of a store which remembers everything', async () => {
  let told = { answered: 0, gone: 0 };
  for (let seed = 1; seed <= runs; seed++) {
    const at = await openLookupWorld({ seed });
    const random = new SeededRandom(seed);
    const every = await EveryRecord.open(at, random, 6, seed % 4 !== 1);
    for (let n = 1; n <= 120; n++) {
      const when = `seed ${seed}, step ${n}`;
      await step(every, random, seed % 3 === 0);
      if (random.chance(0.3)) await expectNow(every, when);
      if (random.chance(0.4)) told = await expectPast(every, random, when, told);
    }
    await every.endAll();
    await expectNow(every, `seed ${seed}, at the end`);
    at.lookups.stop();
    await at.tables.stop();
    await at.stop();
  }
  // Neither of the two is rare: the test looks at both.
  expect(told.answered).toBeGreaterThan(10 * runs);
  expect(told.gone).toBeGreaterThan(runs);
});

async function step(every: EveryRecord, random: SeededRandom, mayDelete: boolean): Promise<void> {
  const { at, partition } = every;
  const die = random.below(100);
  if (die < 40) await every.append();
  else if (die < 52) await every.send();
  else if (die < 62) await every.end();
  else if (die < 70) await partition.log.roll();
  else if (die < 76) await at.done(at.compactions.compact('t', { includeActive: random.chance(0.5) }));
  else if (die < 96) await at.world.clock.advance(random.below(4_000));
  else if (mayDelete && die === 99) {
    const { highWatermark, logStartOffset } = partition;
    await partition.log.deleteRecordsBefore(
      logStartOffset + random.below(highWatermark - logStartOffset + 1),
    );
  }
}

async function expectNow(every: EveryRecord, when: string): Promise<void> {
  const { at, keys } = every;
  const { lookups } = at;
  const kept = every.kept();
  const newest = new Map(kept.map((record) => [record.key, record]));
  const wanted = [...keys, 'never'];
  const answers = await at.done(lookups.getMany('t', wanted.map(bytes)));
  expect(answers.map(answered), when).toEqual(wanted.map((key) => lineFor(newest.get(key))));
  const pages: string[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page: Page = await at.done(lookups.page('t', after === '' ? { limit: 2 } : { limit: 2, after }));
    pages.push(...page.records.map(told));
    after = page.next;
  }
  const living = kept.filter((record) => newest.get(record.key) === record && record.value !== null);
  expect(pages, when).toEqual(living.map(lineOf));
  const history: History = await at.done(lookups.history('t', bytes(keys[0]!), { limit: 3 }));
  const own = kept.filter(({ key }) => key === keys[0]);
  expect(history.records.map(told), when).toEqual(own.slice(-3).map(lineOf));
  expect(history.isCut, when).toBe(own.length > 3);
  // What lies above it is whole.
  const { offset } = history.completeFrom[0]!;
  const sinceThen = every.decided().filter((record) => record.key === keys[0] && record.offset >= offset);
  expect(
    own.filter((record) => record.offset >= offset),
    when,
  ).toEqual(sinceThen);
}

type Told = { answered: number; gone: number };

async function expectPast(every: EveryRecord, random: SeededRandom, when: string, told: Told): Promise<Told> {
  const { at, partition } = every;
  const { lastStableOffset, logStartOffset } = partition.log;
  const startMs = every.records[0]?.timestampMs ?? 0;
  const key = every.aKey();
  const byTime = random.chance(0.5);
  const asOfOffset = random.below(Math.max(1, lastStableOffset));
  const asOfMs = startMs + random.below(at.world.clock.nowMs() - startMs + 1);
  const options = byTime ? { asOfMs } : { asOfOffset };
  // past.property.test.ts is about those.
  if (byTime && !every.isInOrder) return told;
  const text = `${when}: ${key} as of ${JSON.stringify(options)}`;
  if (lastStableOffset === 0) return told;
  const ask = (point: typeof options) => at.lookups.get('t', bytes(key), point);
  const truth = (point: typeof options): string => {
    const { asOfOffset: offset = Number.POSITIVE_INFINITY, asOfMs: ms = Number.POSITIVE_INFINITY } =
      point as {
        asOfOffset?: number;
        asOfMs?: number;
      };
    const past = every.decided().filter((each) => each.offset <= offset && each.timestampMs <= ms);
    const newest = past.findLast((each) => each.key === key);
    return newest?.value == null ? 'nothing' : lineOf(newest);
  };
  const outcome = await at.done(ask(options).catch((error: unknown) => error as Error));
  if (!(outcome instanceof Error)) {
    // The log start takes records away from the present, too: what of them is told as not there is right now.
    const isNow = !byTime && asOfOffset === lastStableOffset - 1;
    if (logStartOffset === 0 || (outcome.kind === 'found' && !isNow))
      expect(livesIn(outcome), text).toBe(truth(options));
    return { ...told, answered: told.answered + 1 };
  }
  const refusal = await refusalOf(Promise.reject(outcome));
  expect(refusal, text).toMatchObject({ reason: 'gone' });
  if (refusal.reason !== 'gone') return told;
  // It is gone only where it may be, and what is said to be known is.
  const floor = at.cleaner.ranges.of(partition.log);
  if (!byTime && logStartOffset === 0) expect(asOfOffset + 1, text).toBeLessThan(floor);
  if (!byTime) expect(refusal.earliestOffset, text).toBeGreaterThan(asOfOffset);
  const points = [{ asOfOffset: refusal.earliestOffset }, { asOfMs: refusal.earliestMs! }];
  for (const point of points as (typeof options)[]) {
    const again = await at.done(ask(point));
    if (logStartOffset === 0 && (every.isInOrder || !('asOfMs' in point)))
      expect(livesIn(again), `${text}, then ${JSON.stringify(point)}`).toBe(truth(point));
  }
  return { ...told, gone: told.gone + 1 };
}
