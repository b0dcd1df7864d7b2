import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { etagOf } from '../../../broker/lookup/lookup.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { write } from '../cleaning/cleaning-world.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { batchOf } from '../world.ts';
import { answered, bytes, type LookupWorld, openLookupWorld, refusalOf, told } from './lookup-world.ts';

let at: LookupWorld;

beforeEach(async () => {
  at = await openLookupWorld();
});

afterEach(async () => {
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});

const get = async (key: string, options = {}) =>
  answered(await at.done(at.lookups.get('articles', bytes(key), options)));

describe('a lookup', () => {
  it('tells what lives, what was deleted, and what was never there', async () => {
    const partition = await at.table();
    write(at.world, partition, 'shirt=red', 'shoe=black', 'shirt=blue', 'shoe!');
    expect(await get('shirt')).toBe('found 2 shirt=blue');
    expect(await get('shoe')).toBe('deleted 3 shoe!');
    expect(await get('hat')).toBe('absent');
    expect(await get('')).toBe('absent');
  });

  it('sees what was appended a moment ago', async () => {
    const partition = await at.table();
    for (let n = 0; n < 20; n++) {
      write(at.world, partition, `shirt=${n}`);
      expect(await get('shirt')).toBe(`found ${n} shirt=${n}`);
    }
  });

  it('finds keys of every length', async () => {
    const partition = await at.table();
    const keys = [0, 1, 100, 101, 4_000].map((length) => 'k'.repeat(length));
    write(at.world, partition, ...keys.map((key) => `${key}=of ${key.length}`));
    for (const [offset, key] of keys.entries())
      expect(await get(key)).toBe(`found ${offset} ${key}=of ${key.length}`);
    const all = await at.done(at.lookups.getMany('articles', [...keys, 'no'].map(bytes)));
    expect(all.map(({ kind }) => kind)).toEqual([...keys.map(() => 'found'), 'absent']);
  });

  it('tells of a key that lives in several partitions, unless one is chosen', async () => {
    const partition = await at.table('articles', 3);
    write(at.world, partition, 'shirt=red');
    write(at.world, at.world.partitions.get('articles', 2)!, 'shirt=blue');
    expect(await get('shirt')).toBe('several 0:0 shirt=red 2:0 shirt=blue');
    expect(await get('shirt', { partition: 2 })).toBe('found 0 shirt=blue');
    expect(await get('shirt', { partition: 1 })).toBe('absent');
    write(at.world, partition, 'shirt!');
    expect(await get('shirt')).toBe('found 0 shirt=blue');
  });

  it('counts transactions when they are committed', async () => {
    const partition = await at.table();
    const client = await TransactionClient.ready(at.world);
    write(at.world, partition, 'shirt=red');
    await client.send('articles-0', 'shirt=blue');
    expect(await get('shirt')).toBe('found 0 shirt=red');
    await client.abort();
    expect(await get('shirt')).toBe('found 0 shirt=red');
    await client.send('articles-0', 'shirt=green');
    await client.commit();
    expect(await get('shirt')).toBe('found 3 shirt=green');
  });

  it('waits for an offset, and says what keeps it', async () => {
    const partition = await at.table();
    const client = await TransactionClient.ready(at.world, 2, 'till-7');
    await client.send('articles-0', 'shirt=blue');
    write(at.world, partition, 'shoe=black');
    const refusal = await at.done(refusalOf(at.lookups.get('articles', bytes('shoe'), { minOffset: 1 })));
    expect(refusal).toMatchObject({ reason: 'not-yet', indexedOffset: 0 });
    expect(refusal).toMatchObject({ blockedBy: expect.stringContaining('transactional id till-7') });
    const beyond = await at.done(refusalOf(at.lookups.get('articles', bytes('shoe'), { minOffset: 7 })));
    expect(beyond).toMatchObject({ reason: 'not-yet', blockedBy: 'the log ends at 2' });
    const waiting = at.lookups.get('articles', bytes('shoe'), { minOffset: 1 });
    await client.commit();
    expect(answered(await at.done(waiting))).toBe('found 1 shoe=black');
  });
});

describe('a page', () => {
  it('gives what lives in order of partition and offset, and where to go on', async () => {
    const partition = await at.table('articles', 2);
    write(at.world, partition, 'a=1', 'b=1', 'a=2', 'c=1', 'b!');
    write(at.world, at.world.partitions.get('articles', 1)!, 'd=1', 'e=1');
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const options: { limit: number; after?: string } = after === null ? { limit: 1 } : { limit: 1, after };
      const page = await at.done(at.lookups.page('articles', options));
      seen.push(...page.records.map((record) => `${record.partition}:${told(record)}`));
      after = page.next;
    } while (after !== null);
    expect(seen).toEqual(['0:2 a=2', '0:3 c=1', '1:0 d=1', '1:1 e=1']);
  });

  it('gives the keys that begin with a prefix', async () => {
    write(at.world, await at.table(), 'shirt-1=a', 'shoe-1=b', 'shirt-2=c');
    const { records, next } = await at.done(at.lookups.page('articles', { prefix: bytes('shirt') }));
    expect(records.map(told)).toEqual(['0 shirt-1=a', '2 shirt-2=c']);
    expect(next).toBeNull();
  });

  it('refuses a position that was not given out, or for another topic', async () => {
    write(at.world, await at.table(), 'a=1', 'b=2');
    write(at.world, await at.table('others'), 'a=1', 'b=2');
    const { next } = await at.done(at.lookups.page('others', { limit: 1 }));
    for (const after of ['', 'garbage', `${next}A`, `A${next!.slice(1)}`, next!])
      expect(await at.done(refusalOf(at.lookups.page('articles', { after })))).toEqual({
        reason: 'bad-request',
      });
  });
});

