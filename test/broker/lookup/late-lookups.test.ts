import { afterEach, beforeEach, expect, it } from 'vitest';
import { LateLookups } from '../../../broker/lookup/late-lookups.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { type CleaningWorld, openCleaningWorld, write } from '../cleaning/cleaning-world.ts';
import { answered, bytes, refusalOf } from './lookup-world.ts';

let cleaning: CleaningWorld;
let lookups: LateLookups | null = null;

beforeEach(async () => {
  cleaning = await openCleaningWorld();
});

afterEach(async () => {
  await lookups?.stop();
  await cleaning.stop();
});

function open(): LateLookups {
  const { world, cleaner } = cleaning;
  const { clock, files, random, cluster } = world;
  const environment = { clock, files, random };
  lookups = new LateLookups({
    ...world.services,
    environment,
    cluster: cluster.state,
    ranges: cleaner.ranges,
    logger: silentLogger,
    wasStoppedClean: false,
  });
  return lookups;
}

/** Waits for what is loaded from files, which no clock of a test drives. */
async function untilThereAreTables(of: LateLookups): Promise<void> {
  while (of.status().length === 0) {
    await import('../../../broker/lookup/open-lookups.ts');
    await cleaning.world.clock.settle();
  }
}

it('has no table before the first question', async () => {
  const partition = await cleaning.world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  write(cleaning.world, partition, 'shirt=red');
  const late = open();
  await cleaning.world.clock.settle();
  expect(late.status()).toEqual([]);
  const asked = late.get('articles', bytes('shirt'));
  await untilThereAreTables(late);
  expect(answered(await cleaning.world.clock.until(asked))).toBe('found 0 shirt=red');
});

it('has those at start that want to be', async () => {
  const configs = { 'cleanup.policy': 'compact', 'kompakt.lookup.enable': 'true' };
  await cleaning.world.topic('articles', 2, configs);
  await untilThereAreTables(open());
  expect(lookups!.status()).toHaveLength(2);
});

it('has those of topics that are made later, and want to be', async () => {
  open();
  await cleaning.world.topic('articles', 1, { 'cleanup.policy': 'compact', 'kompakt.lookup.enable': 'true' });
  await untilThereAreTables(lookups!);
  expect(lookups!.status()).toHaveLength(1);
});

it('leaves alone those that are made, or changed, and want nothing', async () => {
  const late = open();
  await cleaning.world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  await cleaning.world.clock.settle();
  expect(late.status()).toEqual([]);
});

it('refuses what comes after the stop, asked before or not', async () => {
  await cleaning.world.topic('articles', 1, { 'cleanup.policy': 'compact' });
  const late = open();
  await late.stop();
  expect(await refusalOf(late.get('articles', bytes('shirt')))).toEqual({ reason: 'stopping' });
  expect(await refusalOf(late.changes('articles')[Symbol.asyncIterator]().next())).toEqual({
    reason: 'stopping',
  });
});
