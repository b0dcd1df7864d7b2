/** A directory of ours goes to Apache Kafka, which writes on in it, and comes back: nothing is lost or other on the way. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram, runNode } from '../../tools/program.ts';
import { eventually } from '../eventually.ts';
import { hasJava, startKafkaUnder } from '../java/apache-kafka.ts';
import { type BrokerContent, contentOf } from './broker-content.ts';

let program: Awaited<ReturnType<typeof buildProgram>>;
beforeAll(async () => {
  program = await buildProgram('graduation-test');
});
afterAll(() => program.remove());

const options = { createPartitioner: Partitioners.DefaultPartitioner };
const group = 'readers';

/** Plain, compacted and transactional records, and a group's offsets, with `round` in all of them. */
async function write(port: number, round: string): Promise<void> {
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
function settledContent(port: number): Promise<BrokerContent> {
  return eventually(async () => {
    const content = await contentOf(port);
    expect(content.groups[group]).toHaveLength(1);
    expect(content.transactions.filter((line) => line.startsWith('till '))).toHaveLength(1);
    expect(content.transactions.every((line) => line.endsWith(' CompleteCommit'))).toBe(true);
    return content;
  });
}

/** What every start and stop of a single node says. */
const usual = /Performing controller activation|Attempting to close NetworkClient/;
/**
 * Not wanted, and not always there: a Kafka that stopped itself leaves no leaders in its metadata, we leave ourselves. So the next one may
 * begin to load coordinators before it is fenced and elected anew; it says that it breaks off, and loads them under the new epoch.
 */
const loadedTwice = /with epoch 0 due to Stopped loading|NotLeaderOrFollowerException: Stopped loading/;

test.for(['4.3.1', '4.4.0'])(
  'Apache Kafka %s has every record, offset, config and transaction, and so have we of what it wrote',
  async (version, context) => {
    skipUnless(context, hasJava(), 'there is no java');
    const home = mkdtempSync(join(tmpdir(), 'kompakt-graduation-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
    const dataDir = join(home, 'ours');
    const graduated = join(home, 'theirs');
    const ours = await startBroker({ dataDir });
    onTestFinished(() => ours.stop());
    await write(ours.port, 'ours');
    const before = await settledContent(ours.port);
    await ours.stop();

    const port = await quietPort();
    const listeners = `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`;
    const args = ['graduate', '--data-dir', dataDir, '--to', graduated, '--set', listeners];
    const { code, err, out } = await runNode([program.path, ...args]).ended;
    expect({ code, err }, out).toEqual({ code: 0, err: '' });
    expect(readFileSync(join(graduated, 'server.properties'), 'utf8')).toContain(`127.0.0.1:${port + 1}`);

    const kafka = await startKafkaUnder(join(graduated, 'server.properties'), port, {
      version,
      heap: '512m',
    });
    onTestFinished(() => kafka.kill());
    expect(await settledContent(port)).toEqual(before);
    await write(port, 'theirs');
    const after = await settledContent(port);
    expect(after).not.toEqual(before);
    await kafka.stop();
    expect(
      kafka
        .output()
        .split('\n')
        .filter((line) => line !== '' && !usual.test(line) && !loadedTwice.test(line)),
    ).toEqual([]);

    const again = await startBroker({ dataDir: graduated });
    onTestFinished(() => again.stop());
    expect(await settledContent(again.port)).toEqual(after);
    await write(again.port, 'again');
    await expect(startKafkaUnder(join(graduated, 'server.properties'), port, { version })).rejects.toThrow(
      'Failed to acquire lock',
    );
    expect((await settledContent(again.port)).topics).not.toEqual(after.topics);
    expect(existsSync(join(dataDir, 'server.properties'))).toBe(false);
  },
);
