/** Errors of single partitions and topics: they stand in their places, and everything else is done. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import { describeConfigs } from '../../../protocol/messages/configs/describe-configs.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../protocol/messages/data/list-offsets.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../../protocol/messages/topics/delete-topics.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import { addPartitionsToTxn } from '../../../protocol/messages/transactions/add-partitions-to-txn.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { oneRecord, type Peer, type PeerWorld, peerWorld } from './peer.ts';
import { endOffsets, toFetch, toProduce } from './requests.ts';

let world: PeerWorld;
let peer: Peer;

beforeEach(async () => {
  world = await peerWorld();
  peer = world.peer();
  // Groups have their coordinator with the first who asks for it.
  await peer.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
});
afterEach(() => world.stop());

const { code: notLeader } = errors.notLeaderOrFollower;

const send = (topics: Record<string, readonly number[]>, acks = 1, by = peer) =>
  by.ask(produce, 9, toProduce(topics, acks));

/** 'topic-partition' and its error, of each partition in the answer. */
const codes = (answer: Awaited<ReturnType<typeof send>>) =>
  Object.fromEntries(
    answer!.responses.flatMap(({ name, partitionResponses }) =>
      partitionResponses.map(({ index, errorCode }) => [`${name}-${index}`, errorCode]),
    ),
  );

