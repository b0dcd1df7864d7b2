/** The life of transactions through their APIs, in both protocols. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeProducersHandler } from '../../../broker/apis/data/describe-producers.ts';
import { listOffsetsHandler } from '../../../broker/apis/data/list-offsets.ts';
import { deleteGroupsHandler } from '../../../broker/apis/groups/delete-groups.ts';
import { offsetFetchHandler } from '../../../broker/apis/groups/offset-fetch.ts';
import { describeTransactionsHandler } from '../../../broker/apis/transactions/describe-transactions.ts';
import { listTransactionsHandler } from '../../../broker/apis/transactions/list-transactions.ts';
import { writeTxnMarkersHandler } from '../../../broker/apis/transactions/write-txn-markers.ts';
import { errorName } from '../../../protocol/errors.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { fetchNow } from '../apis/data/fetch-client.ts';
import { GroupClient, watch } from '../groups/group-client.ts';
import { appendNow, World } from '../world.ts';
import { type ClientVersion, TransactionClient } from './transaction-client.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  await world.topic('t', 2);
});
afterEach(() => world.stop());

/** What a read_committed consumer is given of t-0: values, and what it must leave out. */
async function committed(): Promise<string> {
  const answer = await fetchNow(world, { 't-0': 0 }, { readCommitted: true });
  const { abortedTransactions, lastStableOffset } = answer!.responses[0]!.partitions[0]!;
  const aborted = (abortedTransactions ?? []).map(
    ({ producerId, firstOffset }) => `${producerId}@${firstOffset}`,
  );
  return `up to ${lastStableOffset}${aborted.length > 0 ? `, without ${aborted.join(' ')}` : ''}`;
}

async function fetchOffset(groupId: string, requireStable = false): Promise<string> {
  const answer = await world.ask(offsetFetchHandler, 9, {
    groups: [{ groupId, topics: [{ name: 't', partitionIndexes: [0] }] }],
    requireStable,
  });
  const { committedOffset, errorCode } = answer!.groups[0]!.topics[0]!.partitions[0]!;
  return errorCode === 0 ? String(committedOffset) : errorName(errorCode);
}

async function describeOf(transactionalId = 'tx') {
  const answer = await world.ask(describeTransactionsHandler, 0, { transactionalIds: [transactionalId] });
  const { errorCode, transactionState, producerEpoch, topics } = answer!.transactionStates[0]!;
  if (errorCode !== 0) return errorName(errorCode);
  const names = topics.map(({ topic, partitions }) => `${topic}-${partitions.join(',')}`);
  return [transactionState, producerEpoch, ...names].join(' ');
}

