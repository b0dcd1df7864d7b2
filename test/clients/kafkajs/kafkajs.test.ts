/** kafkajs against the broker, as a developer uses it: topics, produce, consume, groups, offsets, admin. */
import { type Consumer, type IHeaders, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { eventually } from '../eventually.ts';

let broker: Broker;
let kafka: Kafka;

beforeAll(async () => {
  broker = await startBroker();
  kafka = new Kafka({ clientId: 'test', brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
});

afterAll(() => broker.stop());

interface Seen {
  readonly partition: number;
  readonly offset: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: IHeaders | undefined;
}

/** Runs a consumer of a group from the beginning; what it sees grows in `seen`. */
async function consume(topic: string, groupId: string): Promise<{ consumer: Consumer; seen: Seen[] }> {
  // Its disconnect waits for the fetch under way, so that one must not be long.
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, heartbeatInterval: 100 });
  const seen: Seen[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      seen.push({
        partition,
        offset: message.offset,
        key: message.key?.toString() ?? null,
        value: message.value?.toString() ?? null,
        headers: message.headers,
      });
    },
  });
  return { consumer, seen };
}

describe('a topic', () => {
  test('is created, written and read back in order', async () => {
    const admin = kafka.admin();
    await admin.connect();
    expect(await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 3 }] })).toBe(true);
    expect(await admin.listTopics()).toContain('orders');
    const producer = kafka.producer();
    await producer.connect();
    for (let i = 0; i < 30; i++) {
      await producer.send({
        topic: 'orders',
        messages: [{ key: `k${i % 5}`, value: `v${i}`, headers: { n: String(i) } }],
      });
    }
    const { consumer, seen } = await consume('orders', 'readers');
    await eventually(() => expect(seen).toHaveLength(30));
    for (let k = 0; k < 5; k++) {
      const values = seen.filter(({ key }) => key === `k${k}`).map(({ value }) => value);
      expect(values).toEqual([0, 1, 2, 3, 4, 5].map((round) => `v${k + 5 * round}`));
    }
    await consumer.disconnect();
    const offsets = await admin.fetchTopicOffsets('orders');
    expect(offsets.reduce((sum, { high }) => sum + Number(high), 0)).toBe(30);
    await producer.disconnect();
    await admin.deleteTopics({ topics: ['orders'] });
    expect(await admin.listTopics()).not.toContain('orders');
    await admin.disconnect();
  });

  test('is made on the way by the first producer', async () => {
    const producer = kafka.producer();
    await producer.connect();
    const [sent] = await producer.send({ topic: 'on-the-way', messages: [{ value: 'first' }] });
    expect(sent).toMatchObject({ topicName: 'on-the-way', partition: 0, errorCode: 0, baseOffset: '0' });
    await producer.disconnect();
  });

  test('takes an idempotent producer, gzip, and tombstones', async () => {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    await producer.send({
      topic: 'idempotent',
      acks: -1,
      compression: 1,
      messages: [
        { key: 'a', value: 'x'.repeat(10_000) },
        { key: 'a', value: null },
      ],
    });
    const { consumer, seen } = await consume('idempotent', 'tombstones');
    await eventually(() => expect(seen).toHaveLength(2));
    expect(seen[0]!.value).toHaveLength(10_000);
    expect(seen[1]!.value).toBeNull();
    await consumer.disconnect();
    await producer.disconnect();
  });
});

describe('a group', () => {
  test('goes on where it committed', async () => {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: 'resumed', messages: [{ value: '0' }, { value: '1' }] });
    const first = await consume('resumed', 'resuming');
    await eventually(() => expect(first.seen).toHaveLength(2));
    await first.consumer.disconnect();
    await producer.send({ topic: 'resumed', messages: [{ value: '2' }] });
    const second = await consume('resumed', 'resuming');
    await eventually(() => expect(second.seen.length).toBeGreaterThan(0));
    expect(second.seen.map(({ value }) => value)).toEqual(['2']);
    await second.consumer.disconnect();
    await producer.disconnect();
  });

  test('shares partitions between two members and is described', async () => {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'shared', numPartitions: 4 }] });
    const members = [await consume('shared', 'sharing'), await consume('shared', 'sharing')];
    await eventually(async () => {
      const { groups } = await admin.describeGroups(['sharing']);
      expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer', errorCode: 0 });
      expect(groups[0]!.members).toHaveLength(2);
    });
    const producer = kafka.producer();
    await producer.connect();
    const messages = Array.from({ length: 40 }, (_, i) => ({ partition: i % 4, value: String(i) }));
    await producer.send({ topic: 'shared', messages });
    await eventually(() => expect(members[0]!.seen.length + members[1]!.seen.length).toBe(40));
    expect(new Set(members[0]!.seen.map(({ partition }) => partition)).size).toBe(2);
    expect(new Set(members[1]!.seen.map(({ partition }) => partition)).size).toBe(2);
    await Promise.all(members.map(({ consumer }) => consumer.disconnect()));
    await producer.disconnect();
    await eventually(async () => {
      const { groups } = await admin.describeGroups(['sharing']);
      expect(groups[0]).toMatchObject({ state: 'Empty' });
    });
    await admin.deleteGroups(['sharing']);
    const { groups } = await admin.listGroups();
    expect(groups.map(({ groupId }) => groupId)).not.toContain('sharing');
    await admin.disconnect();
  });
});

describe('admin', () => {
  test('reads and changes configs, adds partitions, deletes records', async () => {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({
      topics: [{ topic: 'tuned', configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }],
    });
    const described = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 'tuned', configNames: ['cleanup.policy', 'retention.ms'] }],
    });
    const values = Object.fromEntries(
      described.resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
    expect(values).toEqual({ 'cleanup.policy': 'compact', 'retention.ms': '604800000' });
    await admin.createTopics({ topics: [{ topic: 'grown' }] });
    await admin.createPartitions({ topicPartitions: [{ topic: 'grown', count: 4 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['grown'] });
    expect(topics[0]!.partitions).toHaveLength(4);
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({
      topic: 'grown',
      messages: [0, 1, 2].map((i) => ({ partition: 1, value: String(i) })),
    });
    await admin.deleteTopicRecords({ topic: 'grown', partitions: [{ partition: 1, offset: '2' }] });
    const offsets = await admin.fetchTopicOffsets('grown');
    expect(offsets.find(({ partition }) => partition === 1)).toMatchObject({ low: '2', high: '3' });
    await producer.disconnect();
    await admin.disconnect();
  });

  test('knows the cluster', async () => {
    const admin = kafka.admin();
    await admin.connect();
    const cluster = await admin.describeCluster();
    expect(cluster.brokers).toEqual([{ nodeId: cluster.controller, host: '127.0.0.1', port: broker.port }]);
    await admin.disconnect();
  });
});