describe('an error for one partition', () => {
  beforeEach(async () => {
    await world.topic('a', 3);
    await world.topic('b');
  });

  it('of a Produce stands there, and the others are written', async () => {
    const fault = world.broker.fault({
      api: 'Produce',
      topic: 'a',
      partition: 1,
      error: 'NOT_LEADER_OR_FOLLOWER',
    });
    expect(codes(await send({ a: [0, 1, 2], b: [0] }))).toEqual({
      'a-0': 0,
      'a-1': notLeader,
      'a-2': 0,
      'b-0': 0,
    });
    expect(await endOffsets(world, 'a', 3)).toEqual([1, 0, 1]);
    expect(codes(await send({ a: [1] }))).toEqual({ 'a-1': notLeader });
    expect(codes(await send({ a: [2], b: [0] }))).toEqual({ 'a-2': 0, 'b-0': 0 });
    expect(fault.hits).toBe(2);
    fault.remove();
    expect(codes(await send({ a: [1] }))).toEqual({ 'a-1': 0 });
  });

  it('of a Produce that says so after its records were written leaves them there', async () => {
    world.broker.fault({
      api: 'Produce',
      topic: 'a',
      partition: 1,
      error: 'REQUEST_TIMED_OUT',
      when: 'after',
    });
    expect(codes(await send({ a: [0, 1] }))).toEqual({ 'a-0': 0, 'a-1': errors.requestTimedOut.code });
    expect(await endOffsets(world, 'a', 3)).toEqual([1, 1, 0]);
  });

  it('of a Produce by topic id is found by the name', async () => {
    world.broker.fault({ api: 'Produce', topic: 'a', error: 'NOT_LEADER_OR_FOLLOWER' });
    const known = await peer.ask(metadata, 12, { topics: [{ name: 'a' }, { name: 'b' }] });
    const topicData = known!.topics.map(({ topicId }) => ({
      topicId,
      partitionData: [{ index: 0, records: oneRecord('v') }],
    }));
    const answer = await peer.ask(produce, 13, { acks: 1, timeoutMs: 1000, topicData });
    const byId = new Map(
      answer!.responses.map(({ topicId, partitionResponses }) => [topicId, partitionResponses[0]!.errorCode]),
    );
    expect(known!.topics.map(({ topicId }) => byId.get(topicId))).toEqual([notLeader, 0]);
  });

  it('of a Produce that wants no answer closes its connection, once the rest is written', async () => {
    world.broker.fault({ api: 'Produce', topic: 'a', partition: 1, error: 'NOT_LEADER_OR_FOLLOWER' });
    expect(await send({ a: [0, 1] }, 0)).toBeNull();
    expect(peer.isClosed).toBe(true);
    expect(await endOffsets(world, 'a', 3)).toEqual([1, 0, 0]);
  });

  it('of a Fetch comes at once, with the records of the others', async () => {
    await send({ a: [0] });
    world.broker.fault({ api: 'Fetch', topic: 'a', partition: 1, error: 'NOT_LEADER_OR_FOLLOWER' });
    const answer = await peer.ask(fetch, 12, toFetch('a', [0, 1]));
    expect(answer!.errorCode).toBe(0);
    const partitions = answer!.responses[0]!.partitions;
    expect(
      partitions.map(({ partitionIndex, errorCode, records }) => [
        partitionIndex,
        errorCode,
        records!.length > 0,
      ]),
    ).toEqual([
      [0, 0, true],
      [1, notLeader, false],
    ]);
  });

  it('of a Fetch finds partitions that only its session names, and the session goes on after it', async () => {
    const first = await peer.ask(fetch, 12, toFetch('a', [0, 1], { sessionEpoch: 0, maxWaitMs: 0 }));
    const { sessionId } = first!;
    const next = (sessionEpoch: number) =>
      peer.ask(fetch, 12, { ...toFetch('a', []), topics: [], sessionId, sessionEpoch });
    const fault = world.broker.fault({
      api: 'Fetch',
      topic: 'a',
      partition: 1,
      times: 1,
      error: 'KAFKA_STORAGE_ERROR',
    });
    const second = await next(1);
    expect(second!.responses).toMatchObject([
      { topic: 'a', partitions: [{ partitionIndex: 1, errorCode: 56 }] },
    ]);
    expect([fault.hits, fault.isOver]).toEqual([1, true]);
    // The client hears that it is over.
    const third = peer.ask(fetch, 12, {
      ...toFetch('a', []),
      topics: [],
      sessionId,
      sessionEpoch: 2,
      maxWaitMs: 0,
    });
    expect((await third)!.responses).toMatchObject([
      { topic: 'a', partitions: [{ partitionIndex: 1, errorCode: 0 }] },
    ]);
  });

  it('of a Fetch without a topic is said at each partition, and session errors on top', async () => {
    world.broker.fault({ api: 'Fetch', times: 1, error: 'UNKNOWN_LEADER_EPOCH' });
    world.broker.fault({ api: 'Fetch', times: 1, error: 'FETCH_SESSION_ID_NOT_FOUND' });
    const first = await peer.ask(fetch, 12, toFetch('a', [0, 2]));
    expect(first!.errorCode).toBe(0);
    expect(first!.responses[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([75, 75]);
    expect((await peer.ask(fetch, 12, toFetch('a', [0, 2])))!.errorCode).toBe(70);
  });

  it('after a Fetch lets go of the records that it does not send', async () => {
    await send({ a: [0, 1] });
    world.broker.fault({ api: 'Fetch', topic: 'a', partition: 1, when: 'after', error: 'CORRUPT_MESSAGE' });
    const answer = await peer.ask(fetch, 12, toFetch('a', [0, 1]));
    const partitions = answer!.responses[0]!.partitions;
    expect(partitions.map(({ errorCode, records }) => [errorCode, records!.length > 0])).toEqual([
      [0, true],
      [2, false],
    ]);
  });

  it('of offsets stands there, and the others are committed and told', async () => {
    const commit = (partitions: readonly number[]) =>
      peer.ask(offsetCommit, 8, {
        groupId: 'g',
        memberId: '',
        topics: [
          {
            name: 'a',
            partitions: partitions.map((partitionIndex) => ({
              partitionIndex,
              committedOffset: 5,
              committedMetadata: '',
            })),
          },
        ],
      });
    const told = (version: 7 | 8, topics: { name: string; partitionIndexes: number[] }[] | null) =>
      version === 8
        ? peer.ask(offsetFetch, 8, { groups: [{ groupId: 'g', topics }], requireStable: false })
        : peer.ask(offsetFetch, 7, { groupId: 'g', topics, requireStable: false });
    const lost = world.broker.fault({
      api: 'OffsetCommit',
      topic: 'a',
      partition: 2,
      error: 'OFFSET_METADATA_TOO_LARGE',
    });
    const committed = await commit([0, 1, 2]);
    expect(committed!.topics).toEqual([
      {
        name: 'a',
        topicId: expect.anything(),
        partitions: [
          { partitionIndex: 0, errorCode: 0 },
          { partitionIndex: 1, errorCode: 0 },
          { partitionIndex: 2, errorCode: 12 },
        ],
      },
    ]);
    lost.remove();
    world.broker.fault({ api: 'OffsetFetch', topic: 'a', partition: 1, error: 'UNSTABLE_OFFSET_COMMIT' });
    const expected = [
      { partitionIndex: 0, committedOffset: 5, errorCode: 0 },
      { partitionIndex: 1, committedOffset: -1, errorCode: 88 },
    ];
    const asked = [{ name: 'a', partitionIndexes: [0, 1] }];
    for (const topics of [asked, null]) {
      expect((await told(8, topics))!.groups[0]!.topics[0]!.partitions).toMatchObject(expected);
      expect((await told(7, topics))!.topics[0]!.partitions).toMatchObject(expected);
    }
  });

  it('of ListOffsets stands there, and the others are told', async () => {
    world.broker.fault({ api: 'ListOffsets', topic: 'a', partition: 1, error: 'OFFSET_NOT_AVAILABLE' });
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }));
    const answer = await peer.ask(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'a', partitions }],
    });
    expect(answer!.topics[0]!.partitions).toMatchObject([
      { partitionIndex: 0, errorCode: 0, offset: 0 },
      { partitionIndex: 1, errorCode: 78, offset: -1 },
    ]);
  });

  it('keeps the whole transaction from being entered, as in Kafka', async () => {
    world.broker.fault({
      api: 'AddPartitionsToTxn',
      topic: 'a',
      partition: 1,
      times: 1,
      error: 'CONCURRENT_TRANSACTIONS',
    });
    await peer.ask(findCoordinator, 4, { keyType: 1, coordinatorKeys: ['tx'] });
    const producer = (await peer.ask(initProducerId, 4, {
      transactionalId: 'tx',
      transactionTimeoutMs: 60_000,
    }))!;
    const add = () =>
      peer.ask(addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: 'tx',
        v3AndBelowProducerId: producer.producerId,
        v3AndBelowProducerEpoch: producer.producerEpoch,
        v3AndBelowTopics: [{ name: 'a', partitions: [0, 1] }],
      });
    const results = async () =>
      (await add())!.resultsByTopicV3AndBelow[0]!.resultsByPartition.map((one) => one.partitionErrorCode);
    expect(await results()).toEqual([errors.operationNotAttempted.code, errors.concurrentTransactions.code]);
    expect(await results()).toEqual([0, 0]);
  });
});

