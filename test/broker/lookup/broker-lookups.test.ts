/** The key/value store of a whole broker, as the library gives it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, expect, it } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';

let broker: Broker | null = null;

afterEach(() => broker?.stop());

async function clientOf({ brokers }: Broker): Promise<Kafka> {
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  await admin.createTopics({ topics: [{ topic: 'articles', numPartitions: 3, configEntries }] });
  await admin.disconnect();
  return kafka;
}

it('answers what a client has written, and writes what a client reads', async () => {
  broker = await startBroker();
  const { lookups } = broker;
  expect(lookups.status()).toEqual([]);
  const kafka = await clientOf(broker);
  const producer = kafka.producer();
  await producer.connect();
  const [sent] = await producer.send({
    topic: 'articles',
    messages: [{ key: '4711', value: 'red', headers: { unit: 'cm' } }],
  });
  const { partition } = sent!;
  await producer.disconnect();
  const stream = lookups.changes('articles')[Symbol.asyncIterator]();
  const key = Buffer.from('4711');
  const answer = await lookups.get('articles', key);
  const headers = [{ name: 'unit', value: Buffer.from('cm') }];
  expect(answer).toMatchObject({ kind: 'found', record: { partition, value: Buffer.from('red'), headers } });
  const written = await lookups.put('articles', key, Buffer.from('blue'), { ifMatch: '*' });
  expect(written).toMatchObject({ partition, offset: 1 });
  expect((await stream.next()).value).toMatchObject({ kind: 'record', isSnapshot: true });
  expect(lookups.status()).toHaveLength(3);
  await broker.stop();
  await expect(lookups.get('articles', key)).rejects.toMatchObject({ refusal: { reason: 'stopping' } });
});

it('goes on after a restart where a reader of changes was, and knows the past as before', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'kompakt-lookups-'));
  try {
    broker = await startBroker({ dataDir });
    await clientOf(broker);
    const put = (value: string) => broker!.lookups.put('articles', Buffer.from('4711'), Buffer.from(value));
    const first = await put('red');
    const stream = broker.lookups.changes('articles')[Symbol.asyncIterator]();
    await stream.next();
    const { position: after } = (await stream.next()).value;
    await put('blue');
    await broker.stop();
    broker = await startBroker({ dataDir });
    const again = broker.lookups.changes('articles', { after })[Symbol.asyncIterator]();
    expect((await again.next()).value).toMatchObject({
      isSnapshot: false,
      record: { offset: 1, topicId: first.topicId },
    });
    const { partition } = first;
    const past = await broker.lookups.get('articles', Buffer.from('4711'), { partition, asOfOffset: 0 });
    expect(past).toMatchObject({ kind: 'found', record: { value: Buffer.from('red') } });
    const waiting = again.next();
    await put('green');
    expect((await waiting).value).toMatchObject({ record: { offset: 2, value: Buffer.from('green') } });
  } finally {
    await broker?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
