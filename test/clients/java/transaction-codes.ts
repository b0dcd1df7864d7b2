/** Steps of transactional clients that go wrong in known ways; each gives the codes it got, to be compared between brokers. */
import { errorName } from '../../../protocol/errors.ts';
import { describeProducers } from '../../../protocol/messages/data/describe-producers.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../../protocol/messages/topics/delete-topics.ts';
import { addOffsetsToTxn } from '../../../protocol/messages/transactions/add-offsets-to-txn.ts';
import { describeTransactions } from '../../../protocol/messages/transactions/describe-transactions.ts';
import { listTransactions } from '../../../protocol/messages/transactions/list-transactions.ts';
import { writeTxnMarkers } from '../../../protocol/messages/transactions/write-txn-markers.ts';
import { type CodesClient, settled, topic } from './codes-client.ts';

type Steps = Readonly<Record<string, (client: CodesClient) => Promise<unknown>>>;

/** Asks until the answer is another one. */
function settledBut(answer: string, ask: () => Promise<string>): Promise<string> {
  return settled(async () => {
    const given = await ask();
    return given === answer ? 'CONCURRENT_TRANSACTIONS' : given;
  });
}

async function each(asks: readonly (() => Promise<string>)[]): Promise<string[]> {
  const answers: string[] = [];
  for (const ask of asks) answers.push(await ask());
  return answers;
}