describe.each<ClientVersion>([0, 2])('a client of transaction version %i', (version) => {
  let client: TransactionClient;
  beforeEach(async () => {
    client = await TransactionClient.ready(world, version);
    await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
  });

  test('commits: what it wrote is stable, and its offsets are there', async () => {
    if (version === 0) await client.add('t-0 t-1');
    expect(await client.send('t-0', 'a', 'b')).toBe('NONE');
    expect(await client.send('t-0', 'c')).toBe('NONE');
    expect(await client.commitOffset('g', 7)).toBe('NONE');
    expect(await committed()).toBe('up to 0');
    expect([await fetchOffset('g'), await fetchOffset('g', true)]).toEqual(['-1', 'UNSTABLE_OFFSET_COMMIT']);
    expect(await client.commit()).toBe('NONE');
    expect(await committed()).toBe('up to 4');
    expect(await fetchOffset('g', true)).toBe('7');
    expect(await describeOf()).toBe(`CompleteCommit ${version === 2 ? 1 : 0}`);
  });

  test('aborts: readers are told what to leave out, and the offsets are as before', async () => {
    if (version === 0) await client.add('t-0');
    await client.send('t-0', 'a');
    await client.commitOffset('g', 7);
    expect(await client.abort()).toBe('NONE');
    expect(await committed()).toBe(`up to 2, without ${client.producerId}@0`);
    expect(await fetchOffset('g', true)).toBe('-1');
    expect(await describeOf()).toBe(`CompleteAbort ${version === 2 ? 1 : 0}`);
  });

  test('goes on with the next transaction', async () => {
    for (let round = 0; round < 3; round++) {
      if (version === 0) await client.add('t-0');
      expect(await client.send('t-0', `r${round}`)).toBe('NONE');
      expect(await client.commit()).toBe('NONE');
    }
    expect(await committed()).toBe('up to 6');
    expect(client.producerEpoch).toBe(version === 2 ? 3 : 0);
  });

  test('that comes too late is fenced, and its transaction aborted', async () => {
    if (version === 0) await client.add('t-0');
    await client.send('t-0', 'zombie');
    const next = new TransactionClient(world, version);
    expect(await next.init()).toBe('CONCURRENT_TRANSACTIONS');
    expect(await next.init()).toBe('NONE');
    expect(await committed()).toBe(`up to 2, without ${client.producerId}@0`);
    expect(await client.commit()).toBe('PRODUCER_FENCED');
    expect(await client.send('t-0', 'more')).toBe('INVALID_PRODUCER_EPOCH');
    expect(await client.commitOffset('g', 7)).toBe(
      version === 2 ? 'INVALID_PRODUCER_EPOCH' : 'PRODUCER_FENCED',
    );
  });

  test('that takes too long is aborted by the clock', async () => {
    client.timeoutMs = 30_000;
    await client.init();
    if (version === 0) await client.add('t-0');
    await client.send('t-0', 'slow');
    await world.clock.advance(29_000);
    expect(await describeOf()).toContain('Ongoing');
    await world.clock.advance(12_000);
    expect(await describeOf()).toContain('CompleteAbort');
    // In the new protocol the abort looks like an answer that was lost.
    expect(await client.commit()).toBe(version === 2 ? 'INVALID_TXN_STATE' : 'PRODUCER_FENCED');
  });

  test('finds everything as it was after a restart', async () => {
    if (version === 0) await client.add('t-0');
    await client.send('t-0', 'a');
    await client.commitOffset('g', 7);
    await world.restart();
    expect(await committed()).toBe('up to 0');
    expect(await fetchOffset('g', true)).toBe('UNSTABLE_OFFSET_COMMIT');
    expect(await client.commit()).toBe('NONE');
    expect(await committed()).toBe('up to 2');
    expect(await fetchOffset('g', true)).toBe('7');
  });

  test('whose topic is deleted in the middle can still end, and go on', async () => {
    await world.topic('gone');
    if (version === 0) await client.add('t-0 gone-0');
    await client.send('gone-0', 'a');
    await client.send('t-0', 'a');
    await world.deleteTopic('gone');
    expect(await client.commit()).toBe('NONE');
    expect(await describeOf()).toContain('CompleteCommit');
    expect(await committed()).toBe('up to 2');
  });

  test('is forgotten when it does nothing for long enough', async () => {
    if (version === 0) await client.add('t-0');
    await client.send('t-0', 'a');
    await client.commit();
    await world.clock.advance(6 * 86_400_000);
    expect(await describeOf()).toContain('CompleteCommit');
    await world.clock.advance(2 * 86_400_000);
    expect(await describeOf()).toBe('TRANSACTIONAL_ID_NOT_FOUND');
    expect(await (version === 0 ? client.add('t-0') : client.send('t-0', 'b'))).toBe(
      'INVALID_PRODUCER_ID_MAPPING',
    );
    await world.restart();
    expect(await describeOf()).toBe('TRANSACTIONAL_ID_NOT_FOUND');
  });
});

describe('records of a transaction', () => {
  test('of a client that adds its partitions itself are refused where it did not', async () => {
    const client = await TransactionClient.ready(world, 0);
    expect(await client.send('t-0', 'a')).toBe('INVALID_TXN_STATE');
    await client.add('t-1');
    expect(await client.send('t-0', 'a')).toBe('INVALID_TXN_STATE');
    expect(world.partitions.get('t', 0)!.endOffset).toBe(0);
  });

  test('with a gap in their sequence are refused, also as the first of a partition', async () => {
    const client = await TransactionClient.ready(world, 2);
    expect(await client.sendAt('t-0', 3, ['x'])).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await client.send('t-0', 'a')).toBe('NONE');
    expect(await client.sendAt('t-0', 3, ['x'])).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  });

  test('may not be mixed with others of the same producer while it is open', async () => {
    const client = await TransactionClient.ready(world, 2);
    await client.send('t-0', 'a');
    appendNow(world.partitions.get('t', 0)!, 'of somebody else');
    await client.commit();
    expect(await committed()).toBe('up to 3');
  });

  test('enter without a question where the broker is told not to ask', async () => {
    world.settings['transaction.partition.verification.enable'] = false;
    const client = await TransactionClient.ready(world, 0);
    expect(await client.send('t-0', 'a')).toBe('NONE');
  });
});

test('a client adds no internal topic to its transaction, nor anything beside one', async () => {
  const client = await TransactionClient.ready(world, 0);
  await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
  expect(await client.add('t-0 __consumer_offsets-0 __transaction_state-1 nowhere-0')).toBe(
    'OPERATION_NOT_ATTEMPTED TOPIC_AUTHORIZATION_FAILED UNKNOWN_TOPIC_OR_PARTITION',
  );
  expect(await describeOf()).toBe('Empty 0');
});

