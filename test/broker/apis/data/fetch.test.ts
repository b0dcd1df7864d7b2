import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fetchHandler } from '../../../../broker/apis/data/fetch.ts';
import type { Partition } from '../../../../broker/partitions/partition.ts';
import { errors } from '../../../../protocol/errors.ts';
import { buildEndTransactionMarker } from '../../../../protocol/records/control.ts';
import { FakeConnection, refusalOf } from '../../caller.ts';
import { appendNow, batchOf, World } from '../../world.ts';
import { fetching, fetchNow, onlyPartition, told, valuesOf } from './fetch-client.ts';

let world: World;
let orders: Partition;
beforeEach(async () => {
  world = await World.open();
  orders = await world.topic('orders', 3);
});
afterEach(async () => {
  expect(world.regions).toMatchObject({ open: 0, releasedTwice: 0 });
  await world.stop();
});

const batchBytes = batchOf(['0123456789']).length;

describe('a fetch', () => {
  test.each([4, 12, 13, 18])('gives records from the offset on, at version %i', async (version) => {
    appendNow(orders, 'a');
    appendNow(orders, 'b');
    const answer = await fetchNow(world, { 'orders-0': 1 }, { version });
    expect(told(world, answer)).toEqual({ 'orders-0': 'b' });
    expect(onlyPartition(answer)).toMatchObject({
      errorCode: 0,
      highWatermark: 2,
      lastStableOffset: 2,
      logStartOffset: version >= 5 ? 0 : -1,
      abortedTransactions: null,
    });
  });

  test('gives the batch that holds the offset whole', async () => {
    appendNow(orders, 'a', 'b', 'c');
    expect(told(world, await fetchNow(world, { 'orders-0': 1 }))).toEqual({ 'orders-0': 'a b c' });
  });

  test('at the end gives nothing, beyond it or before the start OFFSET_OUT_OF_RANGE', async () => {
    appendNow(orders, 'a', 'b');
    await orders.log.deleteRecordsBefore(1);
    const answers = await Promise.all([0, 1, 2, 3].map((offset) => fetchNow(world, { 'orders-0': offset })));
    const out = `error ${errors.offsetOutOfRange.code}`;
    expect(answers.map((answer) => told(world, answer)['orders-0'])).toEqual([out, 'a b', '', out]);
    expect(onlyPartition(answers[0]!)).toMatchObject({
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
    });
  });

  test('knows topics and partitions, by name and by id', async () => {
    const byName = await fetchNow(world, { 'orders-9': 0, 'nowhere-0': 0 }, { version: 12 });
    const { code } = errors.unknownTopicOrPartition;
    expect(told(world, byName)).toEqual({ 'orders-9': `error ${code}`, 'nowhere-0': `error ${code}` });
    const byId = await fetchNow(world, { 'orders-9': 0, 'nowhere-0': 0 });
    expect(told(world, byId)).toEqual({
      'orders-9': `error ${code}`,
      '?-0': `error ${errors.unknownTopicId.code}`,
    });
  });

  test('of a partition that is named twice reads it once, where it was named last', async () => {
    appendNow(orders, 'a');
    appendNow(orders, 'b');
    const partition = (fetchOffset: number) => ({ partition: 0, fetchOffset, partitionMaxBytes: 1_000 });
    const { fetchHandler } = await import('../../../../broker/apis/data/fetch.ts');
    const topic = { topicId: world.idOf('orders'), partitions: [partition(0), partition(1)] };
    const answer = await world.ask(fetchHandler, 17, {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel: 0,
      topics: [topic],
      forgottenTopicsData: [],
      rackId: '',
    });
    expect(answer!.responses[0]!.partitions.map(({ records }) => valuesOf(records!))).toEqual([['b']]);
  });

  test('from a broker that follows is refused: there is none', async () => {
    appendNow(orders, 'a');
    const { code } = errors.notLeaderOrFollower;
    for (const version of [12, 17]) {
      const answer = await fetchNow(world, { 'orders-0': 0 }, { version, replicaId: 5 });
      expect(told(world, answer)).toEqual({ 'orders-0': `error ${code}` });
      const leader = { leaderId: version < 16 ? -1 : world.cluster.state.nodeId };
      expect(onlyPartition(answer).currentLeader).toMatchObject(leader);
    }
  });

  test('of an epoch that is over is told the present one and where it is, from v16 on (KIP-951)', async () => {
    orders.beginLeaderEpoch(3);
    const ask = (version: number) => fetchNow(world, { 'orders-0': { offset: 0, epoch: 1 } }, { version });
    const answer = await ask(16);
    expect(onlyPartition(answer)).toMatchObject({
      errorCode: errors.fencedLeaderEpoch.code,
      currentLeader: { leaderId: world.cluster.state.nodeId, leaderEpoch: 3 },
    });
    expect(answer.nodeEndpoints).toMatchObject([{ host: 'localhost', port: 9092 }]);
    expect((await ask(15)).nodeEndpoints).toEqual([]);
  });

  test('answers what is there first', async () => {
    appendNow(orders, 'a');
    const asked = { 'nowhere-0': 0, 'orders-7': 0, 'orders-0': 0 };
    const places = async (version: number) =>
      Object.keys(told(world, await fetchNow(world, asked, { version })));
    expect(await places(12)).toEqual(['orders-0', 'nowhere-0', 'orders-7']);
    expect(await places(13)).toEqual(['orders-0', '?-0', 'orders-7']);
  });

  test('with an isolation level that does not exist is refused', async () => {
    const ask = world.ask(fetchHandler, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 2,
      topics: [],
      forgottenTopicsData: [],
    });
    await expect(ask).rejects.toMatchObject({ code: errors.invalidRequest.code });
  });

  test('refused as a whole says so at each partition, unless it names topics by id', () => {
    const body = {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 0,
      forgottenTopicsData: [],
      topics: [
        {
          topic: 'orders',
          topicId: world.idOf('orders'),
          partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }],
        },
      ],
    };
    expect(refusalOf(fetchHandler, 4, body, 42)).toMatchObject({
      responses: [{ topic: 'orders', partitions: [{ partitionIndex: 0, errorCode: 42, highWatermark: -1 }] }],
    });
    expect(refusalOf(fetchHandler, 13, body, 42)).toMatchObject({ errorCode: 42, responses: [] });
  });

  test('of a broken disk says so in the words that its client knows', async () => {
    const { code } = errors.kafkaStorageError;
    orders.log.read = () => ({ ok: false, errorCode: code });
    const newer = await fetchNow(world, { 'orders-0': 0 }, { version: 6 });
    const older = await fetchNow(world, { 'orders-0': 0 }, { version: 5 });
    expect([newer, older].map((answer) => onlyPartition(answer).errorCode)).toEqual([
      code,
      errors.notLeaderOrFollower.code,
    ]);
  });

  test('that fails half-way lets go of what it has read', async () => {
    appendNow(orders, 'a');
    appendNow(world.partitions.get('orders', 1)!, 'b');
    world.partitions.get('orders', 1)!.log.read = () => {
      throw new Error('a bug');
    };
    await expect(fetchNow(world, { 'orders-0': 0, 'orders-1': 0 })).rejects.toThrow('a bug');
  });
});

