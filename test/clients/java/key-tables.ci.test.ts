/** A directory with key tables, and a topic with a configuration key of ours, goes to Apache Kafka and comes back. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { keyTableFile } from '../../../broker/lookup/table-checkpoint.ts';
import type { Logger } from '../../../broker/observe/logger.ts';
import { cleanShutdownFile } from '../../../storage/directory/clean-shutdown.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { hasJava, runKafkaClass, startKafka } from './apache-kafka.ts';

const topic = 'articles';
const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`);

async function produce(brokers: string[], messages: { key: string; value: string | null }[]): Promise<void> {
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** What each key is, as a consumer from the beginning has it. */
async function consumed(brokers: string[], lastKey: string): Promise<Map<string, string>> {
  const consumer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: 'readers' });
  const state = new Map<string, string>();
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((done, fail) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || fail(payload.error));
    consumer
      .run({
        eachMessage: async ({ message: { key, value } }) => {
          if (value === null) state.delete(String(key));
          else state.set(String(key), String(value));
          if (String(key) === lastKey) done();
        },
      })
      .catch(fail);
  });
  await consumer.disconnect();
  return state;
}

/**
 * Warnings and errors of a whole run. Left out: what every start and stop says, and a race of Kafka's with itself, when two clients ask
 * for a coordinator before there is a topic for it.
 */
function complaints(output: string): string[] {
  const usual =
    /Performing controller activation|Attempting to close NetworkClient|creation failed for __consumer_offsets with error 'TOPIC_ALREADY_EXISTS'/;
  return output.split('\n').filter((line) => line !== '' && !usual.test(line));
}

test('Apache Kafka passes over key tables and our key, and what it wrote is in the table afterwards', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const home = mkdtempSync(join(tmpdir(), 'kompakt-key-tables-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const dataDir = join(home, 'data');
  const table = join(dataDir, `${topic}-0`, keyTableFile);
  const written = new Map(keys.map((key) => [key, `first ${key}`]));
  {
    await using broker = await startBroker({ dataDir });
    const admin = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'kompakt.lookup.enable', value: 'true' },
    ];
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
    await admin.disconnect();
    await produce(
      broker.brokers,
      [...written].map(([key, value]) => ({ key, value })),
    );
    await broker.lookups.get(topic, Buffer.from(keys[0]!), { minOffset: keys.length - 1 });
  }
  assert.ok(existsSync(table));

  const port = await quietPort();
  const kafka = await startKafka(home, port);
  const { bootstrapServers } = kafka;
  onTestFinished(() => kafka.kill());
  const configs = (...args: string[]) =>
    runKafkaClass('kafka.admin.ConfigCommand', [
      ...['--bootstrap-server', bootstrapServers, '--entity-type', 'topics', '--entity-name', topic],
      ...args,
    ]);
  // The name stays where it is, and stands in nobody's way.
  assert.match((await configs('--describe')).stdout, /cleanup\.policy=compact/);
  const altered = await configs('--alter', '--add-config', 'max.message.bytes=2000000');
  assert.equal(altered.status, 0, altered.stderr);
  written.set('key 3', 'second');
  written.delete('key 4');
  written.set('last', 'second');
  await produce(
    [bootstrapServers],
    [
      { key: 'key 3', value: 'second' },
      { key: 'key 4', value: null },
      { key: 'last', value: 'second' },
    ],
  );
  assert.deepEqual(await consumed([bootstrapServers], 'last'), written);
  await kafka.stop();
  assert.deepEqual(complaints(kafka.output()), []);
  assert.ok(existsSync(join(dataDir, cleanShutdownFile)));

  const said: string[] = [];
  const say = (message: string): void => void said.push(message);
  const logger: Logger = { debug: say, info: say, warn: say, error: say, named: () => logger };
  await using broker = await startBroker({ dataDir, logger });
  for (const key of [...keys, 'last']) {
    const answer = await broker.lookups.get(topic, Buffer.from(key), { waitMs: 60_000 });
    assert.equal(answer.kind === 'found' ? String(answer.record.value) : undefined, written.get(key), key);
  }
  // Begun with at the start, which the topic wants; from there on what Kafka had written was read.
  const unused = said.filter((line) => line.startsWith('a stored key table is not used'));
  assert.deepEqual(unused, []);
});
