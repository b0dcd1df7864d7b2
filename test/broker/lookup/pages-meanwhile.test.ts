/** Pages while keys are written: what lives all the time is on one of them, and nobody hears of loading that is over. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { delay } from '../../../storage/environment/clock.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { write } from '../cleaning/cleaning-world.ts';
import { bytes, type LookupWorld, openLookupWorld, told } from './lookup-world.ts';

const readMs = 10;
/** So long that it is not read at once. */
const long = 'x'.repeat(100_000);

let at: LookupWorld;
let articles: Partition;

beforeEach(async () => {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  at = await clock.until(openLookupWorld({ clock, files }));
  articles = await at.done(at.table());
  write(at.world, articles, 'shirt=red', `ball=${long}`);
  await at.done(at.lookups.get('articles', bytes('shirt')));
  files.delay('read', () => readMs);
});

afterEach(async () => {
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});

/** A page during whose one read the shirt becomes blue. */
async function pageDuringWrite(msBefore: number) {
  const asked = at.lookups.page('articles');
  await at.done(delay(at.world.clock, msBefore));
  write(at.world, articles, 'shirt=blue');
  const { records, next } = await at.done(asked);
  return { told: records.map(told).filter((text) => text.includes('shirt')), next };
}

it('a key that is written during the last read is not left out', async () => {
  expect(await pageDuringWrite(readMs / 2)).toEqual({ told: ['2 shirt=blue'], next: null });
});

it('a record that is written right at the end is waited for', async () => {
  const { told, next } = await pageDuringWrite(readMs);
  expect(told.at(-1)).toBe('2 shirt=blue');
  expect(next).toBeNull();
});
