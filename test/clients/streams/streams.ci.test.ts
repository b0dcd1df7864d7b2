/** A Kafka Streams application under exactly_once_v2 (Payments.java): it and the broker are killed (-9) and started again while payments come in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { expect, test } from 'vitest';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { freshDirectory, type Program, runNode } from '../../tools/program.ts';
import { eventually } from '../eventually.ts';
import { hasJava } from '../java/apache-kafka.ts';
import { streamsLibs } from './streams-libs.ts';

const here = dirname(fileURLToPath(import.meta.url));
const accounts = 7;
const payments = 600;
const paymentsAfterKill = 20;
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

/** `kompakt serve`, once it is ready. */
async function startBroker(port: number, dataDir: string): Promise<Program> {
  const address = ['--host', '127.0.0.1', '--port', String(port)];
  const broker = runNode(['dist/kompakt.js', 'serve', ...address, '--data-dir', dataDir]);
  await broker.firstLine;
  return broker;
}

async function kill(broker: Program): Promise<void> {
  broker.signal('SIGKILL');
  await broker.ended;
}

test('each payment counts once, however often the application and the broker are killed', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const directory = freshDirectory();
  const port = await quietPort();
  const dataDir = join(directory.path, 'data');
  let broker = await startBroker(port, dataDir);
  const servers = `127.0.0.1:${port}`;
  const kafka = new Kafka({ brokers: [servers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const topics = ['payments', 'high-risk-payments', 'totals'].map((topic) => ({ topic, numPartitions: 3 }));
  await admin.createTopics({ topics });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const consumer = kafka.consumer({ groupId: 'auditors', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['high-risk-payments', 'totals'], fromBeginning: true });
  // By offset: after a kill of the broker the consumer may begin again at what it had committed.
  const seen: Record<string, Map<number, string>> = {};
  await consumer.run({
    eachMessage: async ({ topic, message }) => {
      const ofKey = (seen[`${topic} ${message.key}`] ??= new Map());
      ofKey.set(Number(message.offset), message.value!.toString());
    },
  });
  const found = (): Record<string, string[]> =>
    Object.fromEntries(
      Object.entries(seen).map(([name, byOffset]) => {
        const inOrder = [...byOffset].sort(([a], [b]) => a - b);
        return [name, inOrder.map(([, value]) => value)];
      }),
    );

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
    const app = await startApp(servers, join(directory.path, 'state'), log);
    await pay(payments / (kills + 1));
    // The application is at work on these, in its transactions.
    await kill(broker);
    broker = await startBroker(port, dataDir);
    await pay(paymentsAfterKill);
    if (n === kills) {
      await eventually(() => expect(found()).toEqual(expected));
      // Nothing comes twice, a little later.
      await pause(2_000);
      expect(found()).toEqual(expected);
    }
    app.removeAllListeners('close');
    app.kill('SIGKILL');
    await new Promise((resolve) => app.on('close', resolve));
  }
  await consumer.disconnect();
  await producer.disconnect();
  await admin.disconnect();
  broker.signal('SIGTERM');
  await broker.ended;
  directory.remove();
});