describe('a write', () => {
  it('goes where the key lives, else where the default partitioner puts it', async () => {
    await at.table('articles', 5);
    const home = await at.done(at.lookups.put('articles', bytes('shirt'), bytes('red')));
    expect(home).toMatchObject({ partition: 4, offset: 0, topicId: at.world.idOf('articles') });
    const stranger = (home.partition + 1) % 5;
    write(at.world, at.world.partitions.get('articles', stranger)!, 'shoe=black');
    const shoe = await at.done(at.lookups.put('articles', bytes('shoe'), bytes('brown')));
    expect(shoe).toMatchObject({ partition: stranger, offset: 1 });
    expect(await get('shoe')).toBe('found 1 shoe=brown');
    await at.done(at.lookups.put('articles', bytes('shoe'), null));
    expect(await get('shoe')).toBe('deleted 2 shoe!');
  });

  it('needs a partition where the key lives in several', async () => {
    const partition = await at.table('articles', 2);
    write(at.world, partition, 'shirt=red');
    write(at.world, at.world.partitions.get('articles', 1)!, 'shirt=blue');
    const refusal = await at.done(refusalOf(at.lookups.put('articles', bytes('shirt'), bytes('green'))));
    expect(refusal).toMatchObject({ reason: 'several', records: [{ partition: 0 }, { partition: 1 }] });
    await at.done(at.lookups.put('articles', bytes('shirt'), null, { partition: 0 }));
    expect(await get('shirt')).toBe('found 0 shirt=blue');
  });

  it('follows a key that moves to another partition while it waits for its turn', async () => {
    const partition = await at.table('articles', 2);
    const other = at.world.partitions.get('articles', 1)!;
    write(at.world, other, 'shirt=red');
    expect(await get('shirt')).toBe('found 0 shirt=red');
    const timestampMs = at.world.clock.nowMs();
    const large = other.append(batchOf([`hat=${'x'.repeat(300_000)}`], { timestampMs }), {
      origin: 'client',
    });
    const tombstone = buildBatch({ records: [{ timestampMs, key: bytes('shirt'), value: null }] });
    const moved = other.append(tombstone, { origin: 'client' });
    write(at.world, partition, 'shirt=blue');
    const written = at.done(at.lookups.put('articles', bytes('shirt'), bytes('green')));
    expect(await written).toMatchObject({ partition: 0, offset: 1 });
    await Promise.all([large, moved]);
    expect(await get('shirt')).toBe('found 1 shirt=green');
  });

  it('happens only if the newest record is the one that was expected, open transactions included', async () => {
    await at.table();
    const key = bytes('shirt');
    const put = (value: string, options = {}) =>
      at.done(at.lookups.put('articles', key, bytes(value), options));
    const first = await put('1', { ifNoneMatch: '*' });
    const current = { topicId: first.topicId, partition: 0, offset: 0 };
    expect(etagOf(first)).toBe(`"${first.topicId}-0-0"`);
    expect(await refusalOf(put('2', { ifNoneMatch: '*' }))).toEqual({ reason: 'precondition', current });
    const second = await put('2', { ifMatch: [first] });
    expect(await refusalOf(put('3', { ifMatch: [first] }))).toMatchObject({ current: { offset: 1 } });
    const client = await TransactionClient.ready(at.world);
    await client.send('articles-0', 'shirt=theirs');
    expect(await refusalOf(put('3', { ifMatch: [second] }))).toMatchObject({ current: { offset: 2 } });
    await client.abort();
    expect(await put('3', { ifMatch: [first, second] })).toMatchObject({ offset: 4 });
    await at.done(at.lookups.put('articles', key, null, { ifMatch: '*' }));
    expect(await refusalOf(put('4', { ifMatch: '*' }))).toMatchObject({ current: { offset: 5 } });
    expect(await put('4', { ifNoneMatch: '*' })).toMatchObject({ offset: 6 });
  });

  it('keeps headers and the time, or the time of the topic', async () => {
    await at.table();
    await at.table('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' });
    const headers = [
      { name: 'unit', value: bytes('cm') },
      { name: 'empty', value: null },
    ];
    const options = { headers, timestampMs: at.world.clock.nowMs() - 5_000 };
    for (const topic of ['articles', 'stamped'])
      await at.done(at.lookups.put(topic, bytes('k'), bytes('v'), options));
    const answer = await at.done(at.lookups.get('articles', bytes('k')));
    expect(answer).toMatchObject({ record: { headers, timestampMs: options.timestampMs } });
    const stamped = await at.done(at.lookups.get('stamped', bytes('k')));
    expect(stamped).toMatchObject({ record: { timestampMs: at.world.clock.nowMs() } });
  });
});