describe('offsets in a transaction', () => {
  test('are fenced by generation and member (KIP-447)', async () => {
    const client = await TransactionClient.ready(world, 2);
    const member = new GroupClient(world, { groupId: 'g' });
    await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
    const joined = await member.joining();
    await world.clock.advance(5_000);
    expect(joined.answer?.errorCode).toBe(0);
    await member.sync({ [member.memberId]: 'a' }).promise;
    const { memberId, generationId: generationIdOrMemberEpoch } = member;
    expect(await client.commitOffset('g', 1)).toBe('NONE');
    expect(await client.commitOffset('g', 2, { memberId, generationIdOrMemberEpoch })).toBe('NONE');
    const older = generationIdOrMemberEpoch - 1;
    expect(await client.commitOffset('g', 3, { memberId, generationIdOrMemberEpoch: older })).toBe(
      'ILLEGAL_GENERATION',
    );
    expect(await client.commitOffset('g', 3, { memberId: 'x', generationIdOrMemberEpoch })).toBe(
      'UNKNOWN_MEMBER_ID',
    );
    expect(await client.commitOffset('nobody', 3, { memberId, generationIdOrMemberEpoch })).toBe(
      'ILLEGAL_GENERATION',
    );
    expect(await client.commitOffset('', 3)).toBe('INVALID_GROUP_ID');
    await client.commit();
    expect(await fetchOffset('g')).toBe('2');
  });

  test('give way to what was committed after them, and go with their group', async () => {
    const client = await TransactionClient.ready(world, 2);
    await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
    const simple = new GroupClient(world, { groupId: 'g' });
    await client.commitOffset('g', 7);
    await simple.commit('t', 9, { memberId: '', generationId: -1 });
    await client.commit();
    expect(await fetchOffset('g')).toBe('9');
    await client.commitOffset('g', 11);
    const deleted = await world.ask(deleteGroupsHandler, 2, { groupsNames: ['g'] });
    expect(deleted!.results[0]!.errorCode).toBe(0);
    await client.commit();
    expect(await fetchOffset('g')).toBe('-1');
    await world.restart();
    expect(await fetchOffset('g')).toBe('-1');
  });
});

describe('what administrators ask', () => {
  test('lists by state, producer, duration and pattern', async () => {
    const [a, b] = [
      await TransactionClient.ready(world, 2, 'a'),
      await TransactionClient.ready(world, 2, 'b'),
    ];
    await a.send('t-0', 'x');
    await world.clock.advance(5_000);
    const list = async (version: number, filters: object) => {
      const asked = { stateFilters: [], producerIdFilters: [], ...filters };
      const answer = await world.ask(listTransactionsHandler, version, asked);
      if (answer!.errorCode !== 0) return errorName(answer!.errorCode);
      const ids = answer!.transactionStates.map(
        ({ transactionalId, transactionState }) => `${transactionalId} ${transactionState}`,
      );
      return [...ids, ...answer!.unknownStateFilters].sort().join(', ');
    };
    expect(await list(0, {})).toBe('a Ongoing, b Empty');
    expect(await list(0, { stateFilters: ['Ongoing', 'Odd'] })).toBe('Odd, a Ongoing');
    expect(await list(0, { producerIdFilters: [b.producerId] })).toBe('b Empty');
    expect(await list(1, { durationFilter: 5_000, stateFilters: ['Ongoing'] })).toBe('');
    expect(await list(1, { durationFilter: 4_999, stateFilters: ['Ongoing'] })).toBe('a Ongoing');
    expect(await list(2, { transactionalIdPattern: '[b-z]' })).toBe('b Empty');
    expect(await list(2, { transactionalIdPattern: '[' })).toBe('INVALID_REGULAR_EXPRESSION');
  });

  test('a transaction that hangs is ended by hand', async () => {
    const client = await TransactionClient.ready(world, 2);
    await client.send('t-0', 'a');
    const producers = async () => {
      const answer = await world.ask(describeProducersHandler, 0, {
        topics: [{ name: 't', partitionIndexes: [0] }],
      });
      return answer!.topics[0]!.partitions[0]!.activeProducers;
    };
    const [before] = await producers();
    expect(before).toMatchObject({
      producerId: client.producerId,
      producerEpoch: 0,
      currentTxnStartOffset: 0,
    });
    const marker = {
      producerId: client.producerId,
      producerEpoch: 0,
      transactionResult: false,
      coordinatorEpoch: 0,
      topics: [
        { name: 't', partitionIndexes: [0] },
        { name: 'nowhere', partitionIndexes: [0] },
      ],
    };
    const answer = await world.ask(writeTxnMarkersHandler, 1, { markers: [marker] });
    const codes = answer!.markers[0]!.topics.map(({ partitions }) => errorName(partitions[0]!.errorCode));
    expect(codes).toEqual(['NONE', 'UNKNOWN_TOPIC_OR_PARTITION']);
    expect((await producers())[0]).toMatchObject({ currentTxnStartOffset: -1 });
    const late = { ...marker, coordinatorEpoch: -1, topics: [marker.topics[0]!] };
    const fenced = await world.ask(writeTxnMarkersHandler, 2, { markers: [late] });
    expect(errorName(fenced!.markers[0]!.topics[0]!.partitions[0]!.errorCode)).toBe(
      'TRANSACTION_COORDINATOR_FENCED',
    );
  });

  test('the end of a partition is one thing for readers of what is committed, another for the rest', async () => {
    const client = await TransactionClient.ready(world, 2);
    await client.send('t-0', 'a');
    const end = async (isolationLevel: number) => {
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
      const answer = await world.ask(listOffsetsHandler, 7, { replicaId: -1, isolationLevel, topics });
      return answer!.topics[0]!.partitions[0]!.offset;
    };
    expect([await end(0), await end(1)]).toEqual([1, 0]);
    await client.commit();
    expect([await end(0), await end(1)]).toEqual([2, 2]);
  });
});

