/** What hurts in tests with Kafka, shown gone; and what the waits say when it does not come. */
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, startBroker, WaitFailed } from '../../../broker/index.ts';

/** Never the reason for a result on a slow machine. */
const timeoutMs = 60_000;
let broker: Broker;
let kafka: Kafka;
let leave: (() => Promise<unknown>)[];

beforeEach(async () => {
  broker = await startBroker();
  kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });
  leave = [];
});
afterEach(async () => {
  await Promise.all(leave.map((go) => go()));
  await broker.stop();
});

async function consume(groupId: string, topic: string) {
  const consumer = kafka.consumer({
    groupId,
    maxWaitTimeInMs: 100,
    sessionTimeout: 40_000,
    heartbeatInterval: 100,
  });
  const read: string[] = [];
  await consumer.connect();
  leave.push(() => consumer.disconnect());
  await consumer.subscribe({ topic, fromBeginning: false });
  await consumer.run({ eachMessage: async ({ message }) => void read.push(String(message.value)) });
  return { consumer, read };
}

async function produce(topic: string, ...values: string[]) {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ key: value, value })) });
  await producer.disconnect();
}

async function transactionalProducer() {
  const producer = kafka.producer({ transactionalId: 'writer', maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  leave.push(() => producer.disconnect());
  return producer;
}

test('what is written after groupStable is read, though the consumer begins at the end', async () => {
  await broker.createTopics([{ topic: 'orders', partitions: 3 }]);
  await produce('orders', 'before');
  // run() has resolved here, and nothing is assigned yet.
  const { read } = await consume('billing', 'orders');
  const { members } = await broker.groupStable('billing', { members: 1, timeoutMs });
  expect(members[0]!.partitions).toHaveLength(3);
  await produce('orders', 'one', 'two', 'three', 'four');
  await broker.committed('billing', { timeoutMs });
  expect(read.sort()).toEqual(['four', 'one', 'three', 'two']);
});

test('the same when a second member takes over a half, and both begin where they are', async () => {
  await broker.createTopics([{ topic: 'shared', partitions: 4 }]);
  const first = await consume('group', 'shared');
  await broker.groupStable('group', { members: 1, timeoutMs });
  const waiting = broker.groupStable('group', { members: 2, timeoutMs });
  const second = await consume('group', 'shared');
  expect((await waiting).members.map(({ partitions }) => partitions.length)).toEqual([2, 2]);
  await produce('shared', ...Array.from({ length: 40 }, (_, n) => `${n}`));
  await broker.committed('group', { timeoutMs });
  expect(first.read.length + second.read.length).toBe(40);
});

test('a member that fetches nothing has its assignment, and that is told', async () => {
  await broker.createTopics(['orders']);
  const { consumer } = await consume('group', 'orders');
  await broker.groupStable('group', { timeoutMs });
  consumer.pause([{ topic: 'orders' }]);
  const again = await consume('group', 'orders');
  again.consumer.pause([{ topic: 'orders' }]);
  await broker.groupStable('group', { members: 2, fetching: false, timeoutMs });
  await expect(broker.groupStable('group', { members: 2, timeoutMs: 10 })).rejects.toThrow(
    /it is Stable with 2 members: .*; assigned, and not fetched yet: orders-0/,
  );
});

test('the first rebalance does not take three seconds: no timer of the group runs before it', async () => {
  await broker.createTopics(['orders']);
  const admin = kafka.admin();
  await admin.connect();
  const resources = [{ type: 4, name: '1', configNames: ['group.initial.rebalance.delay.ms'] }];
  const described = await admin.describeConfigs({ includeSynonyms: false, resources });
  expect(described.resources[0]!.configEntries[0]!.configValue).toBe('0');
  await admin.disconnect();
});

test('a topic can be written as soon as createTopics of any client resolves', async () => {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'at-once', numPartitions: 5 }], waitForLeaders: false });
  await admin.disconnect();
  await produce('at-once', 'a', 'b', 'c');
  expect(await broker.records('at-once', { atLeast: 3, timeoutMs })).toHaveLength(3);
  expect(broker.requests({ api: 'Produce' }).filter(({ error }) => error !== 'NONE')).toEqual([]);
});

