/** Transactions in their whole life: in every version of every request, in every state, and when somebody else has the id. */
import { endTxn } from '../../../../protocol/messages/transactions/end-txn.ts';
import { initProducerId } from '../../../../protocol/messages/transactions/init-producer-id.ts';
import type { Setting } from '../brokers.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';
import { newest, old, oldest, TransactionalProducer } from '../transactional-producer.ts';
import { at, offset, type Topic, topicOf } from './commit-requests.ts';
import { lookAtGroup, lookAtOffsets, lookAtProducers, lookAtRecords } from './transaction-looks.ts';

/** A topic that can be written to at once, on both sides. */
export async function place(side: Side, setting: Setting, word: string, partitions: number): Promise<Topic> {
  const topic = await topicOf(side, setting, word, partitions);
  await setting.settle(topic.name);
  return topic;
}

const partitionsOf = ({ name }: Topic, ...partitions: number[]) => [{ name, partitions }];

/** Everything that anybody can ask about what a transaction has done. */
async function look(side: Side, topic: Topic, groupId: string, note: string): Promise<void> {
  await lookAtRecords(side, topic, 0, note);
  await lookAtOffsets(side, topic, 0, note);
  await lookAtProducers(side, topic, note, 0, 1);
  await lookAtGroup(side, groupId, topic, note);
}

/** Before KIP-890: each in all its versions, the n-th of one beside the n-th of the others. */
const oldLives: Scenario = {
  name: 'transactions-of-old',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    const upTo = (low: number, n: number, high: number): number => Math.min(low + n, high);
    const count = old.produce - oldest.produce + 1;
    for (let n = 0; n < count; n++)
      for (const committed of [true, false]) {
        await producer.begin('begins', upTo(0, n, newest.init));
        await producer.add('adds', partitionsOf(topic, 0, 1), upTo(oldest.add, n, old.add));
        await producer.send('sends', topic, 0, { version: upTo(oldest.produce, n, old.produce), count: 2 });
        await producer.send('sends', topic, 1, { version: upTo(oldest.produce, n, old.produce) });
        await producer.addOffsets('adds offsets', groupId, upTo(0, n, newest.addOffsets));
        const offsets = [at(topic, offset(0, 2 * n + Number(committed)))];
        await producer.commit('its offsets', groupId, offsets, upTo(oldest.commit, n, old.commit));
        await producer.describe('open');
        await look(side, topic, groupId, 'open');
        await producer.end('', committed, upTo(oldest.end, n, old.end));
        await producer.describe('over');
        await look(side, topic, groupId, 'over');
      }
  },
};

/** KIP-890: partitions and groups come with the first records and offsets, each end brings an epoch. */
const newLives: Scenario = {
  name: 'transactions',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    await producer.begin();
    for (const version of [12, newest.produce])
      for (const commitVersion of [5, newest.commit])
        for (const committed of [true, false]) {
          await producer.send('sends', topic, 0, { version, count: 2 });
          await producer.send('sends more', topic, 0, { version });
          await producer.send('sends elsewhere', topic, 1, { version });
          const offsets = [at(topic, offset(0, version * 10 + Number(committed)))];
          await producer.commit('its offsets', groupId, offsets, commitVersion);
          await producer.describe('open');
          await look(side, topic, groupId, 'open');
          await producer.end('', committed);
          await producer.describe('over');
          await look(side, topic, groupId, 'over');
        }
  },
};

/** One client after the other under an id, each speaking the other protocol than the one before. */
const mixedLives: Scenario = {
  name: 'transactions-of-both-protocols',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    await producer.begin();
    for (const [note, isAdded, version, endVersion] of [
      ['new, new', false, 12, 5],
      ['added, new, old end', true, 12, 4],
      ['added, old, new end', true, 11, 5],
      ['old, old', true, 11, 4],
      ['new, old end', false, 12, 4],
      ['old, new end', true, 9, 5],
    ] as const)
      for (const committed of [true, false]) {
        if (isAdded) await producer.add(note, partitionsOf(topic, 0));
        await producer.send(note, topic, 0, { version });
        await producer.describe(`open: ${note}`);
        await producer.end(note, committed, endVersion);
        await producer.describe(`over: ${note}`);
        await lookAtProducers(side, topic, note, 0);
      }
    await lookAtRecords(side, topic, 0, 'at the end');
  },
};

