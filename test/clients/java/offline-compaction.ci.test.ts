/** A directory goes from Apache Kafka to `kompakt compact` and back: what a consumer of Kafka reads from it means the same. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CompactionReceipt } from '../../../compaction/receipt.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { runNode } from '../../tools/program.ts';
import { hasJava, type RunningKafka, startKafka } from './apache-kafka.ts';

const topic = 'articles';

let home: string;
let kafka: RunningKafka | null = null;
beforeEach(() => {
  // A JVM may write letters beyond ASCII as it likes.
  home = mkdtempSync(join(tmpdir(), 'kompakt-kafka-'));
});
afterEach(async () => {
  await kafka?.kill();
  rmSync(home, { recursive: true, force: true, maxRetries: 10 });
});

async function start(port: number): Promise<string> {
  kafka = await startKafka(home, port, { 'log.cleaner.enable': 'false' });
  return kafka.bootstrapServers;
}

test('Apache Kafka goes on where kompakt compact has been', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const port = await quietPort();
  const compact = (...args: string[]) =>
    runNode(['dist/kompakt.js', 'compact', topic, '--data-dir', join(home, 'data'), ...args]).ended;

  const written = await write(await start(port));
  expect(await compact()).toMatchObject({
    code: 1,
    err: expect.stringMatching(/ is in use by Apache Kafka( \(process \d+\))?, .*no control socket/),
  });
  await kafka!.stop();

  const done = await compact('--include-active', '--json');
  expect(done.code).toBe(0);
  const [receipt] = JSON.parse(done.out) as CompactionReceipt[];
  expect(receipt!.records).toMatchObject({ before: written.records, kept: { newest: written.state.size } });

  const address = await start(port);
  const read = await consume(address, written.records - 1);
  expect(read.state).toEqual(written.state);
  expect(read.records).toBe(receipt!.records.after);
  expect((await write(address)).state).toEqual(written.state);
});

type State = Map<string, string>;

/** A hundred articles, changed and deleted; the last record is of one that stays. */
async function write(address: string): Promise<{ records: number; state: State }> {
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  if (!(await admin.listTopics()).includes(topic))
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
  await producer.connect();
  const state: State = new Map();
  let records = 0;
  for (let round = 0; round < 20; round++) {
    const messages = Array.from({ length: 100 }, (_, n) => {
      const isDeleted = round > 10 && n % 10 === 3;
      return { key: `article ${n}`, value: isDeleted ? null : `${n} in round ${round}` };
    });
    await producer.send({ topic, messages });
    records += messages.length;
    for (const { key, value } of messages) {
      if (value === null) state.delete(key);
      else state.set(key, value);
    }
  }
  await producer.disconnect();
  return { records, state };
}

async function consume(address: string, lastOffset: number): Promise<{ records: number; state: State }> {
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: 'readers' });
  const state: State = new Map();
  let records = 0;
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((done, fail) => {
    // A coordinator that still loads its groups is asked again.
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || fail(payload.error));
    const eachMessage = async ({
      message,
    }: {
      message: { key: Buffer | null; value: Buffer | null; offset: string };
    }) => {
      records++;
      if (message.value === null) state.delete(String(message.key));
      else state.set(String(message.key), String(message.value));
      if (Number(message.offset) === lastOffset) done();
    };
    consumer.run({ eachMessage }).catch(fail);
  });
  await consumer.disconnect();
  return { records, state };
}
