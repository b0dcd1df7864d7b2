/** A Kafka Streams application under exactly_once_v2 (Payments.java), killed (-9) and started again while payments come in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';
import { freshDirectory } from '../../tools/program.ts';
import { eventually } from '../eventually.ts';
import { hasJava } from '../java/apache-kafka.ts';
import { streamsLibs } from './streams-libs.ts';

const here = dirname(fileURLToPath(import.meta.url));
const accounts = 7;
const payments = 600;
const kills = 3;

/** The application as a process, once it is running. */
async function startApp(servers: string, stateDir: string, log: string[]): Promise<ChildProcess> {
  const flags = [
    '-Xmx256m',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-cp',
    join(streamsLibs(), '*'),
  ];
  const child = spawn('java', [...flags, join(here, 'Payments.java'), servers, stateDir]);
  child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => text.includes('running') && resolve());
    child.on('close', () => reject(new Error(`the application ended: ${log.join('')}`)));
  });
  return child;
}

test('each payment counts once, however often the application is killed', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const directory = freshDirectory();
  const broker = await startBroker({ dataDir: join(directory.path, 'data') });
  const kafka = new Kafka({ brokers: [broker.bootstrapServers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topics = ['payments', 'high-risk-payments', 'totals'].map((topic) => ({ topic, numPartitions: 3 }));
  await admin.createTopics({ topics });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const consumer = kafka.consumer({ groupId: 'auditors', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['high-risk-payments', 'totals'], fromBeginning: true });
  const found: Record<string, string[]> = {};
  await consumer.run({
    eachMessage: async ({ topic, message }) => {
      (found[`${topic} ${message.key}`] ??= []).push(message.value!.toString());
    },
  });

  const expected: Record<string, string[]> = {};
  const sums = new Map<string, number>();
  let sent = 0;
  const pay = async (count: number): Promise<void> => {
    for (const end = sent + count; sent < end; sent++) {
      const [account, amount] = [`account-${sent % accounts}`, (sent * 37) % 151];
      await producer.send({ topic: 'payments', messages: [{ key: account, value: String(amount) }] });
      if (amount > 100) (expected[`high-risk-payments ${account}`] ??= []).push(String(amount));
      sums.set(account, (sums.get(account) ?? 0) + amount);
      (expected[`totals ${account}`] ??= []).push(String(sums.get(account)));
    }
  };

  const log: string[] = [];
  for (let n = 0; n <= kills; n++) {
    const app = await startApp(broker.bootstrapServers, join(directory.path, 'state'), log);
    await pay(payments / (kills + 1));
    if (n === kills) {
      await eventually(() => expect(found).toEqual(expected));
      // Nothing comes twice, a little later.
      await pause(2_000);
      expect(found).toEqual(expected);
    }
    app.removeAllListeners('close');
    app.kill('SIGKILL');
    await new Promise((resolve) => app.on('close', resolve));
  }
  await consumer.disconnect();
  await producer.disconnect();
  await admin.disconnect();
  await broker.stop();
  directory.remove();
});
