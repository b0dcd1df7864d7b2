/** Topics that change under those who ask: another policy, more partitions, another topic of the same name. */
import { type Admin, ConfigResourceTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import type { Change, ChangesOptions } from '../../../broker/lookup/lookup.ts';
import { answered, bytes, refusalOf, told } from './lookup-world.ts';

let broker: Broker;
let admin: Admin;
let producer: Producer;

beforeAll(async () => {
  broker = await startBroker();
  const kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  producer = kafka.producer();
  await admin.connect();
  await producer.connect();
});

afterAll(async () => {
  await admin.disconnect();
  await producer.disconnect();
  await broker.stop();
});

async function make(topic: string, numPartitions = 1): Promise<void> {
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: false });
}

async function configure(topic: string, name: string, value: string): Promise<void> {
  const configEntries = [{ name, value }];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
  await admin.alterConfigs({ validateOnly: false, resources });
}

const put = (topic: string, key: string, value: string, options = {}) =>
  broker.lookups.put(topic, bytes(key), bytes(value), options);

const read = async (topic: string, key: string, options = {}): Promise<string> =>
  answered(await broker.lookups.get(topic, bytes(key), options));

const changes = (topic: string, options: ChangesOptions = {}): AsyncIterator<Change> =>
  broker.lookups.changes(topic, options)[Symbol.asyncIterator]();

async function next(stream: AsyncIterator<Change>): Promise<string> {
  const { value } = await stream.next();
  return value.kind === 'live' ? 'live' : told(value.record);
}

describe('a topic that is compacted no more', () => {
  it.each([
    ['by its policy', 'cleanup.policy', 'delete'],
    ['by its switch', 'kompakt.lookup.enable', 'false'],
  ])('is no table for anybody, those who wait included, until it is again: %s', async (how, name, value) => {
    const topic = `policy-${name}`;
    await make(topic);
    await put(topic, 'a', '1');
    const stream = changes(topic);
    expect([await next(stream), await next(stream)]).toEqual(['0 a=1', 'live']);
    const snapshot = changes(topic, { bufferBytesMax: 1 });
    const { position } = (await snapshot.next()).value;
    const [streaming, waiting] = [
      refusalOf(stream.next()),
      refusalOf(broker.lookups.get(topic, bytes('a'), { minOffset: 1, waitMs: 60_000 })),
    ];
    await configure(topic, name, value);
    for (const refused of [
      ...[streaming, waiting],
      ...[refusalOf(snapshot.next()), refusalOf(changes(topic, { after: position }).next())],
      ...[refusalOf(read(topic, 'a')), refusalOf(put(topic, 'a', '2'))],
      refusalOf(broker.lookups.page(topic)),
    ])
      expect(await refused, how).toEqual({ reason: 'not-a-table' });
    expect(broker.lookups.status().filter((each) => each.topic === topic)).toEqual([]);
    // A topic that is not compacted takes records without a key.
    const messages = [{ key: 'a', value: '3' }, ...(value === 'delete' ? [{ value: 'none' }] : [])];
    await producer.send({ topic, messages: [...messages, { key: 'b', value: '4' }] });
    await configure(topic, 'cleanup.policy', 'compact');
    const last = messages.length + 1;
    expect(await read(topic, 'a')).toBe('found 1 a=3');
    const [again, others] = [changes(topic, { after: position }), changes(topic)];
    expect([await next(again), await next(again), await next(again)]).toEqual([
      'live',
      '1 a=3',
      `${last} b=4`,
    ]);
    expect([await next(others), await next(others)]).toEqual(['1 a=3', `${last} b=4`]);
    for (const each of [again, others]) await each.return!();
  });
});

describe('a topic that is another one of the same name', () => {
  it('knows nothing of the first: no value, no ETag, no place to go on from', async () => {
    await make('again');
    const first = await put('again', 'a', '1');
    await put('again', 'b', '1');
    const { next: after } = await broker.lookups.page('again', { limit: 1 });
    const stream = changes('again');
    const { position } = (await stream.next()).value;
    expect(await next(stream)).toBe('1 b=1');
    expect(await next(stream)).toBe('live');
    const ended = refusalOf(stream.next());
    const waiting = refusalOf(broker.lookups.get('again', bytes('a'), { minOffset: 5, waitMs: 60_000 }));
    await admin.deleteTopics({ topics: ['again'] });
    await make('again');
    expect([await ended, await waiting]).toEqual([{ reason: 'unknown-topic' }, { reason: 'unknown-topic' }]);
    expect(await read('again', 'a')).toBe('absent');
    const second = await put('again', 'a', '2');
    // The same place in the log, and yet another record.
    expect(second).toMatchObject({ partition: first.partition, offset: first.offset });
    expect(await refusalOf(put('again', 'a', '3', { ifMatch: [first] }))).toMatchObject({
      reason: 'precondition',
      current: { topicId: second.topicId },
    });
    expect(await refusalOf(broker.lookups.page('again', { after: after! }))).toEqual({
      reason: 'bad-request',
    });
    expect(await refusalOf(changes('again', { after: position }).next())).toMatchObject({ reason: 'gone' });
    expect(await read('again', 'a')).toBe('found 0 a=2');
  });
});

describe('a topic that gets more partitions', () => {
  it('says so of keys that live in two of them from then on, and writes where it is told', async () => {
    await make('more');
    const keys = Array.from({ length: 8 }, (_, n) => `key-${n}`);
    for (const key of keys) await put('more', key, 'old');
    await admin.createPartitions({ topicPartitions: [{ topic: 'more', count: 3 }] });
    // A key that lives is written where it lives, whatever murmur2 says by now.
    for (const key of keys) expect(await put('more', key, 'new')).toMatchObject({ partition: 0 });
    await producer.send({ topic: 'more', messages: keys.map((key) => ({ key, value: 'theirs' })) });
    const answers = new Map<string, string>();
    for (const key of keys) answers.set(key, await read('more', key));
    const moved = keys.filter((key) => answers.get(key)!.startsWith('several'));
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.length).toBeLessThan(keys.length);
    const [key] = moved as [string];
    expect(await refusalOf(put('more', key, 'which?'))).toMatchObject({ reason: 'several' });
    const found = await broker.lookups.get('more', bytes(key));
    const { partition } = (found.kind === 'several' ? found.records : []).at(-1)!;
    expect(await read('more', key, { partition: 0 })).toMatch(/new$/);
    expect(await read('more', key, { partition })).toMatch(/theirs$/);
    await broker.lookups.put('more', bytes(key), null, { partition: 0 });
    // A tombstone in one of them: it lives in the other alone.
    expect(await read('more', key)).toMatch(/theirs$/);
    expect(await put('more', key, 'ours')).toMatchObject({ partition });
    const many = await broker.lookups.getMany('more', moved.map(bytes));
    expect(many.map(({ kind }) => kind)).toEqual(['found', ...moved.slice(1).map(() => 'several')]);
  });
});
