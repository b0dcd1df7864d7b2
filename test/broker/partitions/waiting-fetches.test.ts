/** Long polls: when a fetch that found too little is answered. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { produceHandler } from '../../../broker/apis/data/produce.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { errors } from '../../../protocol/errors.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { type Asked, type FetchOptions, fetching, fetchNow, told } from '../apis/data/fetch-client.ts';
import { FakeConnection } from '../caller.ts';
import { appendNow, batchOf, World } from '../world.ts';

let world: World;
let orders: Partition;
beforeEach(async () => {
  world = await World.open();
  orders = await world.topic('orders', 3, { 'internal.segment.bytes': '1000' });
});
afterEach(async () => {
  expect(world.regions).toMatchObject({ open: 0, releasedTwice: 0 });
  await world.stop();
});

const all: Asked = { 'orders-0': 0, 'orders-1': 0, 'orders-2': 0 };
const partition = (index: number): Partition => world.partitions.get('orders', index)!;
const settle = () => world.clock.settle();
const batchBytes = batchOf(['0123456789']).length;

async function waiting(asked: Asked, options: FetchOptions = {}) {
  const fetch = fetching(world, asked, { maxWaitMs: 1_000, ...options });
  await settle();
  return fetch;
}

describe('a fetch waits', () => {
  test('until its time is up', async () => {
    const fetch = await waiting(all);
    await world.clock.advance(999);
    expect(fetch.answer).toBeUndefined();
    await world.clock.advance(1);
    expect(told(world, fetch.answer!)).toEqual({ 'orders-0': '', 'orders-1': '', 'orders-2': '' });
    expect(world.clock.pendingTimers).toBe((await idle()).timers);
  });

  test('until something is written to one of its partitions', async () => {
    const fetch = await waiting({ 'orders-0': 0, 'orders-1': 0 });
    appendNow(partition(2), 'not asked for');
    await settle();
    expect(fetch.answer).toBeUndefined();
    appendNow(partition(1), 'a');
    await settle();
    expect(told(world, fetch.answer!)).toEqual({ 'orders-0': '', 'orders-1': 'a' });
  });

  test('for as many bytes as it wants, in all of its partitions together', async () => {
    const fetch = await waiting(all, { minBytes: 3 * batchBytes });
    appendNow(partition(0), '0123456789');
    appendNow(partition(1), '0123456789');
    await settle();
    expect(fetch.answer).toBeUndefined();
    appendNow(partition(0), '0123456789');
    await settle();
    expect(told(world, fetch.answer!)).toEqual({
      'orders-0': '0123456789 0123456789',
      'orders-1': '0123456789',
      'orders-2': '',
    });
  });

  test('counting what was there already, whatever the limit of the whole left out', async () => {
    appendNow(partition(0), '0123456789');
    appendNow(partition(1), '0123456789'.repeat(20));
    // The second batch does not fit beside the first, but it counts.
    const fetch = await waiting(all, { minBytes: 2 * batchBytes, maxBytes: 2 * batchBytes });
    expect(told(world, fetch.answer!)['orders-0']).toBe('0123456789');
  });

  test('counting of a partition no more than the client takes from it', async () => {
    const fetch = await waiting(
      { 'orders-0': { offset: 0, maxBytes: batchBytes } },
      { minBytes: 2 * batchBytes },
    );
    for (let n = 0; n < 3; n++) appendNow(partition(0), '0123456789');
    await settle();
    expect(fetch.answer).toBeUndefined();
    await world.clock.advance(1_000);
    expect(told(world, fetch.answer!)['orders-0']).toBe('0123456789');
  });

  test('with its session: every partition of it counts', async () => {
    const { sessionId } = await fetchNow(world, all, { session: [0, 0] });
    const fetch = await waiting({}, { session: [sessionId, 1], minBytes: 2 * batchBytes });
    appendNow(partition(0), '0123456789');
    appendNow(partition(2), '0123456789');
    await settle();
    expect(Object.keys(told(world, fetch.answer!))).toEqual(['orders-0', 'orders-2']);
  });

  test('also when some of its partitions do not exist; with none that does it is answered at once', async () => {
    const some = await waiting({ 'orders-0': 0, 'orders-9': 0, 'nowhere-0': 0 });
    expect(some.answer).toBeUndefined();
    appendNow(orders, 'a');
    await settle();
    expect(told(world, some.answer!)).toMatchObject({ 'orders-0': 'a', '?-0': 'error 100' });
    const none = await waiting({ 'orders-9': 0, 'nowhere-0': 0 });
    expect(none.answer).toBeDefined();
  });
});

describe('a fetch does not wait', () => {
  test.each<[string, Asked, FetchOptions]>([
    ['when it does not want to', all, { maxWaitMs: 0 }],
    ['when it wants no bytes', all, { minBytes: 0 }],
    ['when an offset is out of range', { ...all, 'orders-0': 7 }, {}],
    ['when an epoch is not ours', { ...all, 'orders-0': { offset: 0, epoch: 9 } }, {}],
    ['when it asks for nothing', {}, {}],
  ])('%s', async (_when, asked, options) => {
    const fetch = await waiting(asked, options);
    expect(fetch.answer).toBeDefined();
  });

  test('for bytes of newer segments than the one it reads', async () => {
    for (let n = 0; n < 20; n++) appendNow(orders, '0123456789');
    expect(orders.log.segments().length).toBeGreaterThan(1);
    const last = orders.log.segments()[0]!.nextOffset - 1;
    const fetch = await waiting({ 'orders-0': last }, { minBytes: 1_000 });
    expect(told(world, fetch.answer!)['orders-0']).toBe('0123456789');
  });
});

describe('a waiting fetch is answered', () => {
  test('when a topic is deleted', async () => {
    const fetch = await waiting(all);
    const other = await world.topic('other');
    expect(other).toBeDefined();
    await world.deleteTopic('orders');
    await settle();
    expect(told(world, fetch.answer!)).toEqual({
      '?-0': 'error 100',
      '?-1': 'error 100',
      '?-2': 'error 100',
    });
  });

  test('when the log start moves past its offset', async () => {
    appendNow(orders, 'a');
    appendNow(orders, 'b');
    const fetch = await waiting({ 'orders-0': 2 });
    await orders.log.deleteRecordsBefore(2);
    await settle();
    expect(fetch.answer!.responses[0]!.partitions[0]).toMatchObject({ logStartOffset: 2, errorCode: 0 });
  });

  test('when a new leader epoch begins', async () => {
    const fetch = await waiting({ 'orders-0': { offset: 0, epoch: 0 } });
    orders.beginLeaderEpoch(4);
    await settle();
    expect(told(world, fetch.answer!)['orders-0']).toBe(`error ${errors.fencedLeaderEpoch.code}`);
  });

  test('when the log is cut', async () => {
    appendNow(orders, 'a');
    const fetch = await waiting({ 'orders-0': 1 });
    await orders.log.truncateTo(0);
    await settle();
    expect(told(world, fetch.answer!)['orders-0']).toBe(`error ${errors.offsetOutOfRange.code}`);
  });

  test('once for a Produce of many partitions, with all that it wrote', async () => {
    const fetch = await waiting(all);
    let reads = 0;
    for (const index of [0, 1, 2]) {
      const { log } = partition(index);
      const read = log.read;
      log.read = (offset, options) => {
        reads += 1;
        return read(offset, options);
      };
    }
    const produced = world.ask(produceHandler, 9, {
      acks: -1,
      timeoutMs: 1_000,
      topicData: [
        {
          name: 'orders',
          partitionData: [0, 1, 2].map((index) => ({ index, records: batchOf([`${index}`]) })),
        },
      ],
    });
    await produced;
    await settle();
    expect(told(world, fetch.answer!)).toEqual({ 'orders-0': '0', 'orders-1': '1', 'orders-2': '2' });
    // Each was looked at once and read once.
    expect(reads).toBe(6);
  });
});

test('a fetch whose connection closes is dropped', async () => {
  const before = await idle();
  const connection = new FakeConnection();
  const fetch = await waiting(all, { connection });
  connection.close();
  await settle();
  expect(fetch.answer).toBe(null);
  expect(await idle()).toEqual(before);
  appendNow(orders, 'a');
  // One that is closed already does not even begin to wait.
  const late = await waiting({ 'orders-1': 0 }, { connection });
  expect(late.answer).toBe(null);
});

test('a fetch whose log breaks while it waits fails', async () => {
  const { timers } = await idle();
  const fetch = await waiting(all);
  orders.log.read = () => {
    throw new Error('a bug');
  };
  appendNow(orders, 'a');
  await expect(fetch.promise).rejects.toThrow('a bug');
  expect(await idle()).toEqual({ timers });
});

test('under fsync it is answered when the records are on disk', async () => {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  const synced = await World.open({ clock, files, durability: { kind: 'fsync' } });
  const topic = await synced.topic('t');
  const slow = files.delay('sync', 10);
  const fetch = fetching(synced, { 't-0': 0 }, { maxWaitMs: 1_000 });
  await clock.settle();
  void topic.append(batchOf(['a']), { origin: 'client' });
  await clock.advance(9);
  expect(fetch.answer).toBeUndefined();
  expect(told(synced, await fetchNow(synced, { 't-0': 0 }))).toEqual({ 't-0': '' });
  await clock.advance(50);
  expect(told(synced, fetch.answer!)).toEqual({ 't-0': 'a' });
  slow.stop();
  expect(synced.regions).toMatchObject({ open: 0, releasedTwice: 0 });
  await synced.stop();
});

/** What is left of waits. */
async function idle() {
  await settle();
  return { timers: world.clock.pendingTimers };
}
