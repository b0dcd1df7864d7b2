/** Every version of every transaction API that is served: answered, in the words that its clients know. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeProducersHandler } from '../../../../broker/apis/data/describe-producers.ts';
import type { Handler } from '../../../../broker/apis/handler.ts';
import { addOffsetsToTxnHandler } from '../../../../broker/apis/transactions/add-offsets-to-txn.ts';
import { addPartitionsToTxnHandler } from '../../../../broker/apis/transactions/add-partitions-to-txn.ts';
import { describeTransactionsHandler } from '../../../../broker/apis/transactions/describe-transactions.ts';
import { endTxnHandler } from '../../../../broker/apis/transactions/end-txn.ts';
import { initProducerIdHandler } from '../../../../broker/apis/transactions/init-producer-id.ts';
import { listTransactionsHandler } from '../../../../broker/apis/transactions/list-transactions.ts';
import { txnOffsetCommitHandler } from '../../../../broker/apis/transactions/txn-offset-commit.ts';
import { writeTxnMarkersHandler } from '../../../../broker/apis/transactions/write-txn-markers.ts';
import { errorName, errors } from '../../../../protocol/errors.ts';
import type { AnyApi, RequestInit } from '../../../../protocol/schema/api.ts';
import { refusalOf } from '../../caller.ts';
import { TransactionClient } from '../../transactions/transaction-client.ts';
import { World } from '../../world.ts';

let world: World;
let client: TransactionClient;
/** The same producer, an epoch too late. */
let late: { transactionalId: string; producerId: number; producerEpoch: number };

beforeAll(async () => {
  world = await World.open();
  await world.topic('t', 2);
  await world.cluster.controller.ensureInternalTopic('__consumer_offsets');
  client = await TransactionClient.ready(world, 2);
  late = { ...client.claim };
  await client.init();
});
afterAll(() => world.stop());

const ask = <A extends AnyApi>(handler: Handler<A>, version: number, body: RequestInit<A>) =>
  world.ask(handler, version, body);

/** What versions before PRODUCER_FENCED say instead. */
const fencedIn = (version: number, since: number): string =>
  version < since ? 'INVALID_PRODUCER_EPOCH' : 'PRODUCER_FENCED';

const upTo = (last: number, first = 0): number[] =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n);

describe('a fenced producer is told so', () => {
  test.each(upTo(5))('by InitProducerId v%i', async (version) => {
    const own = version < 3 ? {} : { producerId: late.producerId + 1, producerEpoch: 0 };
    const answer = await ask(initProducerIdHandler, version, {
      transactionalId: 'tx-init',
      transactionTimeoutMs: 1_000,
      ...own,
    });
    // Older clients could not say who they think they are.
    expect(errorName(answer!.errorCode)).toBe(version < 3 ? 'NONE' : fencedIn(version, 4));
  });

  test.each(upTo(5))('by AddPartitionsToTxn v%i', async (version) => {
    const topics = [{ name: 't', partitions: [0, 1] }];
    const { transactionalId, producerId, producerEpoch } = late;
    const answer = await ask(
      addPartitionsToTxnHandler,
      version,
      version >= 4
        ? { transactions: [{ ...late, verifyOnly: false, topics }] }
        : {
            v3AndBelowTransactionalId: transactionalId,
            v3AndBelowProducerId: producerId,
            v3AndBelowProducerEpoch: producerEpoch,
            v3AndBelowTopics: topics,
          },
    );
    const results =
      version >= 4 ? answer!.resultsByTransaction[0]!.topicResults : answer!.resultsByTopicV3AndBelow;
    const codes = results[0]!.resultsByPartition.map(({ partitionErrorCode }) =>
      errorName(partitionErrorCode),
    );
    expect(codes).toEqual([fencedIn(version, 2), fencedIn(version, 2)]);
  });

  test.each(upTo(4))('by AddOffsetsToTxn v%i', async (version) => {
    const answer = await ask(addOffsetsToTxnHandler, version, { ...late, groupId: 'g' });
    expect(errorName(answer!.errorCode)).toBe(fencedIn(version, 2));
  });

  test.each(upTo(5))('by EndTxn v%i', async (version) => {
    const answer = await ask(endTxnHandler, version, { ...late, committed: true });
    expect(errorName(answer!.errorCode)).toBe(fencedIn(version, 2));
  });

  test.each(upTo(6))('by TxnOffsetCommit v%i', async (version) => {
    const topic = version >= 6 ? { topicId: world.idOf('t') } : { name: 't' };
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }];
    const answer = await ask(txnOffsetCommitHandler, version, {
      ...late,
      groupId: 'g',
      memberId: '',
      topics: [{ ...topic, partitions }],
    });
    expect(errorName(answer!.topics[0]!.partitions[0]!.errorCode)).toBe('INVALID_PRODUCER_EPOCH');
  });
});