test('a time-out that a producer may not ask for', async () => {
  const client = new TransactionClient(world);
  await world.cluster.controller.ensureInternalTopic('__transaction_state');
  for (const timeoutMs of [0, -1, 900_001]) {
    client.timeoutMs = timeoutMs;
    expect(await client.init()).toBe('INVALID_TRANSACTION_TIMEOUT');
  }
});

test('under fsync administrators, too, hear of a decision when it is durable', async () => {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  const synced = await World.open({ clock, files, durability: { kind: 'fsync' } });
  await clock.until(synced.topic('t'));
  const client = await clock.until(TransactionClient.ready(synced, 2));
  expect(await clock.until(client.send('t-0', 'a'))).toBe('NONE');
  const slow = files.delay('sync', 10);
  const ended = watch(client.commit());
  const described = watch(synced.ask(describeTransactionsHandler, 0, { transactionalIds: ['tx'] }));
  const listed = watch(synced.ask(listTransactionsHandler, 2, { stateFilters: [], producerIdFilters: [] }));
  await clock.advance(9);
  expect([ended.answer, described.answer, listed.answer]).toEqual([undefined, undefined, undefined]);
  await clock.advance(1);
  expect(ended.answer).toBe('NONE');
  expect(described.answer!.transactionStates[0]!.transactionState).toBe('PrepareCommit');
  expect(listed.answer!.transactionStates[0]!.transactionState).toBe('PrepareCommit');
  slow.stop();
  await clock.advance(100);
  await synced.stop();
});

test('under fsync the end is answered when it is decided for good; markers wait for that, and Complete for them', async () => {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  const synced = await World.open({ clock, files, durability: { kind: 'fsync' } });
  const partition = await synced.topic('t');
  const ready = watch(TransactionClient.ready(synced, 2));
  await clock.advance(1_000);
  const client = ready.answer!;
  const sent = watch(client.send('t-0', 'a'));
  await clock.advance(1_000);
  expect(sent.answer).toBe('NONE');
  const slow = files.delay('sync', 10);
  const ended = watch(client.commit());
  await clock.advance(9);
  expect([ended.answer, partition.endOffset]).toEqual([undefined, 1]);
  await clock.advance(1);
  expect([ended.answer, partition.endOffset]).toEqual(['NONE', 2]);
  expect(partition.log.lastStableOffset).toBe(0);
  expect(await synced.transactions.describe('tx')).toMatchObject({ state: 'PrepareCommit' });
  // Meanwhile the next one is told to wait, and waits a little by itself.
  const next = watch(client.send('t-0', 'b'));
  await clock.advance(10);
  expect(partition.log.lastStableOffset).toBe(2);
  const described = watch(Promise.resolve(synced.transactions.describe('tx')));
  await clock.advance(9);
  expect(described.answer).toBe(undefined);
  await clock.advance(1);
  expect(described.answer).toMatchObject({ state: 'CompleteCommit' });
  await clock.advance(100);
  expect(next.answer).toBe('NONE');
  slow.stop();
  await clock.advance(100);
  await synced.stop();
});
