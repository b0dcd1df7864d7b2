/** Topics made for tests, and waits that see what they wait for, or tell what they saw. */
import { type Consumer, Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Broker, startBroker, TopicRefused } from '../../../broker/index.ts';

let broker: Broker;
let kafka: Kafka;
const consumers: Consumer[] = [];

const clientOf = ({ brokers }: Broker): Kafka => new Kafka({ brokers, logLevel: logLevel.NOTHING });

beforeEach(async () => {
  broker = await startBroker();
  kafka = clientOf(broker);
});

afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
  await broker.stop();
});

async function send(topic: string, ...values: string[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ key: value, value })) });
  await producer.disconnect();
}

/** A member of a group that hands over what it is given. */
async function join(
  groupId: string,
  topic: string,
  given: (value: string) => void = () => {},
): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 });
  consumers.push(consumer);
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => given(`${message.value}`) });
  return consumer;
}

describe('createTopics', () => {
  it('makes topics that can be written at once, by name or with more', async () => {
    await broker.createTopics([
      'plain',
      { topic: 'keyed', partitions: 3, config: { 'cleanup.policy': 'compact' } },
    ]);
    const admin = kafka.admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: ['plain', 'keyed'] });
    expect(topics.map(({ name, partitions }) => `${name} ${partitions.length}`).sort()).toEqual([
      'keyed 3',
      'plain 1',
    ]);
    await admin.disconnect();
    await send('plain', 'a');
  });

  it('says which could not be made, and why', async () => {
    await broker.createTopics(['orders']);
    const again = broker.createTopics(['orders']);
    await expect(again).rejects.toBeInstanceOf(TopicRefused);
    await expect(again).rejects.toMatchObject({ topic: 'orders', code: 'TOPIC_ALREADY_EXISTS' });
    const wrong = broker.createTopics([{ topic: 'x', config: { 'cleanup.policy': 'compress' } }]);
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    const strange = broker.createTopics([{ topic: 'x', partitons: 3 } as never]);
    await expect(strange).rejects.toThrow('createTopics has no option partitons (did you mean partitions?)');
  });
});