const endings: Scenario = {
  name: 'transactions-that-end-again',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 1);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    for (const version of versionsOf('endTxn')) {
      const isOld = version <= old.end;
      const retry = async (note: string, before: TransactionalProducer): Promise<void> => {
        for (const committed of [true, false]) {
          // As it asked the first time, without the epoch that the answer brought.
          await side.ask(endTxn, version, { ...before.claim, committed }, `${note}, again ${committed}`);
          await producer.over();
        }
      };
      const ask = async (note: string, committed: boolean): Promise<void> => {
        const before = producer.left();
        await producer.end(note, committed, version);
        await retry(note, before);
        await producer.describe(note);
      };
      await producer.begin('begins anew');
      await ask('nothing', true);
      await ask('nothing', false);
      for (const committed of [true, false]) {
        if (isOld) await producer.add('adds', partitionsOf(topic, 0));
        await producer.send('sends', topic, 0, { version: isOld ? 11 : 13 });
        await ask('something', committed);
        await ask('nothing after that', committed);
        await ask('nothing, the other way', !committed);
      }
    }
    await lookAtRecords(side, topic, 0, 'at the end');
    await lookAtProducers(side, topic, 'at the end', 0);
  },
};

/** Whoever had an id, when somebody else has taken it: all that it may still try. */
const fenced: Scenario = {
  name: 'transactions-fenced',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    for (const [when, isOpen] of [
      ['in a transaction', true],
      ['after one', false],
    ] as const) {
      const producer = await TransactionalProducer.of(side, setting, isOpen ? 'open' : 'over');
      await producer.begin();
      await producer.send('sends', topic, 0);
      if (!isOpen) await producer.end('', true);
      const before = producer.left();
      await producer.begin('takes over');
      await producer.send('sends', topic, 0);
      await tryAll(before, topic, groupId, when);
      await producer.describe('all the same');
      await producer.end('', true);
      await tryAll(before, topic, groupId, `${when}, when the next has ended`);
    }
    await lookAtRecords(side, topic, 0, 'at the end');
    await lookAtProducers(side, topic, 'at the end', 0, 1);
  },
};

/** Every request of a transaction, in every version, one of each. */
async function tryAll(
  producer: TransactionalProducer,
  topic: Topic,
  groupId: string,
  note: string,
): Promise<void> {
  for (const version of versionsOf('initProducerId').filter((one) => one >= 3)) {
    const { producerId, producerEpoch } = producer;
    const who = { producerId, producerEpoch };
    const { transactionalId } = producer;
    const body = { transactionalId, transactionTimeoutMs: 60_000, ...who };
    await producer.peer.ask(initProducerId, version, body, `${producer.name} ${note}`);
    await producer.over();
  }
  for (const version of versionsOf('addPartitionsToTxn')) {
    await producer.add(note, partitionsOf(topic, 1), version);
    if (version >= 4) await producer.add(`${note}, verified`, partitionsOf(topic, 1), version, true);
  }
  for (const version of versionsOf('addOffsetsToTxn')) await producer.addOffsets(note, groupId, version);
  for (const version of versionsOf('produce')) await producer.send(note, topic, 1, { version });
  for (const version of versionsOf('txnOffsetCommit'))
    await producer.commit(note, groupId, [at(topic, offset(0, 1))], version);
  for (const version of versionsOf('endTxn')) {
    await producer.end(note, true, version);
    await producer.end(note, false, version);
  }
}

/** Claims that nobody has been given. */
const strangers: Scenario = {
  name: 'transactions-of-strangers',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const never = await TransactionalProducer.of(side, setting, 'never');
    await tryAll(never, topic, groupId, 'before it has an id');
    await never.describe('before it has an id');
    Object.assign(never, { producerId: 900_000_000, producerEpoch: 3 });
    await tryAll(never, topic, groupId, 'an id of its own making');
    await never.describe('an id of its own making');
    const producer = await TransactionalProducer.of(side, setting, 'p');
    await producer.begin();
    await producer.add('adds', partitionsOf(topic, 0));
    for (const [note, byId, byEpoch] of [
      ['an epoch ahead', 0, 1],
      ['an epoch behind', 0, -1],
      ['another producer', 900_000_000, 0],
    ] as const) {
      const other = producer.left(note);
      other.producerId += byId;
      other.producerEpoch += byEpoch;
      await tryAll(other, topic, groupId, note);
      await producer.describe(note);
    }
    await producer.end('', false, old.end);
    await lookAtRecords(side, topic, 1, 'at the end');
  },
};

export const transactionScenarios: readonly Scenario[] = [
  oldLives,
  newLives,
  mixedLives,
  endings,
  fenced,
  strangers,
];