describe('limits', () => {
  beforeEach(() => {
    for (const index of [0, 1, 2])
      for (let n = 0; n < 3; n++) appendNow(world.partitions.get('orders', index)!, '0123456789');
  });
  const all = { 'orders-0': 0, 'orders-1': 0, 'orders-2': 0 };
  const sizes = async (asked: Parameters<typeof fetchNow>[1], maxBytes?: number) => {
    const answer = await fetchNow(world, asked, maxBytes === undefined ? {} : { maxBytes });
    return answer.responses.flatMap(({ partitions }) => partitions.map(({ records }) => records!.length));
  };

  test('of the whole are spent partition by partition', async () => {
    expect(await sizes(all)).toEqual([3 * batchBytes, 3 * batchBytes, 3 * batchBytes]);
    expect(await sizes(all, 4 * batchBytes)).toEqual([3 * batchBytes, batchBytes, 0]);
    // The last batch of an answer may be a part.
    expect(await sizes(all, 4 * batchBytes + 10)).toEqual([3 * batchBytes, batchBytes + 10, 0]);
  });

  test('give the first partition that has anything its first batch whole (KIP-74)', async () => {
    expect(await sizes(all, 1)).toEqual([batchBytes, 0, 0]);
    expect(await sizes(all, 0)).toEqual([batchBytes, 0, 0]);
    expect(await sizes({ ...all, 'orders-0': 3 }, 1)).toEqual([0, batchBytes, 0]);
    const tiny = { offset: 0, maxBytes: 1 };
    expect(await sizes({ 'orders-0': tiny, 'orders-1': tiny })).toEqual([batchBytes, 0]);
  });

  test('of a partition hold beside that of the whole', async () => {
    const part = { offset: 0, maxBytes: 2 * batchBytes };
    expect(await sizes({ 'orders-0': part, 'orders-1': part }, 3 * batchBytes)).toEqual([
      2 * batchBytes,
      batchBytes,
    ]);
  });

  test('of two gigabytes are cut to fetch.max.bytes', async () => {
    world.settings['fetch.max.bytes'] = 2 * batchBytes;
    const huge = { offset: 0, maxBytes: 0x7fffffff };
    expect(await sizes({ 'orders-0': huge, 'orders-1': huge }, 0x7fffffff)).toEqual([2 * batchBytes, 0]);
  });
});

