/** @platformatic/kafka's transactions: records, and the offsets of what they were made from. */
import {
  Admin,
  Consumer,
  type Message,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { eventually } from '../eventually.ts';

let broker: Broker;
let admin: Admin;
let bootstrapBrokers: string[];

beforeAll(async () => {
  broker = await startBroker();
  bootstrapBrokers = [broker.bootstrapServers];
  admin = new Admin({ clientId: 'admin', bootstrapBrokers });
  await admin.createTopics({ topics: ['orders', 'bills'], partitions: 1, replicas: 1 });
});

afterAll(async () => {
  await admin.close();
  await broker.stop();
});

async function consume(topic: string, groupId: string) {
  const consumer = new Consumer({
    groupId,
    clientId: 'consumer',
    bootstrapBrokers,
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'earliest',
    autocommit: false,
    isolationLevel: 1,
  });
  const seen: Message<string, string, string, string>[] = [];
  stream.on('data', (message) => seen.push(message));
  const close = async () => {
    await stream.close();
    await consumer.close(true);
  };
  return { consumer, seen, close };
}

/** What a group has committed of `orders`. */
async function committed(groupId: string): Promise<string> {
  const groups = await admin.listConsumerGroupOffsets({
    groups: [{ groupId, topics: [{ name: 'orders', partitionIndexes: [0] }] }],
  });
  return String(groups[0]!.topics[0]!.partitions[0]!.committedOffset);
}

test('a commit brings records and offsets, an abort neither', async () => {
  const plain = new Producer({ clientId: 'plain', bootstrapBrokers, serializers: stringSerializers });
  for (const value of ['o1', 'o2', 'o3'])
    await plain.send({ messages: [{ topic: 'orders', key: 'k', value }] });
  const orders = await consume('orders', 'billing');
  await eventually(() => expect(orders.seen).toHaveLength(3));
  const producer = new Producer({
    clientId: 'billing',
    transactionalId: 'billing',
    idempotent: true,
    bootstrapBrokers,
    serializers: stringSerializers,
  });
  const bill = async (message: Message<string, string, string, string>, prefix: string) => {
    const transaction = await producer.beginTransaction();
    await transaction.addConsumer(orders.consumer);
    await transaction.send({ messages: [{ topic: 'bills', key: 'k', value: `${prefix} ${message.value}` }] });
    await transaction.addOffset(message);
    return transaction;
  };
  await (await bill(orders.seen[0]!, 'never for')).abort();
  expect(await committed('billing')).toBe('-1');
  for (const message of orders.seen) await (await bill(message, 'for')).commit();
  expect(await committed('billing')).toBe('3');
  const bills = await consume('bills', 'auditors');
  await eventually(() =>
    expect(bills.seen.map(({ value }) => value)).toEqual(['for o1', 'for o2', 'for o3']),
  );
  await Promise.all([orders.close(), bills.close()]);
  await Promise.all([plain.close(), producer.close()]);
});
