/** What the coordinator says of partitions, time-outs, epochs that run out and topics that go; and what administrators are told. */
import { addPartitionsToTxn } from '../../../../protocol/messages/transactions/add-partitions-to-txn.ts';
import { describeTransactions } from '../../../../protocol/messages/transactions/describe-transactions.ts';
import { initProducerId } from '../../../../protocol/messages/transactions/init-producer-id.ts';
import { listTransactions } from '../../../../protocol/messages/transactions/list-transactions.ts';
import type { RequestInit, ResponseOf } from '../../../../protocol/schema/api.ts';
import type { Setting } from '../brokers.ts';
import { sortedBy } from '../normalise.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';
import {
  addedByPlace,
  describedByPlace,
  newest,
  old,
  TransactionalProducer,
} from '../transactional-producer.ts';
import { lookAtProducers, lookAtRecords } from './transaction-looks.ts';
import { place } from './transactions.ts';

const batchVersion = 4;

/** Partitions that are there and that are not, in every version. */
const adding: Scenario = {
  name: 'transactions-partitions',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 3);
    const { name } = topic;
    const producer = await TransactionalProducer.of(side, setting, 'p');
    const other = await TransactionalProducer.of(side, setting, 'q');
    for (const version of versionsOf('addPartitionsToTxn')) {
      await producer.begin();
      await other.begin();
      for (const [note, topics] of [
        ['nothing', []],
        ['no partitions', [{ name, partitions: [] }]],
        ['no topic', [{ name: 'no-such-topic', partitions: [0] }]],
        ['a bad name', [{ name: 'no good', partitions: [0] }]],
        ['no partition', [{ name, partitions: [9, 0] }]],
        ['a negative partition', [{ name, partitions: [-1] }]],
        ['an internal topic', [{ name: '__transaction_state', partitions: [0] }]],
        ['one', [{ name, partitions: [0] }]],
        ['one again', [{ name, partitions: [0] }]],
        ['one twice', [{ name, partitions: [1, 1] }]],
      ] as const)
        for (const verifyOnly of version >= batchVersion ? [true, false] : [false]) {
          await producer.add(`${verifyOnly ? 'verifies' : 'adds'} ${note}`, topics, version, verifyOnly);
          await producer.describe(note);
        }
      if (version >= batchVersion) await several(side, version, producer, other, name);
      await producer.end('', true, old.end);
    }
  },
};

async function several(
  side: Side,
  version: number,
  producer: TransactionalProducer,
  other: TransactionalProducer,
  name: string,
): Promise<void> {
  const asked = (one: TransactionalProducer, verifyOnly: boolean, ...partitions: number[]) => ({
    ...one.claim,
    verifyOnly,
    topics: [{ name, partitions }],
  });
  const ask = (note: string, ...transactions: ReturnType<typeof asked>[]) =>
    side.ask(addPartitionsToTxn, version, { transactions }, note, addedByPlace);
  // Of none: Kafka never answers.
  await ask('two', asked(producer, false, 2), asked(other, false, 0));
  await ask('one verified, one added', asked(producer, true, 2), asked(other, false, 1));
  await ask('one with a partition that is not there', asked(producer, false, 1), asked(other, false, 9));
  await ask('one of a stranger', asked(producer, true, 0), { ...asked(other, false, 0), producerEpoch: 99 });
  await other.describe('after that');
  await other.end('', false, old.end);
}

/** Ids that are not, time-outs that may not be, half an identity; in every version. */
const initializing: Scenario = {
  name: 'transactions-ids',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    for (const version of versionsOf('initProducerId')) {
      const producer = await TransactionalProducer.of(side, setting, `v${version}`);
      const init = (note: string, more: Partial<RequestInit<typeof initProducerId>> = {}) =>
        producer.init(note, version, more);
      for (const transactionTimeoutMs of [0, -1, 900_001, 2_147_483_647, 900_000, 1])
        await init(`time-out ${transactionTimeoutMs}`, { transactionTimeoutMs });
      await init('no id', { transactionalId: '' });
      await producer.describe('after that');
      await init('begins');
      if (version < 3) continue;
      const { producerId, producerEpoch } = producer;
      await init('half an identity', { producerId });
      await init('the other half', { producerEpoch });
      await init('goes on', { producerId, producerEpoch });
      await init('goes on, again', { producerId, producerEpoch });
      await init('from far behind', { producerId, producerEpoch: 0 });
      await init('ahead', { producerId, producerEpoch: producer.producerEpoch + 1 });
      await init('another producer', { producerId: 900_000_000, producerEpoch });
      await producer.send('sends', topic, 0);
      const { producerEpoch: open } = producer;
      await init('goes on in the middle', { producerId, producerEpoch: open });
      await init('goes on after that', { producerId, producerEpoch: open });
      await init('goes on with what it heard', { producerId, producerEpoch: open + 1 });
      await producer.describe('at the end');
    }
  },
};

