/** Who cleans goes on where the other has stopped, and leaves what the other would have left. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { incrementalAlterConfigs } from '../../../protocol/messages/configs/incremental-alter-configs.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { Client } from '../../../tools/client.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram } from '../../tools/program.ts';
import { eventually } from '../eventually.ts';
import { hasJava } from '../java/apache-kafka.ts';
import { contentOf } from './broker-content.ts';
import { graduated, kafkaOn, separateCopy } from './moves.ts';

let program: Awaited<ReturnType<typeof buildProgram>>;
beforeAll(async () => {
  program = await buildProgram('cleaning-test');
});
afterAll(() => program.remove());

const topic = 'keys';
const settings = ['log.cleaner.backoff.ms=100'];
/** Of which no log can be dirtier: it is left alone. */
const never = '1.0';
const always = '0.0';

async function withClient<Result>(port: number, use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = await Client.connect('127.0.0.1', port);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** A segment for each batch, since one is a minute later than the one before. */
function create(port: number) {
  const configs = Object.entries({
    'cleanup.policy': 'compact',
    'segment.ms': '30000',
    'min.cleanable.dirty.ratio': never,
  }).map(([name, value]) => ({ name, value }));
  const asked = { name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  return withClient(port, async (client) => {
    const { topics } = await client.request(createTopics, 5, { topics: [asked], validateOnly: false });
    expect(topics[0]!.errorCode).toBe(0);
    const answer = await client.request(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    });
    return answer.producerId;
  });
}

const batches = 12;

/** Keys that come again in each round, some for the last time, some with a tombstone; and those of an idempotent producer. */
function write(port: number, round: number, producerId: number): Promise<void> {
  return withClient(port, async (client) => {
    for (let n = 0; n < batches; n++) {
      const number = round * batches + n;
      const timestampMs = 1_700_000_000_000 + number * 60_000;
      const keys = [`every ${n % 4}`, `round ${round} ${n}`, `gone ${n % 3}`];
      const records = keys.map((key) => ({
        timestampMs,
        key: Buffer.from(key),
        value: key.startsWith('gone') && n > 8 ? null : Buffer.from(`${number} ${'v'.repeat(200)}`),
      }));
      const isNumbered = n % 2 === 0;
      const batch = buildBatch({
        records,
        ...(isNumbered ? { producerId, producerEpoch: 0, baseSequence: (number / 2) * keys.length } : {}),
      });
      const { responses } = await client.request(produce, 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records: batch }] }],
      });
      expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    }
  });
}

/** All that can be cleaned is, once its dirt is no reason any more to leave it alone; what there is then, and up to where it is clean. */
async function cleaned(port: number, directory: string, upTo: number) {
  const cleansAt = (value: string) =>
    withClient(port, (client) =>
      client.request(incrementalAlterConfigs, 1, {
        resources: [
          {
            resourceType: 2,
            resourceName: topic,
            configs: [{ name: 'min.cleanable.dirty.ratio', configOperation: 0, value }],
          },
        ],
        validateOnly: false,
      }),
    );
  await cleansAt(always);
  await eventually(() => expect(cleanUpTo(directory)).toBe(upTo));
  await cleansAt(never);
  return keysOf(port);
}

async function keysOf(port: number) {
  const { topics } = await contentOf(port);
  const found = Object.entries(topics).find(([name]) => name.startsWith(`${topic} `))![1];
  return (found as Exclude<typeof found, number>)[0]!;
}

/** The first dirty offset, as the checkpoint has it; null: nothing was cleaned yet. */
function cleanUpTo(directory: string): number | null {
  const lines = readFileSync(join(directory, 'cleaner-offset-checkpoint'), 'utf8').split('\n');
  const line = lines.find((each) => each.startsWith(`${topic} 0 `));
  return line === undefined ? null : Number(line.split(' ')[2]);
}

/** Segments with their size: a pass would replace them. */
function segments(directory: string): string[] {
  const folder = join(directory, `${topic}-0`);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .map((name) => `${name} ${statSync(join(folder, name)).ino}`);
}

test("Kafka's cleaner goes on behind ours, and ours behind Kafka's, with the same result", async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const home = mkdtempSync(join(tmpdir(), 'kompakt-graduation-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const [dataDir, copy] = [join(home, 'data'), join(home, 'copy')];
  const perRound = batches * 3;
  /** The last batch of all is in the active segment. */
  const cleanable = (rounds: number) => rounds * perRound - 3;
  const ourBroker = (directory: string) =>
    startBroker({
      dataDir: directory,
      config: Object.fromEntries(settings.map((text) => text.split('='))),
    });

  const ours = await ourBroker(dataDir);
  const producerId = await create(ours.port);
  await write(ours.port, 0, producerId);
  await cleaned(ours.port, dataDir, cleanable(1));
  await write(ours.port, 1, producerId);
  await ours.stop();
  separateCopy(dataDir, copy);

  // Half clean, half dirty: Kafka on one copy, we on the other.
  const port = await quietPort();
  await graduated({ program: program.path, from: dataDir, port, settings });
  const before = segments(dataDir);
  const kafka = await kafkaOn(dataDir, port);
  onTestFinished(() => kafka.kill());
  expect(cleanUpTo(dataDir)).toBe(cleanable(1));
  const byKafka = await cleaned(port, dataDir, cleanable(2));
  const beside = await ourBroker(copy);
  onTestFinished(() => beside.stop());
  expect(segments(dataDir)).not.toEqual(before);
  expect(await cleaned(beside.port, copy, cleanable(2))).toEqual(byKafka);
  await beside.stop();
  await write(port, 2, producerId);
  await kafka.stop();

  // The other way round: what Kafka has cleaned is half clean, half dirty.
  rmSync(copy, { recursive: true });
  separateCopy(dataDir, copy);
  const again = await ourBroker(copy);
  onTestFinished(() => again.stop());
  expect(cleanUpTo(copy)).toBe(cleanable(2));
  const byUs = await cleaned(again.port, copy, cleanable(3));
  const itself = await kafkaOn(dataDir, port);
  onTestFinished(() => itself.kill());
  expect(byUs).toEqual(await cleaned(port, dataDir, cleanable(3)));
  expect(byUs.records.length).toBeLessThan(3 * perRound);
});
