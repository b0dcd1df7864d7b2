/** Something of everything that a directory holds, written with a real client, for tests that move it. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { expect } from 'vitest';
import { eventually } from '../eventually.ts';
import { type BrokerContent, contentOf } from './broker-content.ts';

const options = { createPartitioner: Partitioners.DefaultPartitioner };
/** Whose offsets are written. */
export const group = 'readers';

/** Plain, compacted and transactional records, and a group's offsets, with `round` in all of them. */
export async function write(port: number, round: string): Promise<void> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  if (!(await admin.listTopics()).includes('plain'))
    await admin.createTopics({
      topics: [
        { topic: 'plain', numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '7000000000' }] },
        { topic: 'keys', numPartitions: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] },
        { topic: 'payments', numPartitions: 1 },
        { topic: 'empty', numPartitions: 2 },
      ],
    });
  const producer = kafka.producer({ ...options, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (let n = 0; n < 20; n++) {
    const headers = n % 2 === 0 ? { round } : {};
    await producer.send({ topic: 'plain', messages: [{ key: `${n}`, value: `${round} ${n}`, headers }] });
    await producer.send({
      topic: 'keys',
      messages: [{ key: `${n % 3}`, value: n === 19 ? null : `${round} ${n}` }],
    });
  }
  const transactional = kafka.producer({
    ...options,
    transactionalId: 'till',
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await transactional.connect();
  for (const commits of [true, false, true]) {
    const transaction = await transactional.transaction();
    await transaction.send({ topic: 'payments', messages: [{ value: `${round} ${commits}` }] });
    const topics = [{ topic: 'plain', partitions: [{ partition: 0, offset: `${round.length}` }] }];
    await transaction.sendOffsets({ consumerGroupId: group, topics });
    await (commits ? transaction.commit() : transaction.abort());
  }
  await Promise.all([admin.disconnect(), producer.disconnect(), transactional.disconnect()]);
}

/** As `contentOf`, once the coordinators have loaded and no transaction is under way. */
export function settledContent(port: number): Promise<BrokerContent> {
  return eventually(async () => {
    const content = await contentOf(port);
    expect(content.groups[group]).toHaveLength(1);
    expect(content.transactions.filter((line) => line.startsWith('till '))).toHaveLength(1);
    expect(content.transactions.filter((line) => !/ Complete(Commit|Abort)$/.test(line))).toEqual([]);
    return content;
  });
}

export async function send(port: number, topic: string, values: readonly string[]): Promise<void> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer(options);
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

/** A group that reads all there is of a topic, and ends. */
export async function read(port: number, topic: string, groupId: string, count: number): Promise<string[]> {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId });
  const seen: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(`${message.value}`) });
  await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(count));
  await consumer.stop();
  await consumer.disconnect();
  return seen;
}