describe('leader epochs (KIP-320)', () => {
  test('must be the present one, if any is given', async () => {
    await world.cluster.controller.bumpLeaderEpochs([{ topic: 'orders', partition: 0, atLeast: 5 } as never]);
    const { leaderEpoch } = orders;
    expect(leaderEpoch).toBeGreaterThanOrEqual(1);
    appendNow(orders, 'a');
    const ask = async (epoch: number) =>
      told(world, await fetchNow(world, { 'orders-0': { offset: 0, epoch } }));
    expect(await ask(-1)).toEqual({ 'orders-0': 'a' });
    expect(await ask(leaderEpoch)).toEqual({ 'orders-0': 'a' });
    expect(await ask(leaderEpoch - 1)).toEqual({ 'orders-0': `error ${errors.fencedLeaderEpoch.code}` });
    expect(await ask(leaderEpoch + 1)).toEqual({ 'orders-0': `error ${errors.unknownLeaderEpoch.code}` });
  });

  test('tell a reader that has read past a truncation where that was', async () => {
    appendNow(orders, 'a');
    appendNow(orders, 'b');
    await orders.log.truncateTo(1);
    orders.beginLeaderEpoch(3);
    appendNow(orders, 'c');
    const ask = async (offset: number, lastFetchedEpoch: number) =>
      onlyPartition(await fetchNow(world, { 'orders-0': { offset, lastFetchedEpoch } }));
    // Epoch 0 ended at 1: whoever read two records of it is too far.
    expect(await ask(2, 0)).toMatchObject({
      errorCode: 0,
      divergingEpoch: { epoch: 0, endOffset: 1 },
      highWatermark: 2,
      records: Buffer.alloc(0),
    });
    expect(await ask(1, 0)).toMatchObject({ divergingEpoch: { epoch: -1, endOffset: -1 } });
    expect((await ask(1, 0)).records!.length).toBeGreaterThan(0);
    expect(await ask(2, 3)).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: -1 } });
    // An epoch between two known ones ended where the one below it did.
    expect(await ask(2, 2)).toMatchObject({ divergingEpoch: { epoch: 0, endOffset: 1 } });
    expect(await ask(1, 9)).toMatchObject({ errorCode: errors.offsetOutOfRange.code });
    await orders.log.deleteRecordsBefore(1);
    expect(await ask(0, 0)).toMatchObject({ errorCode: errors.offsetOutOfRange.code });
  });
});

describe('read_committed', () => {
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true };
  const inTransaction = (value: string, baseSequence: number) =>
    orders.append(batchOf([value], { ...producer, baseSequence }), { origin: 'coordinator' });
  const end = (committed: boolean) =>
    orders.append(
      buildEndTransactionMarker({
        timestampMs: 1,
        producerId: 7,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        committed,
      }),
      { origin: 'coordinator' },
    );

  test('ends at the last stable offset and names aborted transactions', async () => {
    appendNow(orders, 'plain');
    inTransaction('open', 0);
    const stable = onlyPartition(await fetchNow(world, { 'orders-0': 0 }, { readCommitted: true }));
    expect(stable).toMatchObject({ highWatermark: 2, lastStableOffset: 1, abortedTransactions: [] });
    expect(valuesOf(stable.records!)).toEqual(['plain']);
    const all = onlyPartition(await fetchNow(world, { 'orders-0': 0 }));
    expect(all.abortedTransactions).toBe(null);
    expect(valuesOf(all.records!)).toEqual(['plain', 'open']);
    end(false);
    const aborted = onlyPartition(await fetchNow(world, { 'orders-0': 0 }, { readCommitted: true }));
    expect(aborted).toMatchObject({
      lastStableOffset: 3,
      abortedTransactions: [{ producerId: 7, firstOffset: 1 }],
    });
  });
});

