/** Logs with messages of formats 0 and 1, which a broker that was upgraded since before Kafka 0.11 may hold: told, served, and gone on with. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { startBroker } from '../../../broker/index.ts';
import { adoptionOf, lookAtDirectory } from '../../../broker/moving.ts';
import { codecIds } from '../../../protocol/records/compression.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { eventually } from '../../clients/eventually.ts';
import { contentOf } from '../../clients/graduation/broker-content.ts';
import { buildMessages } from '../../clients/java-cleaner/legacy-messages.ts';

/** A stopped directory whose one topic `old` holds these bytes. */
async function directoryWith(log: Buffer): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'kompakt-old-formats-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const dataDir = join(home, 'data');
  const broker = await startBroker({ dataDir });
  await broker.createTopics([{ topic: 'old' }]);
  const content = await contentOf(broker.port);
  const [, id] = Object.keys(content.topics)[0]!.split(' ');
  await broker.stop();
  const partition = join(dataDir, 'old-0');
  mkdirSync(partition);
  writeFileSync(join(partition, 'partition.metadata'), `version: 0\ntopic_id: ${id}`);
  writeFileSync(join(partition, '00000000000000000000.log'), log);
  rmSync(join(dataDir, '.kafka_cleanshutdown'));
  return dataDir;
}

test.each([0, 1] as const)('messages of format %i', async (magic) => {
  const timestampMs = Date.now();
  const message = (offset: number) => ({
    offset,
    timestampMs,
    key: Buffer.from(`k${offset}`),
    value: offset === 1 ? null : Buffer.from(`v${offset}`),
  });
  const plain = buildMessages(magic, codecIds.none, [message(0), message(1)]);
  const wrapped = buildMessages(magic, codecIds.gzip, [message(2), message(3)]);
  const dataDir = await directoryWith(Buffer.concat([plain, wrapped]));
  const read = readConfiguration();
  if (!read.ok) throw new Error(read.messages.join());
  const { configuration } = read;
  const look = { environment: createNodeEnvironment(), configuration, directory: dataDir, processId: 1 };
  const checked = await lookAtDirectory(look, (found) => found);
  expect(checked.problems).toEqual([]);
  expect(adoptionOf(checked)).toMatchObject({
    refusals: [],
    lost: ['old-0: records in the message format before Kafka 0.11 are served as they are'],
  });

  const broker = await startBroker({ dataDir });
  onTestFinished(() => broker.stop());
  const kafka = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: 'old', messages: [{ key: 'k4', value: 'v4' }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: 'readers', maxWaitTimeInMs: 50 });
  onTestFinished(() => consumer.disconnect());
  const seen: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic: 'old', fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message: { offset, key, value } }) => void seen.push(`${offset} ${key} ${value}`),
  });
  const expected = ['0 k0 v0', '1 k1 null', '2 k2 v2', '3 k3 v3', '4 k4 v4'];
  await eventually(() => expect(seen).toEqual(expected));
});
