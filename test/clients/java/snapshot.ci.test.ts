/** Apache Kafka opens a snapshot that a running broker has taken, and what it does there the original does not see. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { eventually } from '../eventually.ts';
import { hasJava, startKafka } from './apache-kafka.ts';

test('Apache Kafka goes on with a snapshot, and the original with its own records', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const directory = mkdtempSync(join(tmpdir(), 'snapshot-'));
  const broker = await startBroker({ dataDir: join(directory, 'original') });
  const topics = [{ topic: 'orders', partition: 0, offset: '2' }];
  const clients = (brokers: string[]) => new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const read = async (brokers: string[], count: number): Promise<string[]> => {
    const consumer = clients(brokers).consumer({ groupId: `reader-${brokers[0]}-${count}` });
    const values: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: 'orders', fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
    await eventually(() => expect(values.length).toBeGreaterThanOrEqual(count));
    await consumer.disconnect();
    return values;
  };
  const send = async (brokers: string[], ...values: string[]): Promise<void> => {
    const producer = clients(brokers).producer();
    await producer.connect();
    for (const value of values) await producer.send({ topic: 'orders', messages: [{ value }] });
    await producer.disconnect();
  };
  try {
    await broker.createTopics([{ topic: 'orders', config: { 'internal.segment.bytes': '100' } }]);
    await send(broker.brokers, 'one', 'two', 'three');
    const admin = clients(broker.brokers).admin();
    await admin.connect();
    await admin.setOffsets({ groupId: 'shop', topic: 'orders', partitions: topics });
    await broker.snapshot(join(directory, 'data'));
    await send(broker.brokers, 'original');
    const port = await quietPort();
    const kafka = await startKafka(directory, port);
    try {
      const theirs = [kafka.bootstrapServers];
      await send(theirs, 'kafka');
      expect(await read(theirs, 4)).toEqual(['one', 'two', 'three', 'kafka']);
      const other = clients(theirs).admin();
      await other.connect();
      const [found] = await other.fetchOffsets({ groupId: 'shop', topics: ['orders'] });
      expect(found!.partitions[0]).toMatchObject({ partition: 0, offset: '2' });
      await other.disconnect();
    } finally {
      await kafka.stop();
    }
    expect(await read(broker.brokers, 4)).toEqual(['one', 'two', 'three', 'original']);
    await admin.disconnect();
  } finally {
    await broker.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  }
});
