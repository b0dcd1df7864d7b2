/** ListOffsets, OffsetForLeaderEpoch, DeleteRecords and DescribeProducers. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deleteRecordsHandler } from '../../../../broker/apis/data/delete-records.ts';
import { describeProducersHandler } from '../../../../broker/apis/data/describe-producers.ts';
import { listOffsetsHandler } from '../../../../broker/apis/data/list-offsets.ts';
import { offsetForLeaderEpochHandler } from '../../../../broker/apis/data/offset-for-leader-epoch.ts';
import type { Partition } from '../../../../broker/partitions/partition.ts';
import { errors } from '../../../../protocol/errors.ts';
import { FileError } from '../../../../storage/environment/files.ts';
import { appendNow, batchOf, expectAppended, World } from '../../world.ts';

let world: World;
let orders: Partition;
beforeEach(async () => {
  world = await World.open();
  orders = await world.topic('orders', 2);
});
afterEach(async () => {
  expect(world.regions).toMatchObject({ open: 0, releasedTwice: 0 });
  await world.stop();
});

const at = (timestampMs: number, ...values: string[]) =>
  expectAppended(orders.append(batchOf(values, { timestampMs }), { origin: 'client' }));
const openTransaction = () =>
  orders.append(
    batchOf(['open'], {
      timestampMs: 9_000,
      producerId: 7,
      producerEpoch: 2,
      baseSequence: 0,
      isTransactional: true,
    }),
    { origin: 'coordinator' },
  );

describe('ListOffsets', () => {
  interface ListOptions {
    readonly version?: number;
    readonly topic?: string;
    readonly index?: number;
    readonly epoch?: number;
    readonly readCommitted?: boolean;
    readonly replicaId?: number;
  }
  const list = async (timestamps: readonly number[], options: ListOptions = {}) => {
    const { version = 11, topic = 'orders', index = 0, epoch = -1, readCommitted = false } = options;
    const answers = [];
    for (const timestamp of timestamps) {
      const answer = await world.ask(listOffsetsHandler, version, {
        replicaId: options.replicaId ?? -1,
        ...(version >= 2 ? { isolationLevel: readCommitted ? 1 : 0 } : {}),
        topics: [
          {
            name: topic,
            partitions: [
              { partitionIndex: index, timestamp, ...(version >= 4 ? { currentLeaderEpoch: epoch } : {}) },
            ],
          },
        ],
      });
      const [found] = answer!.topics[0]!.partitions;
      answers.push(found!.errorCode === 0 ? [found!.offset, found!.timestamp] : `error ${found!.errorCode}`);
    }
    return answers;
  };

  beforeEach(() => {
    at(1_000, 'a', 'b');
    at(5_000, 'c');
    at(3_000, 'd');
  });

  test('knows the places that have names', async () => {
    expect(await list([-1, -2, -3, -4, -5, -6])).toEqual([
      [4, -1],
      [0, -1],
      [2, 5_000],
      [0, -1],
      [-1, -1],
      [-1, -1],
    ]);
    await orders.log.deleteRecordsBefore(2);
    expect(await list([-2, -4])).toEqual([
      [2, -1],
      [2, -1],
    ]);
  });

  test('finds the first record at or after a moment', async () => {
    expect(await list([0, 1_000, 1_001, 1_002, 5_000, 5_001])).toEqual([
      [0, 1_000],
      [0, 1_000],
      [1, 1_001],
      [2, 5_000],
      [2, 5_000],
      [-1, -1],
    ]);
  });

  test('knows each name from its version on', async () => {
    const unsupported = `error ${errors.unsupportedVersion.code}`;
    const newest = { '-1': 1, '-2': 1, '-3': 7, '-4': 8, '-5': 9, '-6': 11 };
    for (const [timestamp, version] of Object.entries(newest)) {
      const [known] = await list([Number(timestamp)], { version });
      expect(known).not.toBe(unsupported);
      if (version > 1)
        expect(await list([Number(timestamp)], { version: version - 1 })).toEqual([unsupported]);
    }
    expect(await list([-7])).toEqual([unsupported]);
  });

  test('tells the leader epoch of what it found', async () => {
    orders.beginLeaderEpoch(6);
    const ask = async (timestamp: number, index = 0) => {
      const answer = await world.ask(listOffsetsHandler, 11, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: 'orders', partitions: [{ partitionIndex: index, timestamp }] }],
      });
      return answer!.topics[0]!.partitions[0]!.leaderEpoch;
    };
    expect([await ask(-1), await ask(-2), await ask(-3), await ask(1_001)]).toEqual([6, 0, 0, 0]);
    // Nobody has written to the other one: what comes will be of the present epoch.
    expect([await ask(-1, 1), await ask(-2, 1), await ask(-3, 1)]).toEqual([0, 0, -1]);
  });

  test('of read_committed ends at the last stable offset', async () => {
    openTransaction();
    const committed = { readCommitted: true };
    expect(await list([-1, 9_000, -3, 5_000], committed)).toEqual([
      [4, -1],
      [-1, -1],
      [-1, -1],
      [2, 5_000],
    ]);
    expect(await list([-1, 9_000, -3])).toEqual([
      [5, -1],
      [4, 9_000],
      [4, 9_000],
    ]);
    // A replica, or who looks at a broker as one, sees all.
    expect(await list([-1], { ...committed, replicaId: -2 })).toEqual([[5, -1]]);
  });

  test('knows partitions and epochs', async () => {
    const { unknownTopicOrPartition, fencedLeaderEpoch, unknownLeaderEpoch } = errors;
    expect(await list([-1], { topic: 'nowhere' })).toEqual([`error ${unknownTopicOrPartition.code}`]);
    expect(await list([-1], { index: 9 })).toEqual([`error ${unknownTopicOrPartition.code}`]);
    expect(await list([-1], { epoch: 4 })).toEqual([`error ${unknownLeaderEpoch.code}`]);
    orders.beginLeaderEpoch(3);
    expect(await list([-1], { epoch: 0 })).toEqual([`error ${fencedLeaderEpoch.code}`]);
    expect(await list([-1], { epoch: 3 })).toEqual([[4, -1]]);
  });

  test('refuses a partition that is named twice, once', async () => {
    const partitions = [
      { partitionIndex: 0, timestamp: -1 },
      { partitionIndex: 1, timestamp: -1 },
      { partitionIndex: 0, timestamp: -2 },
    ];
    const answer = await world.ask(listOffsetsHandler, 8, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'orders', partitions }],
    });
    const { code } = errors.invalidRequest;
    const answers = answer!.topics[0]!.partitions.map(({ partitionIndex, errorCode }) => [
      partitionIndex,
      errorCode,
    ]);
    expect(answers).toEqual([
      [0, code],
      [1, 0],
    ]);
  });

  test('answers a topic that is named twice once, and one without partitions not at all', async () => {
    const partitions = [{ partitionIndex: 0, timestamp: -1 }];
    const answer = await world.ask(listOffsetsHandler, 8, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [
        { name: 'orders', partitions },
        { name: 'orders', partitions },
        { name: 'other', partitions: [] },
      ],
    });
    expect(answer!.topics).toMatchObject([
      { name: 'orders', partitions: [{ partitionIndex: 0, errorCode: errors.invalidRequest.code }] },
    ]);
  });

  test('takes every epoch but -1 for one to be checked', async () => {
    expect(await list([-1], { epoch: -2 })).toEqual([`error ${errors.fencedLeaderEpoch.code}`]);
    expect(await list([-1], { epoch: -1 })).toEqual([[4, -1]]);
  });

  test('says so where a log cannot be read, and answers the others', async () => {
    orders.log.offsetForTimestamp = () => {
      throw new FileError('EIO', '/data', 'read');
    };
    expect(await list([1_000])).toEqual([`error ${errors.kafkaStorageError.code}`]);
    expect(await list([1_000], { index: 1 })).toEqual([[-1, -1]]);
  });
});

test('OffsetForLeaderEpoch tells where an epoch ended', async () => {
  at(1, 'a', 'b');
  orders.beginLeaderEpoch(3);
  at(2, 'c');
  orders.beginLeaderEpoch(5);
  const ask = async (leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) => {
    const answer = await world.ask(offsetForLeaderEpochHandler, 4, {
      replicaId: -1,
      topics: [{ topic: 'orders', partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
    });
    const [found] = answer!.topics[0]!.partitions;
    return found!.errorCode === 0 ? [found!.leaderEpoch, found!.endOffset] : `error ${found!.errorCode}`;
  };
  expect(await Promise.all([0, 2, 3, 5].map((epoch) => ask(epoch)))).toEqual([
    [0, 2],
    [0, 2],
    [3, 3],
    [5, 3],
  ]);
  expect(await ask(6)).toEqual([-1, -1]);
  expect(await ask(-1)).toEqual([-1, -1]);
  expect(await ask(3, 5)).toEqual([3, 3]);
  expect(await ask(3, 4)).toBe(`error ${errors.fencedLeaderEpoch.code}`);
  expect(await ask(3, 6)).toBe(`error ${errors.unknownLeaderEpoch.code}`);
  expect(await ask(0, -1, 9)).toBe(`error ${errors.unknownTopicOrPartition.code}`);
  // Nothing was ever written there.
  expect(await ask(0, -1, 1)).toEqual([0, 0]);
  expect(await ask(-2, -1, 1)).toEqual([-2, 0]);
  expect(await ask(-1, -1, 1)).toEqual([-1, -1]);
});

describe('DeleteRecords', () => {
  const deleteBefore = async (offset: number, topic = 'orders', partitionIndex = 0) => {
    const answer = await world.ask(deleteRecordsHandler, 2, {
      timeoutMs: 1_000,
      topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
    });
    const [done] = answer!.topics[0]!.partitions;
    return done!.errorCode === 0 ? done!.lowWatermark : `error ${done!.errorCode}`;
  };

  test('moves the log start up, never down and never past the high watermark', async () => {
    appendNow(orders, 'a');
    appendNow(orders, 'b');
    appendNow(orders, 'c');
    expect(await deleteBefore(1)).toBe(1);
    expect(await deleteBefore(0)).toBe(1);
    const out = `error ${errors.offsetOutOfRange.code}`;
    expect([await deleteBefore(4), await deleteBefore(-2)]).toEqual([out, out]);
    expect(orders.logStartOffset).toBe(1);
    expect(await deleteBefore(-1)).toBe(3);
    expect(orders.logStartOffset).toBe(3);
  });

  test('counts the last offset of a partition that is named twice, and answers no topic without partitions', async () => {
    appendNow(orders, 'a');
    appendNow(orders, 'b');
    const offsets = [2, 1].map((offset) => ({ partitionIndex: 0, offset }));
    const answer = await world.ask(deleteRecordsHandler, 2, {
      timeoutMs: 1_000,
      topics: [
        { name: 'orders', partitions: offsets },
        { name: 'other', partitions: [] },
      ],
    });
    expect(answer!.topics).toMatchObject([
      { name: 'orders', partitions: [{ partitionIndex: 0, lowWatermark: 1, errorCode: 0 }] },
    ]);
  });

  test('knows which topics it may cut', async () => {
    await world.topic('compacted', 1, { 'cleanup.policy': 'compact' });
    await world.topic('both', 1, { 'cleanup.policy': 'compact,delete' });
    await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
    expect(await deleteBefore(-1, 'compacted')).toBe(`error ${errors.policyViolation.code}`);
    expect(await deleteBefore(-1, 'both')).toBe(0);
    expect(await deleteBefore(-1, '__consumer_offsets')).toBe(`error ${errors.invalidTopicException.code}`);
    expect(await deleteBefore(-1, 'nowhere')).toBe(`error ${errors.unknownTopicOrPartition.code}`);
    expect(await deleteBefore(-1, 'orders', 9)).toBe(`error ${errors.unknownTopicOrPartition.code}`);
  });
});

test('DescribeProducers tells who writes', async () => {
  openTransaction();
  appendNow(orders, 'a');
  const answer = await world.ask(describeProducersHandler, 0, {
    topics: [
      { name: 'orders', partitionIndexes: [0, 9] },
      { name: 'nowhere', partitionIndexes: [0] },
      { name: 'not/legal', partitionIndexes: [0] },
    ],
  });
  const { unknownTopicOrPartition, invalidTopicException } = errors;
  expect(answer!.topics.map(({ partitions }) => partitions)).toMatchObject([
    [
      {
        errorCode: 0,
        activeProducers: [
          {
            producerId: 7,
            producerEpoch: 2,
            lastSequence: 0,
            lastTimestamp: 9_000,
            coordinatorEpoch: -1,
            currentTxnStartOffset: 0,
          },
        ],
      },
      { errorCode: unknownTopicOrPartition.code, errorMessage: null },
    ],
    [{ errorCode: unknownTopicOrPartition.code }],
    [{ errorCode: invalidTopicException.code }],
  ]);
  expect(answer!.topics[2]!.partitions[0]!.errorMessage).toMatch(/^Topic name is invalid: /);
});
