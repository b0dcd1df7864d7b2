/** kafkajs against the broker as a process: killed and started again, members killed. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import { quietPort } from '../../quiet-port.ts';
import { freshDirectory, repository, runNode } from '../../tools/program.ts';
import { eventually } from '../eventually.ts';

const undo: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** `kompakt serve` on disk; `port` 0 takes a free one. */
async function serve(dataDir: string, port: number) {
  const program = runNode([
    ...[
      'dist/kompakt.js',
      'serve',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--data-dir',
      dataDir,
      '--no-http',
    ],
  ]);
  const line = await program.firstLine;
  undo.push(async () => {
    program.signal('SIGKILL');
    await program.ended;
  });
  return { program, port: Number(/:(\d+),/.exec(line)![1]) };
}

function kafkaAt(port: number, clientId = 'kafkajs'): Kafka {
  return new Kafka({
    clientId,
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 50 },
  });
}

async function consume(kafka: Kafka, topic: string, groupId: string, seen: string[]) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, heartbeatInterval: 500 });
  undo.push(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(message.value!.toString()) });
  return consumer;
}

test('what was acknowledged is there after a kill -9, and groups go on where they committed', async () => {
  const directory = freshDirectory();
  undo.push(() => directory.remove());
  const first = await serve(directory.path, await quietPort());
  const kafka = kafkaAt(first.port);
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  undo.push(() => producer.disconnect());
  await producer.connect();
  const acknowledged: string[] = [];
  const send = async (value: string): Promise<void> => {
    await producer.send({ topic: 'kept', messages: [{ value }] });
    acknowledged.push(value);
  };
  for (let i = 0; i < 200; i++) await send(`before ${i}`);
  const seen: string[] = [];
  const consumer = await consume(kafka, 'kept', 'keepers', seen);
  await eventually(() => expect(seen).toHaveLength(200));
  await consumer.commitOffsets([{ topic: 'kept', partition: 0, offset: '150' }]);
  await consumer.disconnect();
  first.program.signal('SIGKILL');
  await first.program.ended;
  await serve(directory.path, first.port);
  for (let i = 0; i < 20; i++) await send(`after ${i}`);
  const all: string[] = [];
  await consume(kafka, 'kept', 'new readers', all);
  await eventually(() => expect(all).toEqual(acknowledged));
  const rest: string[] = [];
  await consume(kafka, 'kept', 'keepers', rest);
  await eventually(() => expect(rest).toEqual(acknowledged.slice(150)));
});

test('a consumer that is killed leaves its group without its session time-out', async () => {
  const directory = freshDirectory();
  undo.push(() => directory.remove());
  const { port } = await serve(directory.path, 0);
  const kafka = kafkaAt(port);
  const admin = kafka.admin();
  undo.push(() => admin.disconnect());
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'left', numPartitions: 2 }] });
  // Five minutes: nobody waits that long here, so it is the lost connection that is noticed.
  const script = `
    import kafkajs from 'kafkajs';
    const kafka = new kafkajs.Kafka({ clientId: 'victim', brokers: ['127.0.0.1:${port}'], logLevel: 0 });
    const consumer = kafka.consumer({ groupId: 'leavers', sessionTimeout: 300000, rebalanceTimeout: 300000 });
    await consumer.connect();
    await consumer.subscribe({ topics: ['left'] });
    consumer.on('consumer.group_join', () => console.log('joined'));
    await consumer.run({ eachMessage: async () => {} });`;
  const victim = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(repository),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  undo.push(() => victim.kill('SIGKILL'));
  await new Promise((resolve) => victim.stdout.once('data', resolve));
  const membersOf = async (): Promise<number> =>
    (await admin.describeGroups(['leavers'])).groups[0]!.members.length;
  await eventually(async () => expect(await membersOf()).toBe(1));
  victim.kill('SIGKILL');
  await eventually(async () => expect(await membersOf()).toBe(0));
});
