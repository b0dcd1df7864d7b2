/** kafkajs' transactions against the broker: records and offsets come together or not at all. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { eventually } from '../eventually.ts';

let broker: Broker;
let kafka: Kafka;

beforeAll(async () => {
  broker = await startBroker();
  kafka = new Kafka({ clientId: 'test', brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({
    topics: [
      { topic: 'payments', numPartitions: 1 },
      { topic: 'receipts', numPartitions: 2 },
    ],
  });
  await admin.disconnect();
});

afterAll(() => broker.stop());

async function transactionalProducer(transactionalId: string) {
  const producer = kafka.producer({
    transactionalId,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: { retries: 3, initialRetryTime: 20 },
  });
  await producer.connect();
  return producer;
}

/** What a group has committed of `payments`. */
async function committed(groupId: string): Promise<string> {
  const admin = kafka.admin();
  await admin.connect();
  const [topic] = await admin.fetchOffsets({ groupId, topics: ['payments'] });
  await admin.disconnect();
  return topic!.partitions[0]!.offset;
}

async function read(topic: string, groupId: string, isReadUncommitted = false) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, readUncommitted: isReadUncommitted });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      values.push(message.value!.toString());
    },
  });
  return { consumer, values };
}

test('what is committed is seen with its offsets, what is aborted never', async () => {
  const producer = await transactionalProducer('till');
  const first = await producer.transaction();
  await first.send({ topic: 'receipts', messages: [{ value: 'r1' }, { value: 'r2' }] });
  const offsets = (offset: string) => ({
    consumerGroupId: 'tills',
    topics: [{ topic: 'payments', partitions: [{ partition: 0, offset }] }],
  });
  await first.sendOffsets(offsets('5'));
  expect(await committed('tills')).toBe('-1');
  await first.commit();
  expect(await committed('tills')).toBe('5');
  const second = await producer.transaction();
  await second.send({ topic: 'receipts', messages: [{ value: 'never' }] });
  await second.sendOffsets(offsets('9'));
  await second.abort();
  expect(await committed('tills')).toBe('5');
  const third = await producer.transaction();
  await third.send({ topic: 'receipts', messages: [{ value: 'r3' }] });
  await third.commit();
  const { consumer, values } = await read('receipts', 'auditors');
  await eventually(() => expect([...values].sort()).toEqual(['r1', 'r2', 'r3']));
  await consumer.disconnect();
  await producer.disconnect();
});

test('an open transaction holds read_committed readers back until it is over, and no others', async () => {
  const producer = await transactionalProducer('slow');
  const open = await producer.transaction();
  await open.send({ topic: 'payments', messages: [{ value: 'open' }] });
  const plain = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await plain.connect();
  await plain.send({ topic: 'payments', messages: [{ value: 'behind it' }] });
  const eager = await read('payments', 'eager', true);
  const careful = await read('payments', 'careful');
  await eventually(() => expect(eager.values).toEqual(['open', 'behind it']));
  expect(careful.values).toEqual([]);
  await open.commit();
  await eventually(() => expect(careful.values).toEqual(['open', 'behind it']));
  await Promise.all([eager.consumer.disconnect(), careful.consumer.disconnect()]);
  await Promise.all([plain.disconnect(), producer.disconnect()]);
});

test('whoever takes over a transactional id fences the one before, whose transaction is aborted', async () => {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'fenced', numPartitions: 1 }] });
  await admin.disconnect();
  const before = await transactionalProducer('fleet');
  const open = await before.transaction();
  await open.send({ topic: 'fenced', messages: [{ value: 'zombie' }] });
  const after = await transactionalProducer('fleet');
  // kafkajs asks for its producer id with the first transaction.
  const next = await after.transaction();
  await expect(open.commit()).rejects.toThrow();
  await next.send({ topic: 'fenced', messages: [{ value: 'alive' }] });
  await next.commit();
  const { consumer, values } = await read('fenced', 'fence-readers');
  await eventually(() => expect(values).toEqual(['alive']));
  await consumer.disconnect();
  await Promise.all([before.disconnect(), after.disconnect()]);
});
