/** kafkajs against the broker as a process: killed and started again, connections cut, members killed. */
import { spawn } from 'node:child_process';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import { freshDirectory, repository, runNode } from '../../tools/program.ts';
import { eventually } from '../eventually.ts';

const undo: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** `kompakt serve` on disk; `port` 0 takes a free one. */
async function serve(dataDir: string, port: number) {
  const program = runNode([
    ...['dist/kompakt.js', 'serve', '--host', '127.0.0.1', '--port', String(port), '--data-dir', dataDir],
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
  const first = await serve(directory.path, 0);
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

/** A door in front of the broker whose connections can be cut. */
async function proxyTo(port: number) {
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = createConnection({ port, host: '127.0.0.1' });
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.pipe(outer);
    outer.pipe(inner);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  undo.push(() => {
    cut();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, cut };
}

test('a client that reconnects in mid-session causes no rebalance', async () => {
  const directory = freshDirectory();
  undo.push(() => directory.remove());
  const inside = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => inside.once('listening', resolve));
  const { port } = inside.address() as { port: number };
  await new Promise((resolve) => inside.close(resolve));
  const proxy = await proxyTo(port);
  const program = runNode([
    ...['dist/kompakt.js', 'serve', '--data-dir', directory.path],
    ...['--set', `listeners=PLAINTEXT://127.0.0.1:${port}`],
    ...['--set', `advertised.listeners=PLAINTEXT://127.0.0.1:${proxy.port}`],
    ...['--set', 'kompakt.group.disconnect.grace.ms=5000'],
  ]);
  await program.firstLine;
  undo.push(async () => {
    program.signal('SIGKILL');
    await program.ended;
  });
  const kafka = kafkaAt(proxy.port);
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  undo.push(() => producer.disconnect());
  await producer.connect();
  await producer.send({ topic: 'steady', messages: [{ value: '1' }] });
  const seen: string[] = [];
  const consumer = await consume(kafka, 'steady', 'steady', seen);
  let joins = 0;
  consumer.on(consumer.events.GROUP_JOIN, () => void (joins += 1));
  await eventually(() => expect(seen).toEqual(['1']));
  const joinsBefore = joins;
  proxy.cut();
  await producer.send({ topic: 'steady', messages: [{ value: '2' }] });
  await eventually(() => expect(seen).toEqual(['1', '2']));
  let heartbeats = 0;
  consumer.on(consumer.events.HEARTBEAT, () => void (heartbeats += 1));
  await eventually(() => expect(heartbeats).toBeGreaterThan(2));
  expect(joins).toBe(joinsBefore);
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
