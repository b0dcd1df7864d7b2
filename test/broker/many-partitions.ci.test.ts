/** Ten thousand partitions in one broker process: all of them used, with few files open, over a kill and a clean stop. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { Client } from '../../tools/client.ts';
import { freshDirectory, type Program, runNode } from '../tools/program.ts';

const topics = ['orders', 'payments'];
const partitionsPerTopic = 5_000;
const partitionsPerRequest = 500;
/** As where a process may have 1,024 descriptors. */
const openLogFilesMax = 512;
/** And what is open besides: sockets, libraries, the lock. */
const openFilesMax = openLogFilesMax + 64;

const directory = freshDirectory();
const data = join(directory.path, 'data');
let program: Program | undefined;
let client: Client | undefined;
afterEach(async () => {
  client?.close();
  program?.signal('SIGKILL');
  await program?.ended;
  directory.remove();
});

async function start(): Promise<void> {
  program = runNode([
    'dist/kompakt.js',
    'serve',
    '--port',
    '0',
    '--data-dir',
    data,
    '--log-level',
    'warn',
    '--no-http',
    '--set',
    `kompakt.open.files.max=${openLogFilesMax}`,
  ]);
  const line = await program.firstLine;
  client = await Client.connect('127.0.0.1', Number(/:(\d+),/.exec(line)![1]));
}

async function end(signal: NodeJS.Signals): Promise<number | null> {
  client!.close();
  program!.signal(signal);
  return (await program!.ended).code;
}

/** The descriptors of the broker's process; 0 where the system does not tell. */
function openFiles(): number {
  const path = `/proc/${program!.pid}/fd`;
  return existsSync(path) ? readdirSync(path).length : 0;
}

const ranges = topics.flatMap((topic) =>
  Array.from({ length: partitionsPerTopic / partitionsPerRequest }, (_, n) => ({
    topic,
    indexes: Array.from({ length: partitionsPerRequest }, (_unused, i) => n * partitionsPerRequest + i),
  })),
);

const textOf = (topic: string, index: number): string => `the record of ${topic}-${index}.`;

async function create(): Promise<void> {
  for (const name of topics) {
    const topic = {
      name,
      numPartitions: partitionsPerTopic,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    };
    const answer = await client!.request(createTopics, 5, {
      topics: [topic],
      timeoutMs: 60_000,
      validateOnly: false,
    });
    expect(answer.topics[0]!.errorCode).toBe(0);
  }
}

async function writeAll(): Promise<void> {
  for (const { topic, indexes } of ranges) {
    const partitionData = indexes.map((index) => {
      const value = Buffer.from(textOf(topic, index));
      return {
        index,
        records: buildBatch({ records: [{ timestampMs: Date.now(), key: null, value, headers: [] }] }),
      };
    });
    const topicData = [{ name: topic, partitionData }];
    const answer = await client!.request(produce, 9, { acks: -1, timeoutMs: 60_000, topicData });
    for (const { errorCode } of answer.responses[0]!.partitionResponses) expect(errorCode).toBe(0);
    expect(openFiles()).toBeLessThanOrEqual(openFilesMax);
  }
}

async function readAll(): Promise<void> {
  for (const { topic, indexes } of ranges) {
    const answer = await client!.request(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 50 * 1024 * 1024,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic,
          partitions: indexes.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1000 })),
        },
      ],
      forgottenTopicsData: [],
      rackId: '',
    });
    const read = answer.responses[0]!.partitions;
    expect(read).toHaveLength(partitionsPerRequest);
    for (const { partitionIndex, errorCode, records } of read) {
      expect(errorCode).toBe(0);
      expect(records!.toString('latin1')).toContain(textOf(topic, partitionIndex));
    }
    expect(openFiles()).toBeLessThanOrEqual(openFilesMax);
  }
}

/** Says how long a step took; a figure, not a bound. */
async function timed(what: string, step: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  await step();
  console.info(`10,000 partitions ${what}: ${Math.round(performance.now() - startMs)} ms`);
}

test('10,000 partitions are written, recovered after a kill, read, closed and opened with few files open', async () => {
  await start();
  await timed('made', create);
  await timed('written to for the first time', writeAll);
  await end('SIGKILL');
  await timed('recovered', start);
  await timed('read', readAll);
  await timed('written to', writeAll);
  await timed('closed clean', async () => expect(await end('SIGTERM')).toBe(0));
  expect(existsSync(join(data, '.kafka_cleanshutdown'))).toBe(true);
  await timed('opened', start);
  await timed('read again', readAll);
  expect(await end('SIGTERM')).toBe(0);
});