/** Each with a transactional id of its own. */
export const steps: Steps = {
  'before it has an id': (client) =>
    each([
      () => client.add(3),
      () => client.add(5, undefined, true),
      () => client.end(3, true),
      () => client.end(5, true),
      () => client.send(9, 0),
    ]),
  'time-outs that may not be asked for': (client) =>
    each([0, -1, 900_001].map((transactionTimeoutMs) => () => client.init(4, { transactionTimeoutMs }))),
  'half an identity': (client) =>
    each([() => client.init(4, { producerId: 1 }), () => client.init(4, { producerEpoch: 1 })]),
  'a fenced producer, old protocol': async (client) => {
    await client.init();
    const first = { ...client.claim };
    await client.add(3);
    await client.send(9, 0);
    const took = [await client.init(), await settled(() => client.init())];
    Object.assign(client, first);
    const late = [
      () => client.send(9, 1),
      () => client.add(3),
      () => client.add(1),
      () => client.end(3, true),
      () => client.end(1, true),
    ];
    return [took, await each(late), await client.init(4, first), await client.init(3, first)];
  },
  'a fenced producer, new protocol': async (client) => {
    await client.init();
    const first = { ...client.claim };
    await client.send(12, 0);
    const took = [await client.init(), await settled(() => client.init())];
    Object.assign(client, first);
    return [
      took,
      await each([
        () => client.send(12, 1),
        () => client.end(5, true),
        () => client.end(5, false),
        () => client.commitOffset(5),
      ]),
    ];
  },
  'ends of the old protocol, in every state': async (client) => {
    await client.init();
    const empty = await each([() => client.end(3, true), () => client.end(3, false)]);
    await client.add(3);
    const committed = [
      await client.end(3, true),
      await client.complete(),
      await client.end(3, true),
      await client.end(3, false),
    ];
    await settled(() => client.add(3));
    const aborted = [
      await client.end(3, false),
      await client.complete(),
      await client.end(3, false),
      await client.end(3, true),
    ];
    return [empty, committed, aborted];
  },
  'ends of the new protocol, in every state': async (client) => {
    await client.init();
    const story: string[] = [];
    const told = async (committed: boolean, isAgain: boolean) => {
      const epoch = client.producerEpoch;
      const code = await client.end(5, committed, isAgain ? epoch - 1 : epoch);
      story.push(
        `${committed ? 'commit' : 'abort'} ${isAgain ? 'again' : 'now'}: ${code} +${client.producerEpoch - epoch}`,
      );
      story.push(await client.complete());
    };
    await told(true, false);
    await told(true, true);
    await told(false, false);
    for (const isAgain of [true, false]) {
      await settled(() => client.send(12, 0));
      await told(true, false);
      await told(true, true);
      await told(false, true);
      await told(true, false);
      await told(false, isAgain);
      await told(false, true);
      await told(true, true);
    }
    return story;
  },
  'a gap in the sequence': async (client) => {
    await client.init();
    return each([
      () => client.send(12, 5),
      () => client.send(12, 0),
      () => client.send(12, 2),
      () => client.send(12, 0),
      () => client.send(12, 1),
    ]);
  },
  'records outside of a transaction': async (client) => {
    await client.init();
    const old = await each([
      () => client.send(9, 0),
      () => client.send(11, 0),
      () => client.send(9, 0, { transactionalId: null }),
    ]);
    const plain = await client.send(9, 0, { isTransactional: false });
    return [old, plain];
  },
  'plain records of a producer whose transaction is open': async (client) => {
    await client.init();
    return each([() => client.send(12, 0), () => client.send(12, 1, { isTransactional: false })]);
  },
  'partitions that are not there': async (client) => {
    await client.init();
    const topics = [
      { name: topic, partitions: [0, 9] },
      { name: 'nowhere', partitions: [0] },
    ];
    return each([
      () => client.add(3, topics),
      () => client.add(5, topics),
      () => client.add(5, undefined, true),
    ]);
  },
  'what is verified': async (client) => {
    await client.init();
    await client.add(3);
    const known = await client.add(5, [{ name: topic, partitions: [0, 1] }], true);
    const { producerEpoch, producerId } = client;
    client.producerEpoch += 1;
    const epoch = await client.add(5, undefined, true);
    Object.assign(client, { producerEpoch, producerId: producerId + 5_000 });
    return [known, epoch, await client.add(5, undefined, true)];
  },
  offsets: async (client) => {
    await client.init();
    const without = await each([() => client.commitOffset(3), () => client.commitOffset(4)]);
    const { errorCode } = await client.ask(addOffsetsToTxn, 3, { ...client.claim, groupId: 'codes-group' });
    const member = { memberId: 'nobody', generationIdOrMemberEpoch: 3 };
    const within = await each([
      () => client.commitOffset(3),
      () => client.commitOffset(5),
      () => client.commitOffset(5, member),
      () => client.commitOffset(5, { ...member, generationIdOrMemberEpoch: -1 }),
      () => client.commitOffset(5, { groupId: 'codes-new', ...member }),
      () => client.commitOffset(5, { groupId: '' }),
    ]);
    return [without, errorName(errorCode), within];
  },
  'a topic that is deleted in the middle': async (client) => {
    await client.init();
    const name = 'codes-gone';
    await client.ask(createTopics, 5, {
      topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      validateOnly: false,
    });
    // Kafka's brokers hear of a topic, and of its end, a moment after the client.
    const added = await settledBut('UNKNOWN_TOPIC_OR_PARTITION', () =>
      client.add(3, [{ name, partitions: [0] }]),
    );
    await client.ask(deleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 });
    const ended = [await client.end(3, true), await client.complete()];
    const marker = { producerId: 1, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0 };
    const written = await settledBut('NONE', async () => {
      const markers = [{ ...marker, topics: [{ name, partitionIndexes: [0] }] }];
      const answer = await client.ask(writeTxnMarkers, 1, { markers });
      return errorName(answer.markers[0]!.topics[0]!.partitions[0]!.errorCode);
    });
    return [added, ended, written];
  },
  'markers by hand': async (client) => {
    await client.init();
    await client.send(12, 0);
    const write = async (
      version: number,
      producerEpoch: number,
      coordinatorEpoch: number,
      transactionVersion = 0,
    ) => {
      const { producerId } = client;
      const topics = [{ name: topic, partitionIndexes: [0] }];
      const marker = { producerId, producerEpoch, transactionResult: false, coordinatorEpoch, topics };
      const answer = await client.ask(writeTxnMarkers, version, {
        markers: [version >= 2 ? { ...marker, transactionVersion } : marker],
      });
      return errorName(answer.markers[0]!.topics[0]!.partitions[0]!.errorCode);
    };
    return each([() => write(1, 0, 5), () => write(1, 0, 4), () => write(1, 0, 5)]);
  },
  'an id that has expired': async (client) => {
    await client.init();
    await settled(async () => {
      const { transactionStates } = await client.ask(describeTransactions, 0, {
        transactionalIds: [client.transactionalId],
      });
      return transactionStates[0]!.errorCode === 0 ? 'CONCURRENT_TRANSACTIONS' : 'gone';
    });
    return each([
      () => client.add(3),
      () => client.end(5, false),
      () => client.send(12, 0),
      () => client.init(4, { ...client.claim }),
    ]);
  },
  'what administrators ask': async (client) => {
    await client.init();
    const { transactionStates } = await client.ask(describeTransactions, 0, {
      transactionalIds: ['', 'never seen'],
    });
    const filters = { stateFilters: ['Odd', 'Ongoing'], producerIdFilters: [client.producerId] };
    const listed = await client.ask(listTransactions, 1, filters);
    const broken = await client.ask(listTransactions, 2, { ...filters, transactionalIdPattern: '[' });
    const producers = await client.ask(describeProducers, 0, {
      topics: [
        { name: 'nowhere', partitionIndexes: [0] },
        { name: topic, partitionIndexes: [9] },
        { name: 'not a name', partitionIndexes: [0] },
      ],
    });
    return [
      transactionStates.map(({ errorCode }) => errorName(errorCode)),
      [listed.unknownStateFilters, listed.transactionStates],
      errorName(broken.errorCode),
      producers.topics.map(({ partitions }) => errorName(partitions[0]!.errorCode)),
    ];
  },
  'what is fetched of an aborted transaction': async (client) => {
    await client.init();
    await client.send(12, 0);
    const read = async (isolationLevel: number) => {
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
      const asked = {
        maxWaitMs: 0,
        minBytes: 0,
        isolationLevel,
        topics: [{ topic, partitions }],
        forgottenTopicsData: [],
        rackId: '',
      };
      const answer = await client.ask(fetch, 11, asked);
      const { highWatermark, lastStableOffset, abortedTransactions } = answer.responses[0]!.partitions[0]!;
      const own =
        abortedTransactions?.filter(({ producerId }) => producerId === client.producerId).length ?? null;
      return `${highWatermark - lastStableOffset} ${own}`;
    };
    const open = [await read(0), await read(1)];
    await client.end(5, false);
    await client.complete();
    return [open, await read(0), await read(1)];
  },
};
