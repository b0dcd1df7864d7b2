import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GetOptions } from '../../../broker/lookup/lookup.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { write } from '../cleaning/cleaning-world.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { answered, bytes, type LookupWorld, openLookupWorld, refusalOf } from './lookup-world.ts';

let at: LookupWorld;

beforeEach(async () => {
  at = await openLookupWorld();
});

afterEach(async () => {
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});

const ask = (key: string, options: GetOptions) => at.lookups.get('articles', bytes(key), options);
const past = async (key: string, options: GetOptions) => answered(await at.done(ask(key, options)));
const refused = (key: string, options: GetOptions) => at.done(refusalOf(ask(key, options)));

/** Each value a second after the one before; gives the time of the first. */
async function writeSlowly(partition: Partition, ...values: string[]): Promise<number> {
  const firstMs = at.world.clock.nowMs();
  for (const value of values) {
    write(at.world, partition, value);
    await at.world.clock.advance(1_000);
  }
  return firstMs;
}

/** Cleans all there is, and a second later what tombstones may go. */
async function clean(): Promise<void> {
  await at.done(at.compactions.compact('articles', { includeActive: true }));
  await at.world.clock.advance(1_000);
  await at.done(at.compactions.compact('articles', { includeActive: true }));
}

describe('the past of a key', () => {
  it('is what its newest record said when an offset was the last, or at a time', async () => {
    const ms = await writeSlowly(
      await at.table(),
      'shirt=red',
      'shoe=black',
      'shirt=blue',
      'shirt!',
      'shirt=green',
    );
    const told = [
      'found 0 shirt=red',
      'found 0 shirt=red',
      'found 2 shirt=blue',
      'deleted 3 shirt!',
      'found 4 shirt=green',
    ];
    for (const [offset, expected] of told.entries()) {
      expect(await past('shirt', { asOfOffset: offset })).toBe(expected);
      expect(await past('shirt', { asOfMs: ms + offset * 1_000 })).toBe(expected);
      expect(await past('shirt', { asOfMs: ms + offset * 1_000 + 999 })).toBe(expected);
    }
    expect(await past('shirt', { asOfMs: ms - 1 })).toBe('absent');
    expect(await past('shoe', { asOfOffset: 0 })).toBe('absent');
  });

  it('is told as far as it is known, and from where on it is', async () => {
    const partition = await at.table('articles', 1, { 'delete.retention.ms': '100' });
    const ms = await writeSlowly(partition, 'shirt=red', 'shoe=black', 'shirt=blue', 'hat=grey', 'hat!');
    await clean();
    await writeSlowly(partition, 'shirt=green', 'hat=pink');
    // The record at 2 is what there is of the shirt: what it was before is not known, from there on it is.
    expect(await refused('shirt', { asOfOffset: 1 })).toEqual({
      reason: 'gone',
      earliestOffset: 2,
      earliestMs: ms + 2_000,
    });
    expect(await past('shirt', { asOfOffset: 2 })).toBe('found 2 shirt=blue');
    expect(await past('shirt', { asOfMs: ms + 2_000 })).toBe('found 2 shirt=blue');
    // Of the shoe everything is known that came after its only record.
    expect(await past('shoe', { asOfOffset: 1 })).toBe('found 1 shoe=black');
    expect(await refused('shoe', { asOfMs: ms })).toMatchObject({
      earliestOffset: 1,
      earliestMs: ms + 1_000,
    });
    // Of the hat, nothing before the cleaner's checkpoint.
    const floor = at.offsets.get('articles', 0)!;
    const gone = await refused('hat', { asOfOffset: 3 });
    expect(gone).toMatchObject({ reason: 'gone', earliestOffset: floor - 1 });
    expect(await past('hat', { asOfOffset: floor - 1 })).toBe('absent');
    if (gone.reason === 'gone') expect(await past('hat', { asOfMs: gone.earliestMs! })).toBe('absent');
    expect(await past('hat', { asOfOffset: floor + 1 })).toBe(`found ${floor + 1} hat=pink`);
  });

  it('is not known at any time where the log start has taken records away, but from the next one on', async () => {
    const partition = await at.table();
    const ms = await writeSlowly(partition, 'shirt=red', 'shoe=black', 'shirt=blue', 'hat=grey');
    await partition.log.deleteRecordsBefore(2);
    expect(await refused('shirt', { asOfOffset: 1 })).toMatchObject({
      earliestOffset: 2,
      earliestMs: ms + 2_000,
    });
    expect(await past('shirt', { asOfOffset: 2 })).toBe('found 2 shirt=blue');
    expect(await refused('shoe', { asOfOffset: 2 })).toMatchObject({ earliestOffset: 3 });
    expect(await past('shoe', { asOfOffset: 3 })).toBe('absent');
  });

  it('lies in one partition where offsets are asked for, and in all at a time', async () => {
    const partition = await at.table('articles', 2, { 'delete.retention.ms': '100' });
    const other = at.world.partitions.get('articles', 1)!;
    const ms = await writeSlowly(partition, 'shirt=red', 'shoe=black', 'shirt=blue');
    await writeSlowly(other, 'hat=grey', 'hat=pink', 'shirt=white');
    expect(await refused('shirt', { asOfOffset: 0 })).toEqual({ reason: 'bad-request' });
    expect(await past('shirt', { asOfOffset: 0, partition: 0 })).toBe('found 0 shirt=red');
    expect(await past('shirt', { asOfMs: ms + 4_999 })).toBe('found 2 shirt=blue');
    expect(await past('shirt', { asOfMs: ms + 5_000 })).toBe('several 0:2 shirt=blue 1:2 shirt=white');
    await clean();
    // What the other partition had of the shoe is not known, but there is no trace of it.
    expect(await past('shoe', { asOfMs: ms + 3_000 })).toBe('found 1 shoe=black');
    expect(await refused('shirt', { asOfMs: ms + 1_000 })).toMatchObject({ reason: 'gone' });
  });

  it('counts transactions by where their records are, as they have ended', async () => {
    await at.table();
    const client = await TransactionClient.ready(at.world);
    await client.send('articles-0', 'shirt=red');
    await client.abort();
    await client.send('articles-0', 'shirt=blue');
    expect(await refused('shirt', { asOfOffset: 2, waitMs: 10 })).toMatchObject({
      reason: 'not-yet',
      blockedBy: expect.stringContaining('open transaction'),
    });
    const waiting = ask('shirt', { asOfOffset: 2 });
    await client.commit();
    expect(answered(await at.done(waiting))).toBe('found 2 shirt=blue');
    expect(await past('shirt', { asOfOffset: 1 })).toBe('absent');
    expect(await refused('shirt', { asOfOffset: 9, waitMs: 10 })).toMatchObject({
      blockedBy: 'the log ends at 4',
    });
  });
});

describe('a history', () => {
  it('has every record that there is, the newest ones, and tells from where on it is whole', async () => {
    const partition = await at.table('articles', 2);
    const other = at.world.partitions.get('articles', 1)!;
    write(at.world, partition, 'shirt=red', 'shoe=black', 'shirt=blue');
    await clean();
    await writeSlowly(partition, 'shirt!', 'shirt=green');
    await writeSlowly(other, 'shirt=white');
    const { records, isCut, completeFrom } = await at.done(at.lookups.history('articles', bytes('shirt')));
    const lines = records.map((record) => `${record.partition}:${record.offset} ${record.value}`);
    expect(lines).toEqual(['0:2 blue', '0:3 null', '0:4 green', '1:0 white']);
    expect(isCut).toBe(false);
    expect(completeFrom).toEqual([
      { partition: 0, offset: 3 },
      { partition: 1, offset: 0 },
    ]);
    const newest = await at.done(at.lookups.history('articles', bytes('shirt'), { limit: 2 }));
    expect(newest.records.map(({ value }) => `${value}`)).toEqual(['green', 'white']);
    expect(newest.isCut).toBe(true);
  });
});