test('transactions work with one broker, and committed counts none of their markers', async () => {
  await broker.createTopics(['work']);
  await produce('work', 'a', 'b');
  const producer = await transactionalProducer();
  const transaction = await producer.transaction();
  await transaction.send({ topic: 'work', messages: [{ value: 'c' }] });
  await transaction.commit();
  const aborted = await producer.transaction();
  await aborted.send({ topic: 'work', messages: [{ value: 'never' }] });
  await aborted.abort();
  const waiting = broker.committed('group', { topics: ['work'], timeoutMs });
  const commit = await producer.transaction();
  const topics = [{ topic: 'work', partitions: [{ partition: 0, offset: '3' }] }];
  await commit.sendOffsets({ consumerGroupId: 'group', topics });
  await commit.commit();
  expect(await waiting).toMatchObject([{ topic: 'work', partition: 0, offset: 3 }]);
});

test('createTopics makes all of them or none', async () => {
  await broker.createTopics(['plain']);
  await expect(broker.createTopics(['new', 'plain'])).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
  await broker.createTopics(['new']);
});

test('a time-out tells how it is then, not how it was', async () => {
  await broker.createTopics(['orders']);
  await consume('group', 'orders');
  await broker.groupStable('group', { timeoutMs });
  const wait = broker.groupStable('group', { members: 2, timeoutMs: 10 });
  await expect(wait).rejects.toBeInstanceOf(WaitFailed);
  await expect(wait).rejects.toThrow(/it is Stable with 1 members: kafkajs \(orders-0\)$/);
});

test('a topic that is deleted ends the wait for its records', async () => {
  await broker.createTopics(['plain']);
  const deleted = expect(broker.records('plain', { timeoutMs })).rejects.toThrow('plain was deleted');
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: ['plain'] });
  await deleted;
  await admin.disconnect();
});

test('options that nobody knows, or that cannot be, are named', async () => {
  await broker.createTopics(['plain']);
  const wrong: [Promise<unknown>, string, RegExp][] = [
    [broker.groupStable('g', { member: 2 } as never), 'member', /did you mean members/],
    [broker.groupStable(''), 'groupId', /not empty/],
    [broker.committed('g', { topics: ['none'] }), 'topic', /there is no topic none/],
    [broker.records('none'), 'topic', /there is no topic none/],
    [broker.records('plain', { partition: 7 }), 'partition', /no partition 7/],
    [broker.compacted('none'), 'topic', /there is no topic none/],
    [broker.createTopics('plain' as never), 'topics', /takes a list/],
    [broker.createTopics([{ topic: 'x', partition: 3 } as never]), 'partition', /did you mean partitions/],
    [broker.createTopics([{ topic: 'x', partitions: 0 }]), 'partitions', /from 1 to/],
    [startBroker({ prot: 1 } as never), 'prot', /did you mean .*\bport\b/],
    [startBroker({ port: 70_000 }), 'port', /from 0 to 65535/],
    [startBroker({ dataDir: '' }), 'dataDir', /not empty/],
    [startBroker({ dataDir: 'x', config: { 'log.dirs': 'y' } }), 'dataDir', /contradict/],
    [startBroker({ dataDir: 'x', config: { 'kompakt.memory.limit.bytes': 1 } }), 'dataDir', /in memory/],
    [startBroker({ port: 1, config: { listeners: 'PLAINTEXT://:0' } }), 'port', /contradict/],
    [startBroker({ config: { 'kompakt.http.enable': true } }), 'http', /without effect/],
    [startBroker({ http: { prot: 1 } as never }), 'http.prot', /did you mean .*\bport\b/],
    [startBroker({ http: { port: -1 } }), 'http.port', /from 0 to/],
    [
      startBroker({ http: { token: 'a' }, config: { 'kompakt.http.token': 'b' } }),
      'http.token',
      /contradict/,
    ],
  ];
  const outcomes = await Promise.allSettled(wrong.map(([call]) => call));
  for (const [index, [, option, message]] of wrong.entries()) {
    const { reason } = outcomes[index] as PromiseRejectedResult;
    expect(reason).toMatchObject({ name: 'OptionError', option });
    expect(reason.message).toMatch(message);
  }
});