/** Whoever takes longer than it said is aborted, and hears of it with what it does next. */
const timeOuts: Scenario = {
  name: 'transactions-time-outs',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const soon = { transactionTimeoutMs: 50 };
    const slow = async (name: string, isOld: boolean): Promise<TransactionalProducer> => {
      const producer = await TransactionalProducer.of(side, setting, name);
      await producer.init('begins', newest.init, soon);
      if (isOld) await producer.add('adds', [{ name: topic.name, partitions: [0] }]);
      // Aborted before its records come: these are refused like what follows.
      else await producer.add('adds', [{ name: topic.name, partitions: [0] }], newest.add);
      await producer.over('CompleteAbort');
      await producer.describe('was too slow');
      return producer;
    };
    for (const version of versionsOf('endTxn'))
      for (const committed of [true, false]) {
        const producer = await slow(`end-${version}-${committed}`, version <= old.end);
        await producer.end('too late', committed, version);
      }
    for (const version of versionsOf('produce')) {
      const producer = await slow(`produce-${version}`, version <= old.produce);
      await producer.send('too late', topic, 0, { version });
    }
    for (const version of versionsOf('addPartitionsToTxn'))
      await (await slow(`add-${version}`, true)).add(
        'too late',
        [{ name: topic.name, partitions: [0] }],
        version,
      );
    for (const version of versionsOf('addOffsetsToTxn'))
      await (await slow(`offsets-${version}`, true)).addOffsets('too late', groupId, version);
    for (const version of versionsOf('initProducerId').filter((one) => one >= 3)) {
      const producer = await slow(`init-${version}`, false);
      const { producerId, producerEpoch } = producer;
      await producer.init('goes on', version, { producerId, producerEpoch });
      await producer.send('sends', topic, 0);
      await producer.end('in time', true);
    }
    await lookAtRecords(side, topic, 0, 'at the end');
  },
};

/** So many epochs has a producer id; the last is for fencing. */
const lastEpoch = 32_766;

/** Epochs run out: the producer goes on under another id, in both protocols, and may ask again. */
const exhausted: Scenario = {
  name: 'transactions-out-of-epochs',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    for (const isOld of [true, false]) {
      const producer = await atEpoch(side, setting, isOld ? 'old' : 'new', lastEpoch - 2);
      const send = async (note: string): Promise<void> => {
        if (isOld) await producer.add(note, [{ name: topic.name, partitions: [0] }]);
        await producer.send(note, topic, 0, { version: isOld ? old.produce : newest.produce });
      };
      for (const committed of [true, false, true, true]) {
        await send('sends');
        const before = producer.left('as it was');
        await producer.end('', committed, isOld ? old.end : newest.end);
        await producer.describe('over');
        await before.end('again', committed, isOld ? old.end : newest.end);
        await before.end('the other way', !committed, isOld ? old.end : newest.end);
        await lookAtProducers(side, topic, 'over', 0);
        if (!isOld) continue;
        const { producerId, producerEpoch } = producer;
        await producer.init('goes on', newest.init, { producerId, producerEpoch });
        await before.init('asks again', newest.init, { producerId, producerEpoch });
        await producer.describe('goes on');
      }
    }
    await lookAtRecords(side, topic, 0, 'at the end');
  },
};

