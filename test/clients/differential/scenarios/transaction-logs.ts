/** Transactions as logs have them: sequences, records that are in none, markers, and what readers get while some are open. */
import { deleteRecords } from '../../../../protocol/messages/data/delete-records.ts';
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { endTxn } from '../../../../protocol/messages/transactions/end-txn.ts';
import { writeTxnMarkers } from '../../../../protocol/messages/transactions/write-txn-markers.ts';
import type { RequestInit } from '../../../../protocol/schema/api.ts';
import { timeOfRecords } from '../records.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';
import { newest, old, TransactionalProducer } from '../transactional-producer.ts';
import { newestFetch, of, plainFetch, target, write } from './fetch-requests.ts';
import { lookAtOffsets, lookAtProducers, lookAtRecords } from './transaction-looks.ts';
import { place } from './transactions.ts';

const sequences: Scenario = {
  name: 'transactions-sequences',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    await producer.begin();
    const step = (note: string, baseSequence: number, count = 1, index = 0) =>
      producer.send(`${note}: ${baseSequence} of ${count}`, topic, index, { baseSequence, count });
    for (const committed of [true, false, true]) {
      await step('not from the start', 5);
      await step('from the start', 0, 3);
      await step('again', 0, 3);
      await step('a part of it again', 0, 2);
      await step('a gap', 9);
      await step('the next', 3);
      await step('elsewhere, not from the start', 2, 1, 1);
      await step('elsewhere, from the start', 0, 1, 1);
      await lookAtProducers(side, topic, 'open', 0, 1);
      await producer.end('', committed);
      await step('on from before, in the next transaction', 4);
      await producer.end('that', false);
      await lookAtProducers(side, topic, 'over', 0, 1);
    }
    await producer.begin('begins anew');
    await producer.add('adds', [{ name: topic.name, partitions: [0] }]);
    for (const [note, baseSequence] of [
      ['old, not from the start', 7],
      ['old, from the start', 0],
      ['old, again', 0],
      ['old, a gap', 5],
    ] as const)
      await producer.send(note, topic, 0, { version: old.produce, baseSequence });
    await producer.end('', true, old.end);
    await producer.add('adds', [{ name: topic.name, partitions: [0] }]);
    await producer.send('old, on from before', topic, 0, { version: old.produce, baseSequence: 1 });
    await producer.end('', false, old.end);
    await lookAtRecords(side, topic, 0, 'at the end');
  },
};

/** Records of a producer that are in no transaction, or say that they are in none. */
const outside: Scenario = {
  name: 'transactions-outside',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 4);
    for (const version of versionsOf('produce')) {
      const producer = await TransactionalProducer.of(side, setting, `v${version}`);
      await producer.begin();
      await producer.send('without adding', topic, 0, { version });
      await producer.describe('after that');
      await producer.send('without its transactional id', topic, 1, { version, transactionalId: null });
      await producer.send('under another id', topic, 1, { version, transactionalId: 'transactions-other' });
      await producer.send('under an empty id', topic, 1, { version, transactionalId: '' });
      await producer.send('not transactional', topic, 3, { version, isTransactional: false });
      const plain = { version, isTransactional: false, transactionalId: null };
      await producer.send('plain', topic, 3, plain);
      await producer.add('adds', [{ name: topic.name, partitions: [2] }]);
      await producer.send('in the transaction', topic, 2, { version });
      await producer.send('plain, in the middle of it', topic, 2, plain);
      await producer.send('not transactional, in the middle of it', topic, 2, {
        version,
        isTransactional: false,
      });
      await producer.describe('before the end');
      await lookAtProducers(side, topic, `before the end of v${version}`, 0, 1, 2, 3);
      await producer.end('', version % 2 === 0, old.end);
    }
    for (const index of [0, 1, 2, 3]) await lookAtRecords(side, topic, index, 'at the end');
  },
};

/** Who goes on with other records where its transactional ones were refused. */
const refusedBefore: Scenario = {
  name: 'transactions-refused-before',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    await producer.begin();
    const plain = { version: old.produce, isTransactional: false, transactionalId: null };
    await producer.send('without adding', topic, 0, { version: old.produce });
    await producer.send('plain', topic, 0, plain);
    await producer.send('plain, the next', topic, 0, plain);
  },
};

type Marker = NonNullable<RequestInit<typeof writeTxnMarkers>['markers']>[number];

function writeMarkers(side: Side, version: number, note: string, ...markers: Marker[]) {
  // v1 does not have the field.
  const speakable = markers.map(({ transactionVersion, ...rest }) =>
    version >= 2 ? { ...rest, transactionVersion: transactionVersion ?? 0 } : rest,
  );
  return side.ask(writeTxnMarkers, version, { markers: speakable as Marker[] }, note);
}

