/** @platformatic/kafka against the broker: a client that uses the newest versions of the protocol, topic ids included. */
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  ProduceAcks,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { eventually } from '../eventually.ts';

let broker: Broker;
let admin: Admin;

beforeAll(async () => {
  broker = await startBroker();
  admin = new Admin({ clientId: 'admin', bootstrapBrokers: [broker.bootstrapServers] });
});

afterAll(async () => {
  await admin.close();
  await broker.stop();
});

function producerOf(options: { idempotent?: boolean } = {}) {
  return new Producer({
    clientId: 'producer',
    bootstrapBrokers: [broker.bootstrapServers],
    serializers: stringSerializers,
    ...options,
  });
}

async function consume(topic: string, groupId: string) {
  const consumer = new Consumer({
    groupId,
    clientId: 'consumer',
    bootstrapBrokers: [broker.bootstrapServers],
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
  const seen: {
    key: string;
    value: string;
    offset: bigint;
    partition: number;
    headers: Map<string, string>;
  }[] = [];
  stream.on('data', (message) => seen.push(message));
  return { consumer, stream, seen };
}

test('topics, records, headers and groups', async () => {
  const [created] = await admin.createTopics({ topics: ['events'], partitions: 2, replicas: 1 });
  expect(created).toMatchObject({ name: 'events', partitions: 2, replicas: 1 });
  const producer = producerOf();
  await producer.send({
    acks: ProduceAcks.ALL,
    messages: Array.from({ length: 20 }, (_, i) => ({
      topic: 'events',
      key: `k${i % 4}`,
      value: `v${i}`,
      headers: { n: String(i) },
    })),
  });
  const { consumer, stream, seen } = await consume('events', 'readers');
  await eventually(() => expect(seen).toHaveLength(20));
  for (const { value, headers } of seen) expect(`v${headers.get('n')}`).toBe(value);
  for (let k = 0; k < 4; k++) {
    const values = seen.filter(({ key }) => key === `k${k}`).map(({ value }) => value);
    expect(values).toEqual([0, 1, 2, 3, 4].map((round) => `v${k + 4 * round}`));
  }
  const groups = await admin.describeGroups({ groups: ['readers'] });
  expect(groups.get('readers')).toMatchObject({ state: 'STABLE' });
  await stream.close();
  await consumer.close(true);
  await producer.close();
});

test('an idempotent producer', async () => {
  await admin.createTopics({ topics: ['exact'], partitions: 1, replicas: 1 });
  const producer = producerOf({ idempotent: true });
  for (let i = 0; i < 5; i++)
    await producer.send({ messages: [{ topic: 'exact', key: 'k', value: String(i) }] });
  const { consumer, stream, seen } = await consume('exact', 'exact-readers');
  await eventually(() => expect(seen.map(({ value }) => value)).toEqual(['0', '1', '2', '3', '4']));
  await stream.close();
  await consumer.close(true);
  await producer.close();
});

test('configs', async () => {
  await admin.createTopics({ topics: ['configured'], partitions: 1, replicas: 1 });
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: 'configured' };
  const configOperation = IncrementalAlterConfigOperationTypes.SET;
  await admin.incrementalAlterConfigs({
    resources: [{ ...resource, configs: [{ name: 'retention.ms', configOperation, value: '1234' }] }],
  });
  const described = await admin.describeConfigs({
    resources: [{ ...resource, configurationKeys: ['retention.ms'] }],
  });
  expect(described[0]!.configs).toMatchObject([{ name: 'retention.ms', value: '1234' }]);
});