describe('waiting', () => {
  it('groupStable: every partition is assigned', async () => {
    await broker.createTopics([{ topic: 'orders', partitions: 4 }]);
    const stable = broker.groupStable('shop', { members: 2 });
    await Promise.all([join('shop', 'orders'), join('shop', 'orders')]);
    const { members } = await stable;
    expect(members.map(({ partitions }) => partitions.length)).toEqual([2, 2]);
    expect(new Set(members.flatMap(({ partitions }) => partitions.map((each) => each.partition))).size).toBe(
      4,
    );
  });

  it('groupStable: tells what it saw', async () => {
    await broker.createTopics(['orders']);
    await expect(broker.groupStable('nobody', { timeoutMs: 5 })).rejects.toThrow(
      'waited 5 ms for group nobody to be stable: there is no such group',
    );
    await join('shop', 'orders');
    await broker.groupStable('shop');
    await expect(broker.groupStable('shop', { members: 2, timeoutMs: 5 })).rejects.toThrow(
      /it is Stable with 1 members: kafkajs \(orders-0\)/,
    );
  });

  it('records: what is committed, once there is enough', async () => {
    await broker.createTopics(['orders']);
    const all = broker.records('orders', { atLeast: 3 });
    await send('orders', 'a', 'b');
    await send('orders', 'c');
    expect((await all).map(({ offset, key, value }) => `${offset} ${key}=${value}`)).toEqual([
      '0 a=a',
      '1 b=b',
      '2 c=c',
    ]);
    await expect(broker.records('orders', { atLeast: 4, timeoutMs: 5 })).rejects.toThrow('there are 3');
    await expect(broker.records('other')).rejects.toThrow('there is no topic other');
  });

  it('records: a transaction counts when it is committed', async () => {
    await broker.createTopics(['orders']);
    const producer = kafka.producer({ transactionalId: 't', maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const aborted = await producer.transaction();
    await aborted.send({ topic: 'orders', messages: [{ value: 'never' }] });
    await aborted.abort();
    const transaction = await producer.transaction();
    await transaction.send({ topic: 'orders', messages: [{ value: 'kept' }] });
    await expect(broker.records('orders', { timeoutMs: 5 })).rejects.toThrow('there are 0');
    const all = broker.records('orders');
    await transaction.commit();
    expect((await all).map(({ value }) => `${value}`)).toEqual(['kept']);
    await producer.disconnect();
  });

  it('committed: the group has been through all of it', async () => {
    await broker.createTopics([{ topic: 'orders', partitions: 2 }]);
    await send('orders', 'a', 'b', 'c');
    const seen: string[] = [];
    const done = broker.committed('shop', { topics: ['orders'] });
    await join('shop', 'orders', (value) => seen.push(value));
    const partitions = await done;
    expect(seen.sort()).toEqual(['a', 'b', 'c']);
    expect(partitions.reduce((sum, { offset }) => sum + (offset ?? 0), 0)).toBe(3);
    await expect(broker.committed('nobody', { timeoutMs: 5 })).rejects.toThrow('it has no subscription');
    await expect(broker.committed('nobody', { topics: ['orders'], timeoutMs: 5 })).rejects.toThrow(
      /orders-\d at none of \d/,
    );
  });

  it('compacted: what was written is, without more ado', async () => {
    await broker.createTopics([{ topic: 'articles', config: { 'cleanup.policy': 'compact' } }, 'orders']);
    expect(await broker.compacted('articles')).toMatchObject([{ cleanUpToOffset: 0, endOffset: 0 }]);
    await send('articles', 'a', 'a', 'b');
    expect(await broker.compacted('articles')).toMatchObject([{ cleanUpToOffset: 3, endOffset: 3 }]);
    expect((await broker.records('articles')).map(({ offset }) => offset)).toEqual([1, 2]);
    await send('articles', 'b');
    expect(await broker.compacted('articles')).toMatchObject([{ cleanUpToOffset: 4, endOffset: 4 }]);
    expect((await broker.records('articles')).map(({ offset }) => offset)).toEqual([1, 3]);
    await expect(broker.compacted('orders')).rejects.toThrow('orders is not compacted');
  });

  it('compacted: waits for an open transaction, and says so', async () => {
    await broker.createTopics([{ topic: 'articles', config: { 'cleanup.policy': 'compact' } }]);
    const producer = kafka.producer({ transactionalId: 't', maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic: 'articles', messages: [{ key: 'a', value: 'a' }] });
    await expect(broker.compacted('articles', { timeoutMs: 50 })).rejects.toMatchObject({
      saw: 'offsets 0 to 0 of articles-0 are not clean: a transaction is open there',
    });
    const done = broker.compacted('articles');
    await transaction.commit();
    expect(await done).toMatchObject([{ cleanUpToOffset: expect.any(Number) }]);
    await producer.disconnect();
  });

  it('compacted: waits for min.compaction.lag.ms on the clock of the broker, and says so', async () => {
    const late = await startBroker({ clock: 'virtual' });
    const config = { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': 60_000 };
    await late.createTopics([
      { topic: 'articles', config: { ...config, 'message.timestamp.type': 'LogAppendTime' } },
    ]);
    const real = kafka;
    kafka = clientOf(late);
    await send('articles', 'a', 'a');
    kafka = real;
    await expect(late.compacted('articles', { timeoutMs: 50 })).rejects.toThrow(
      'offset 1 is too young for 60000 ms yet (min.compaction.lag.ms)',
    );
    const done = late.compacted('articles');
    await late.clock.advance('1m');
    expect(await done).toMatchObject([{ cleanUpToOffset: 2 }]);
    await late.stop();
  });

  it('a wait ends with its signal', async () => {
    const gone = new AbortController();
    const waiting = broker.groupStable('shop', { signal: gone.signal });
    gone.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(broker.groupStable('shop', { signal: gone.signal })).rejects.toThrow('enough');
  });

  const odd = (options: object) => options as never;
  it.each<[string, () => unknown]>([
    ['timeoutMs', () => broker.groupStable('g', { timeoutMs: -1 })],
    ['timeoutMs', () => broker.committed('g', { timeoutMs: Number.NaN })],
    ['timeoutMs', () => broker.compacted('t', odd({ timeoutMs: '5s' }))],
    ['atLeast', () => broker.records('t', { atLeast: 1.5 })],
    ['partition', () => broker.records('t', { partition: -1 })],
    ['partition', () => broker.records('t', { partition: 1 })],
    ['topic', () => broker.records('t2')],
    ['members', () => broker.groupStable('g', { members: 0 })],
    ['fetching', () => broker.groupStable('g', odd({ fetching: 'no' }))],
    ['groupId', () => broker.groupStable('')],
    ['memers', () => broker.groupStable('g', odd({ memers: 1 }))],
    ['topics', () => broker.committed('g', odd({ topics: 't' }))],
    ['partition', () => broker.compact('t', { partition: 0.5 })],
    ['includeActve', () => broker.compact('t', odd({ includeActve: true }))],
    ['dropTombstonesOlderThanMs', () => broker.compact('t', { dropTombstonesOlderThanMs: -1 })],
    ['limit', () => broker.explain('t', 'k', { limit: 0 })],
    ['api', () => broker.requests({ api: odd('Prodce' as never) })],
    ['clientid', () => broker.requests(odd({ clientid: 'x' }))],
    ['partitons', () => broker.createTopics([odd({ topic: 'x', partitons: 3 })])],
  ])('%s that makes no sense is an OptionError which names it', async (option, wrong) => {
    await broker.createTopics(['t']);
    const outcome = expect(new Promise((resolve) => resolve(wrong()))).rejects;
    await outcome.toMatchObject({ name: 'OptionError', option, message: expect.stringContaining(option) });
  });
});

describe('reset', () => {
  it('tells those who wait', async () => {
    await broker.createTopics(['orders']);
    const waiting = broker.records('orders', { timeoutMs: 60_000 });
    const outcome = expect(waiting).rejects.toThrow('the broker was reset');
    await broker.records('orders', { timeoutMs: 1 }).catch(() => {});
    await broker.reset();
    await outcome;
  });
});