describe('an error for one topic', () => {
  it('of Metadata hides its partitions, and tells of brokers and the other topics', async () => {
    await world.topic('a');
    await world.topic('b');
    world.broker.fault({ api: 'Metadata', topic: 'a', error: 'LEADER_NOT_AVAILABLE' });
    for (const [version, topics] of [
      [12, [{ name: 'a' }, { name: 'b' }]],
      [9, null],
      [1, null],
      [0, []],
    ] as const) {
      const answer = await peer.ask(metadata, version, { topics });
      expect(answer!.brokers).toHaveLength(1);
      const own = answer!.topics.filter(
        ({ isInternal, name }) => !isInternal && name !== '__consumer_offsets',
      );
      const seen = own.map(({ name, errorCode, partitions }) => [name, errorCode, partitions.length]);
      expect(seen.sort()).toEqual([
        ['a', 5, 0],
        ['b', 0, 1],
      ]);
    }
  });

  it('of Metadata keeps the topic from being created, also in the version in which no topics are all', async () => {
    await world.topic('old');
    world.broker.fault({ api: 'Metadata', topic: 'new', error: 'UNKNOWN_TOPIC_OR_PARTITION' });
    for (const version of [12, 4, 0]) {
      const answer = await peer.ask(metadata, version, { topics: [{ name: 'new' }] });
      expect(answer!.topics).toMatchObject([{ name: 'new', errorCode: 3, partitions: [] }]);
      expect(answer!.brokers).toHaveLength(1);
    }
    const all = await peer.ask(metadata, 12, { topics: null });
    expect(all!.topics.map(({ name }) => name).sort()).toEqual(['__consumer_offsets', 'old']);
  });

  it('of Metadata may take the leader of one partition', async () => {
    await world.topic('a', 2);
    world.broker.fault({ api: 'Metadata', topic: 'a', partition: 1, error: 'LEADER_NOT_AVAILABLE' });
    const answer = await peer.ask(metadata, 12, { topics: [{ name: 'a' }] });
    expect(answer!.topics).toMatchObject([
      {
        errorCode: 0,
        partitions: [
          { errorCode: 0, leaderId: 1 },
          { errorCode: 5, leaderId: -1, replicaNodes: [1] },
        ],
      },
    ]);
  });

  it('of administration keeps that topic as it is, and not the others', async () => {
    const fault = world.broker.fault({
      api: ['CreateTopics', 'DeleteTopics'],
      topic: 'a',
      error: 'POLICY_VIOLATION',
    });
    const asked = ['a', 'b'].map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    }));
    const made = await peer.ask(createTopics, 7, { topics: asked, validateOnly: false });
    expect(made!.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['b', 0],
      ['a', 44],
    ]);
    fault.remove();
    await world.topic('a');
    world.broker.fault({ api: 'DeleteTopics', topic: 'a', error: 'TOPIC_DELETION_DISABLED' });
    for (const body of [{ topicNames: ['a', 'b'] }, { topicNames: ['a'] }]) {
      const gone = await peer.ask(deleteTopics, 4, { ...body, timeoutMs: 1000 });
      expect(gone!.responses.find(({ name }) => name === 'a')!.errorCode).toBe(73);
    }
    const gone = await peer.ask(deleteTopics, 6, {
      topics: ['a', 'b'].map((name) => ({ name, topicId: zeroUuid })),
      timeoutMs: 1000,
    });
    expect(gone!.responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['b', 3],
      ['a', 73],
    ]);
  });

  it('of configurations stands at that topic, and brokers have none', async () => {
    await world.topic('a');
    world.broker.fault({ api: 'DescribeConfigs', topic: 'a', error: 'TOPIC_AUTHORIZATION_FAILED' });
    const resources = [
      { resourceType: 2, resourceName: 'a', configurationKeys: ['retention.ms'] },
      { resourceType: 4, resourceName: '1', configurationKeys: ['node.id'] },
    ];
    const answer = await peer.ask(describeConfigs, 4, { resources, includeSynonyms: false });
    expect(answer!.results.map(({ errorCode, configs }) => [errorCode, configs.length])).toEqual([
      [29, 0],
      [0, 1],
    ]);
  });
});
