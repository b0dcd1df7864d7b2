/** Transactions on a compacted topic: passes of the cleaner while one is open, after its commit, after its abort. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { eventually } from '../eventually.ts';

const topic = 'stock';
let broker: Broker;
let kafka: Kafka;

beforeAll(async () => {
  const config = { 'log.cleaner.enable': false, 'log.cleaner.delete.retention.ms': 0 };
  broker = await startBroker({ config });
  kafka = new Kafka({ clientId: 'test', brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
  await admin.disconnect();
});
afterAll(() => broker.stop());

async function producerOf(transactionalId: string) {
  const createPartitioner = Partitioners.DefaultPartitioner;
  const producer = kafka.producer({
    transactionalId,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner,
  });
  await producer.connect();
  return producer;
}

/** All that a reader of the topic from its beginning gets, "key=value" in order; ends with the record `last`. */
async function read(isReadUncommitted: boolean, last: string): Promise<string[]> {
  const groupId = `reader-${Math.random()}`;
  const consumer = kafka.consumer({ groupId, readUncommitted: isReadUncommitted, maxWaitTimeInMs: 50 });
  const seen: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => void seen.push(`${message.key}=${message.value}`),
  });
  await eventually(() => expect(seen).toContain(last));
  await consumer.disconnect();
  return seen;
}

const compact = () => broker.compact(topic, { includeActive: true });

test('an open transaction is left alone over several passes; what it decides, the next ones follow', async () => {
  const [writer, slow] = [await producerOf('writer'), await producerOf('slow')];
  const write = async (value: string): Promise<void> => {
    const transaction = await writer.transaction();
    await transaction.send({ topic, messages: [{ key: 'shoe', value }] });
    await transaction.commit();
  };
  await write('1');
  await write('2');
  // Whole segments are cleaned: what comes now is in another one.
  await compact();
  const open = await slow.transaction();
  await open.send({ topic, messages: [{ key: 'shoe', value: 'never' }] });
  for (let pass = 0; pass < 3; pass++) await compact();
  expect(await read(false, 'shoe=2')).toEqual(['shoe=2']);
  expect(await read(true, 'shoe=never')).toEqual(['shoe=2', 'shoe=never']);
  await write('3');
  await compact();
  // Below the open transaction nothing is known to be superseded.
  expect(await read(true, 'shoe=3')).toEqual(['shoe=2', 'shoe=never', 'shoe=3']);
  await open.abort();
  expect(await read(false, 'shoe=3')).toEqual(['shoe=2', 'shoe=3']);
  await compact();
  // What was aborted is gone for those, too, who would have read it.
  expect(await read(true, 'shoe=3')).toEqual(['shoe=3']);
  await write('4');
  for (let pass = 0; pass < 3; pass++) await compact();
  expect(await read(false, 'shoe=4')).toEqual(['shoe=4']);
  await Promise.all([writer.disconnect(), slow.disconnect()]);
});