/** A producer that has begun so often. */
async function atEpoch(side: Side, setting: Setting, name: string, epoch: number) {
  const producer = await TransactionalProducer.of(side, setting, name);
  await producer.begin();
  const { transactionalId } = producer;
  const begin = { transactionalId, transactionTimeoutMs: 60_000 };
  await producer.peer.readyAll(
    initProducerId,
    newest.init,
    Array.from({ length: epoch - producer.producerEpoch - 1 }, () => begin),
  );
  await producer.begin(`begins at ${epoch}`);
  return producer;
}

/** The topic goes while a transaction has it. */
const deletedTopics: Scenario = {
  name: 'transactions-of-deleted-topics',
  async run(side, setting) {
    const stays = await place(side, setting, 'stays', 1);
    for (const committed of [true, false])
      for (const isOld of [true, false]) {
        const goes = await place(side, setting, `goes-${committed}-${isOld}`, 1);
        const producer = await TransactionalProducer.of(side, setting, `p-${committed}-${isOld}`);
        await producer.begin();
        if (isOld)
          await producer.add(
            'adds',
            [stays, goes].map(({ name }) => ({ name, partitions: [0] })),
          );
        for (const topic of [stays, goes])
          await producer.send(`sends`, topic, 0, { version: isOld ? old.produce : newest.produce });
        await setting.deleteTopic(goes.name);
        await producer.describe('the topic is gone');
        await producer.send('after that', goes, 0, { version: isOld ? old.produce : newest.produce });
        await producer.end('', committed, isOld ? old.end : newest.end);
        await producer.describe('over');
      }
    await lookAtRecords(side, stays, 0, 'at the end');
  },
};

const byId = ({ transactionStates, ...rest }: ResponseOf<typeof listTransactions>) => ({
  ...rest,
  transactionStates: sortedBy(transactionStates, ({ transactionalId }) => transactionalId),
});

/** What an administrator asks, of transactions in several states. */
const listing: Scenario = {
  name: 'transactions-listed',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const names = ['empty', 'open', 'committed', 'aborted'];
    const producers: TransactionalProducer[] = [];
    for (const name of names) producers.push(await TransactionalProducer.of(side, setting, name));
    const [, open, committed, aborted] = producers;
    for (const producer of producers) await producer.begin();
    for (const producer of [open!, committed!, aborted!])
      for (const index of [1, 0]) await producer.send('sends', topic, index);
    await committed!.end('', true);
    await aborted!.end('', false);
    const ids = producers.map(({ transactionalId }) => transactionalId);
    for (const [note, transactionalIds] of [
      ['all', ids],
      ['none', []],
      ['one twice', [ids[1]!, ids[1]!]],
      ['one that is not there', ['never', ids[2]!]],
      ['no name', ['']],
    ] as const)
      await side.ask(
        describeTransactions,
        0,
        { transactionalIds: [...transactionalIds] },
        note,
        describedByPlace,
      );
    const producerIdFilters = producers.map(({ producerId }) => producerId);
    for (const version of versionsOf('listTransactions')) {
      const ask = (note: string, more: Partial<RequestInit<typeof listTransactions>> = {}) =>
        side.ask(listTransactions, version, { stateFilters: [], producerIdFilters, ...more }, note, byId);
      await ask('by producer');
      for (const state of ['Empty', 'Ongoing', 'PrepareCommit', 'CompleteCommit', 'CompleteAbort', 'Dead'])
        await ask(state, { stateFilters: [state] });
      await ask('several states', { stateFilters: ['Ongoing', 'Empty', 'Odd', 'ongoing', 'Odd'] });
      await ask('no such state', { stateFilters: ['Odd'] });
      await ask('no such producer', { producerIdFilters: [900_000_000, -1] });
      if (version >= 1)
        for (const durationFilter of [-1, -2, 0, 10_000_000])
          await ask(`${durationFilter}`, { durationFilter });
      if (version < 2) continue;
      for (const transactionalIdPattern of [
        null,
        '',
        '.*-open',
        'open',
        `${side.prefix}-(open|empty)`,
        '[',
        '(?i).*OPEN',
      ])
        await ask(`pattern ${transactionalIdPattern}`, { transactionalIdPattern });
    }
    await open!.end('', true);
  },
};

export const transactionCoordinationScenarios: readonly Scenario[] = [
  adding,
  initializing,
  timeOuts,
  exhausted,
  deletedTopics,
  listing,
];