/** As an administrator ends what hangs; also what no administrator would send. */
const markers: Scenario = {
  name: 'transactions-markers',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const gone = await place(side, setting, 'gone', 1);
    await setting.deleteTopic(gone.name);
    for (const version of versionsOf('writeTxnMarkers'))
      for (const transactionVersion of version >= 2 ? [0, 1, 2] : [0]) {
        const name = `v${version}-${transactionVersion}`;
        const producer = await TransactionalProducer.of(side, setting, name);
        await producer.begin();
        await producer.begin('begins again, to have an epoch behind it');
        await producer.send('sends', topic, 0);
        const marker = (more: Partial<Marker> = {}): Marker => ({
          producerId: producer.producerId,
          producerEpoch: producer.producerEpoch,
          transactionResult: false,
          coordinatorEpoch: 0,
          topics: [{ name: topic.name, partitionIndexes: [0] }],
          transactionVersion,
          ...more,
        });
        const ask = async (note: string, ...sent: Marker[]): Promise<void> => {
          await writeMarkers(side, version, `${name} ${note}`, ...sent);
          await lookAtProducers(side, topic, `${name} after ${note}`, 0, 1);
        };
        const epoch = producer.producerEpoch;
        await ask('none');
        await ask('no topics', marker({ topics: [] }));
        await ask('a topic that is gone', marker({ topics: [{ name: gone.name, partitionIndexes: [0] }] }));
        await ask('no partition', marker({ topics: [{ name: topic.name, partitionIndexes: [9, -1] }] }));
        await ask('no epoch', marker({ producerEpoch: -1 }));
        await ask('an epoch behind', marker({ producerEpoch: epoch - 1 }));
        await ask('a producer of nobody', marker({ producerId: 900_000_000, producerEpoch: 4 }));
        await ask('a coordinator ahead', marker({ coordinatorEpoch: 5, producerEpoch: epoch + 1 }));
        await ask('a coordinator behind', marker({ coordinatorEpoch: 4, producerEpoch: epoch + 1 }));
        await ask('again', marker({ coordinatorEpoch: 5, producerEpoch: epoch + 1 }));
        await ask('the epoch that was open', marker({ coordinatorEpoch: 5 }));
        const both = { coordinatorEpoch: 6, producerEpoch: epoch + 2 };
        await ask(
          'two',
          marker({ ...both, transactionResult: true }),
          marker({ ...both, producerEpoch: epoch + 3 }),
        );
        await producer.send('does not know', topic, 0);
        // The partition takes no marker of that epoch any more.
        await side.ask(endTxn, newest.end, { ...producer.claim, committed: true }, `${name} does not know`);
        await producer.describe('at the end');
      }
    for (const index of [0, 1]) await lookAtRecords(side, topic, index, 'at the end');
  },
};

/** The versions that readers of transactions have: read_committed came with v4 of Fetch and v2 of ListOffsets. */
const reading: Scenario = {
  name: 'transactions-read',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    const [a, b, c] = [
      await TransactionalProducer.of(side, setting, 'a'),
      await TransactionalProducer.of(side, setting, 'b'),
      await TransactionalProducer.of(side, setting, 'c'),
    ];
    for (const producer of [a, b, c]) await producer.begin();
    const plain = (value: string) => write(a.peer, topic, 0, value);
    const look = async (note: string): Promise<void> => {
      await lookAtOffsets(side, topic, 0, note, [-1, -2, -4, timeOfRecords, timeOfRecords + 1]);
      for (const from of [0, 1, 2, 3, 5, 8, 13, 21]) await lookAtRecords(side, topic, 0, note, { from });
    };
    await look('nothing yet');
    await plain('first');
    await look('one plain record');
    await a.send('1', topic, 0, { count: 2 });
    await look('a is open');
    // Of what follows the latest are markers, whose times are those of each broker.
    await lookAtOffsets(side, topic, 0, 'a is open', [-3]);
    await plain('second');
    await b.send('2', topic, 0);
    await c.send('3', topic, 0);
    await look('three are open');
    await b.end('the second', false);
    await look('the second is aborted');
    await c.end('the third', true);
    await look('the third is committed');
    await b.send('again', topic, 0, { count: 3 });
    await a.end('the first', false);
    await look('the first is aborted');
    await a.send('again', topic, 0);
    await a.end('again', false);
    await b.end('again', false);
    await plain('last');
    await look('all are over');
    for (const version of versionsOf('fetch'))
      await lookAtRecords(side, topic, 0, 'every version', { version, from: 2 });
    await lookAtOffsets(side, topic, 0, 'every version', [-1], versionsOf('listOffsets'));
    for (const offset of [2, 5, 9]) {
      const topics = [{ name: topic.name, partitions: [{ partitionIndex: 0, offset }] }];
      await side.ask(deleteRecords, 2, { topics, timeoutMs: 30_000 }, `up to ${offset}`);
      await look(`cut at ${offset}`);
    }
  },
};

/** A reader that waits for what is committed is woken by the marker, not by records of an open transaction. */
const waiting: Scenario = {
  name: 'transactions-waited-for',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    await producer.begin();
    const readers = [await side.connect(), await side.connect()];
    let end = 0;
    for (const committed of [true, false, true]) {
      const [atOnce, later] = readers.map((reader, isolationLevel) => {
        const patient = { ...plainFetch, isolationLevel, minBytes: 1, maxWaitMs: 20_000 };
        const body = { ...patient, topics: [of(topic, target(0, end))] };
        return reader.start(fetch, newestFetch, body, `waits, isolation ${isolationLevel}`);
      });
      await producer.send('sends', topic, 0);
      await atOnce!.answer();
      side.note('the one that reads what is committed', later!.hasNews ? 'has an answer' : 'waits');
      await producer.end('', committed);
      await later!.answer();
      end += 2;
    }
  },
};

export const transactionLogScenarios: readonly Scenario[] = [
  sequences,
  outside,
  refusedBefore,
  markers,
  reading,
  waiting,
];