test('of TxnOffsetCommit, by topic id, for a topic that nobody knows', async () => {
  const answer = await ask(txnOffsetCommitHandler, 6, {
    ...late,
    groupId: 'g',
    memberId: '',
    topics: [
      {
        topicId: 'sf0KkVQDRf6C6V3cBWHl0A',
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }],
      },
    ],
  });
  expect(errorName(answer!.topics[0]!.partitions[0]!.errorCode)).toBe('UNKNOWN_TOPIC_ID');
});

test.each(upTo(6))('of TxnOffsetCommit v%i, for a member of a group that is not there', async (version) => {
  const topic = version >= 6 ? { topicId: world.idOf('t') } : { name: 't' };
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }];
  const member = version >= 3 ? { memberId: 'm', generationIdOrMemberEpoch: 3 } : { memberId: '' };
  world.settings['transaction.partition.verification.enable'] = version >= 5;
  const answer = await ask(txnOffsetCommitHandler, version, {
    ...client.claim,
    groupId: `nobody-${version}`,
    ...member,
    topics: [{ ...topic, partitions }],
  });
  world.settings['transaction.partition.verification.enable'] = true;
  // Before v3 a producer could not say whose offsets it commits.
  const expected = version < 3 ? 'NONE' : version < 6 ? 'ILLEGAL_GENERATION' : 'GROUP_ID_NOT_FOUND';
  expect(errorName(answer!.topics[0]!.partitions[0]!.errorCode)).toBe(expected);
});

test.each(upTo(2, 1))('WriteTxnMarkers v%i', async (version) => {
  const marker = {
    producerId: 77,
    producerEpoch: version,
    transactionResult: true,
    coordinatorEpoch: 0,
    topics: [{ name: 't', partitionIndexes: [0, 1] }],
  };
  const answer = await ask(writeTxnMarkersHandler, version, {
    markers: [version >= 2 ? { ...marker, transactionVersion: 2 } : marker],
  });
  expect(answer!.markers[0]!.topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 0]);
});

test.each(upTo(2))('ListTransactions v%i', async (version) => {
  const answer = await ask(listTransactionsHandler, version, { stateFilters: [], producerIdFilters: [] });
  expect(answer!.transactionStates.map(({ transactionalId }) => transactionalId)).toContain('tx');
});

test('DescribeTransactions and DescribeProducers v0', async () => {
  const described = await ask(describeTransactionsHandler, 0, { transactionalIds: ['tx', 'nobody', ''] });
  expect(described!.transactionStates.map(({ errorCode }) => errorName(errorCode))).toEqual([
    'NONE',
    'TRANSACTIONAL_ID_NOT_FOUND',
    'INVALID_REQUEST',
  ]);
  const producers = await ask(describeProducersHandler, 0, {
    topics: [{ name: 't', partitionIndexes: [0] }],
  });
  expect(producers!.topics[0]!.partitions[0]!.errorCode).toBe(0);
});

test('a request that fails as a whole is refused in the form of its version', () => {
  const { code } = errors.unknownServerError;
  const topics = [{ name: 't', partitions: [0] }];
  const old = refusalOf(
    addPartitionsToTxnHandler,
    3,
    {
      v3AndBelowTransactionalId: 'tx',
      v3AndBelowProducerId: 1,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: topics,
    },
    code,
  );
  expect(old!.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode).toBe(code);
  const transactions = [{ transactionalId: 'tx', producerId: 1, producerEpoch: 0, verifyOnly: true, topics }];
  expect(refusalOf(addPartitionsToTxnHandler, 5, { transactions }, code)).toMatchObject({ errorCode: code });
  expect(refusalOf(endTxnHandler, 5, { ...late, committed: true }, code)).toMatchObject({ errorCode: code });
});