test('a fetch of 100,000 partitions is answered in turns of the loop', async () => {
  const count = 100_000;
  const wide = await World.open();
  for (let n = 0; n < 20; n++) await wide.topic(`wide${n}`, 5_000);
  const { fetchHandler } = await import('../../../../broker/apis/data/fetch.ts');
  appendNow(wide.partitions.get('wide19', 4_999)!, 'the last');
  const partitions = Array.from({ length: 5_000 }, (_, partition) => ({
    partition,
    fetchOffset: 0,
    partitionMaxBytes: 1_000,
  }));
  const request = {
    maxWaitMs: 500,
    minBytes: 1,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: 0,
    topics: Array.from({ length: 20 }, (_, n) => ({ topicId: wide.idOf(`wide${n}`), partitions })),
    forgottenTopicsData: [],
    rackId: '',
  };
  let turns = 0;
  const { defer } = wide.clock;
  wide.clock.defer = (callback) => {
    turns += 1;
    defer.call(wide.clock, callback);
  };
  const asked = wide.ask(fetchHandler, 17, request);
  await wide.clock.settle();
  const answer = await asked;
  expect(answer!.responses.reduce((sum, { partitions }) => sum + partitions.length, 0)).toBe(count);
  expect(turns).toBeGreaterThanOrEqual(count / 2_000 - 1);

  // The session goes on with nothing to say, until somebody writes.
  turns = 0;
  const next = { ...request, sessionId: answer!.sessionId, sessionEpoch: 1, topics: [] };
  const last = {
    topicId: wide.idOf('wide19'),
    partitions: [{ ...partitions[0]!, partition: 4_999, fetchOffset: 1 }],
  };
  const waiting = wide.ask(fetchHandler, 17, { ...next, topics: [last] });
  let isDone = false;
  void waiting.then(() => {
    isDone = true;
  });
  await wide.clock.settle();
  expect([isDone, turns > 90]).toEqual([false, true]);
  appendNow(wide.partitions.get('wide3', 7)!, 'here');
  await wide.clock.settle();
  expect(told(wide, (await waiting)!)).toEqual({ 'wide3-7': 'here' });
  expect(wide.regions).toMatchObject({ open: 0, releasedTwice: 0 });
  await wide.stop();
}, 60_000);

describe('a fetch from a slow disk', () => {
  /** As if what it wants were on a disk; gives what lets it come. */
  function slowDisk(partition: Partition): () => void {
    let come = (): void => {};
    const coming = new Promise<void>((resolve) => (come = resolve));
    partition.readNow = () => null;
    partition.reach = () => coming;
    return come;
  }

  test('is answered when that has come, its partitions in the order asked', async () => {
    const another = world.partitions.get('orders', 1)!;
    appendNow(another, 'warm');
    appendNow(orders, 'cold');
    const come = slowDisk(orders);
    const fetch = fetching(world, { 'orders-1': 0, 'orders-0': 0, 'orders-2': 0 });
    await world.clock.settle();
    expect(fetch.answer).toBeUndefined();
    expect(world.regions.open).toBe(1);
    come();
    const answer = await fetch.promise;
    expect(told(world, answer!)).toEqual({ 'orders-1': 'warm', 'orders-0': 'cold', 'orders-2': '' });
  });

  test('of a topic that is deleted meanwhile hears so', async () => {
    appendNow(orders, 'cold');
    const come = slowDisk(orders);
    const fetch = fetching(world, { 'orders-0': 0 }, { version: 12 });
    await world.clock.settle();
    await world.deleteTopic('orders');
    come();
    const { code } = errors.unknownTopicOrPartition;
    expect(told(world, (await fetch.promise)!)).toEqual({ 'orders-0': `error ${code}` });
  });

  test('keeps nothing for a client that has gone', async () => {
    const another = world.partitions.get('orders', 1)!;
    appendNow(another, 'warm');
    const come = slowDisk(orders);
    const connection = new FakeConnection();
    const fetch = fetching(world, { 'orders-1': 0, 'orders-0': 0 }, { connection });
    await world.clock.settle();
    connection.close(false);
    come();
    expect(await fetch.promise).toBeNull();
    expect(world.regions.open).toBe(0);
  });

  test('asks once whether the partition is to be refused', async () => {
    appendNow(orders, 'cold');
    slowDisk(orders)();
    let asked = 0;
    const partitionRefusal = (): number => {
      asked++;
      return errors.none.code;
    };
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }];
    const request = { maxWaitMs: 0, minBytes: 1, isolationLevel: 0, forgottenTopicsData: [], rackId: '' };
    const topics = [{ topicId: world.idOf('orders'), partitions }];
    await world.ask(fetchHandler, 17, { ...request, topics }, { partitionRefusal });
    expect(asked).toBe(1);
  });
});
