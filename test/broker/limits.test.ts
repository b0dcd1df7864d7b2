/** Bad input and limits as a client of a whole broker meets them: Kafka's own answer, and everybody else goes on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { type Broker, type BrokerOptions, type Logger, startBroker } from '../../broker/index.ts';
import { errors } from '../../protocol/errors.ts';
import { incrementalAlterConfigs } from '../../protocol/messages/configs/incremental-alter-configs.ts';
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../protocol/messages/topics/delete-topics.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { crc32c } from '../../protocol/records/crc32c.ts';
import { Client } from '../../tools/client.ts';
import { World } from '../simulation/world.ts';

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(options: BrokerOptions = {}): Promise<{ broker: Broker; client: Client }> {
  const broker = await startBroker(options);
  undo.push(() => broker.stop());
  const client = await Client.connect('127.0.0.1', broker.port);
  undo.push(() => client.close());
  return { broker, client };
}

type Requests = Pick<Client, 'request'>;

async function create(
  client: Requests,
  name: string,
  numPartitions = 1,
  configs: Record<string, string> = {},
) {
  const answer = await client.request(createTopics, 5, {
    topics: [
      {
        name,
        numPartitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    validateOnly: false,
  });
  return answer.topics[0]!.errorCode;
}

async function send(client: Requests, name: string, records: Buffer, index = 0): Promise<number> {
  const topicData = [{ name, partitionData: [{ index, records }] }];
  const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
  return answer.responses[0]!.partitionResponses[0]!.errorCode;
}

const batchOf = (value: Buffer, key: Buffer | null = null): Buffer =>
  buildBatch({ records: [{ timestampMs: 1_700_000_000_000, key, value, headers: [] }] });

async function read(client: Requests, topic: string, maxBytes: number): Promise<Buffer> {
  const answer = await client.request(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: maxBytes }] }],
    forgottenTopicsData: [],
    rackId: '',
  });
  return answer.responses[0]!.partitions[0]!.records!;
}

describe('records', () => {
  test('a batch whose checksum is wrong is refused, the next good one taken', async () => {
    const { client } = await start();
    await create(client, 't');
    const broken = batchOf(Buffer.from('value'));
    broken[broken.length - 2]! ^= 1;
    expect(await send(client, 't', broken)).toBe(errors.corruptMessage.code);
    expect(await send(client, 't', batchOf(Buffer.from('value')))).toBe(errors.none.code);
  });

  test('a small batch that would fill the memory is refused', async () => {
    const { client } = await start({ config: { 'kompakt.records.decompressed.max.bytes': 1024 * 1024 } });
    await create(client, 't');
    // The header of a batch of one record, with a body that is 64 MiB of zeros when it is decompressed.
    const body = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const bomb = Buffer.concat([batchOf(Buffer.alloc(0)).subarray(0, 61), body]);
    bomb.writeInt32BE(bomb.length - 12, 8);
    bomb.writeInt16BE(1, 21);
    bomb.writeUInt32BE(crc32c(bomb, 21, bomb.length), 17);
    expect(await send(client, 't', bomb)).toBe(errors.messageTooLarge.code);
  });

  test('a compacted topic takes no record without a key', async () => {
    const { client } = await start();
    await create(client, 't', 1, { 'cleanup.policy': 'compact' });
    expect(await send(client, 't', batchOf(Buffer.from('v')))).toBe(errors.invalidRecord.code);
    expect(await send(client, 't', batchOf(Buffer.from('v'), Buffer.from('k')))).toBe(errors.none.code);
  });

  test('a fetch of 2 GB gets what fetch.max.bytes allows', async () => {
    const { client } = await start({ config: { 'fetch.max.bytes': 100_000 } });
    await create(client, 't');
    for (let i = 0; i < 10; i++) await send(client, 't', batchOf(Buffer.alloc(50_000)));
    const records = await read(client, 't', 0x7fffffff);
    expect(records.length).toBeGreaterThan(50_000);
    expect(records.length).toBeLessThanOrEqual(100_000);
  });
});

describe('topics', () => {
  test('names that Kafka refuses', async () => {
    const { client } = await start();
    for (const name of ['', '.', '..', 'no good', 'ümlaut', 'x'.repeat(250)]) {
      expect(await create(client, name), name).toBe(errors.invalidTopicException.code);
    }
  });

  test('10,001 partitions in one request', async () => {
    const { client } = await start();
    expect(await create(client, 'many', 10_001)).toBe(errors.policyViolation.code);
  });
});

/** Nothing of this size fits any more, in no partition of the topic `full`. */
const fullAtBytes = [200_000, 5_000, 10];

async function startFull(config: Record<string, number> = {}): Promise<{ client: Client; lines: string[] }> {
  const lines: string[] = [];
  const say = (message: string, fields?: object): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug() {}, info: say, warn: say, error: say, named: () => logger };
  const { client } = await start({
    config: { 'kompakt.memory.limit.bytes': 8 * 1024 * 1024, ...config },
    logger,
  });
  const partitions = [0, 1, 2, 3, 4];
  await create(client, 'full', partitions.length);
  for (const bytes of fullAtBytes) {
    for (const partition of partitions) {
      const batch = batchOf(Buffer.alloc(bytes));
      for (let sent = 0, errorCode = 0; errorCode === 0; sent++) {
        expect(sent).toBeLessThan(10_000);
        errorCode = await send(client, 'full', batch, partition);
        expect([errors.none.code, errors.kafkaStorageError.code]).toContain(errorCode);
      }
    }
  }
  return { client, lines };
}

async function untilTaken(client: Client, topic: string): Promise<void> {
  const batch = batchOf(Buffer.alloc(fullAtBytes[0]!));
  while ((await send(client, topic, batch)) !== errors.none.code) await new Promise(setImmediate);
}

describe('room', () => {
  test('in memory: writes are refused at the limit, which one line names; reads go on', async () => {
    const { client, lines } = await startFull();
    expect(lines.filter((line) => line.includes('kompakt.memory.limit.bytes'))).toHaveLength(1);
    expect((await read(client, 'full', 1_000_000)).length).toBeGreaterThan(200_000);
  });

  test('in memory a deleted topic gives its room back', async () => {
    const { client, lines } = await startFull();
    await client.request(deleteTopics, 3, { topicNames: ['full'], timeoutMs: 30_000 });
    expect(await create(client, 'next')).toBe(errors.none.code);
    await untilTaken(client, 'next');
    expect(lines.filter((line) => line.includes('there is room again'))).toHaveLength(1);
  });

  test('in memory retention gives room back', async () => {
    const { client } = await startFull({
      'log.initial.task.delay.ms': 0,
      'log.retention.ms': -1,
      'log.retention.check.interval.ms': 10,
      'log.segment.bytes': 1024 * 1024,
    });
    const configs = [{ name: 'retention.bytes', configOperation: 0, value: '1' }];
    const resources = [{ resourceType: 2, resourceName: 'full', configs }];
    await client.request(incrementalAlterConfigs, 1, { resources, validateOnly: false });
    await untilTaken(client, 'full');
  });

  test('on a full disk writes are refused and reads go on; with room and a start they go on too', async () => {
    const world = new World(1, { 'kompakt.durability': 'fsync' });
    await world.start();
    const before = world.connect() as unknown as Requests;
    await create(before, 't');
    expect(await send(before, 't', batchOf(Buffer.from('kept')))).toBe(errors.none.code);
    world.files.limitSpace(100);
    expect(await send(before, 't', batchOf(Buffer.alloc(10_000)))).toBe(errors.kafkaStorageError.code);
    expect((await read(before, 't', 1_000_000)).toString('latin1')).toContain('kept');
    world.files.limitSpace(Number.POSITIVE_INFINITY);
    await world.end('stop');
    await world.start();
    const after = world.connect() as unknown as Requests;
    expect(await send(after, 't', batchOf(Buffer.from('again')))).toBe(errors.none.code);
    const records = (await read(after, 't', 1_000_000)).toString('latin1');
    expect(records).toContain('kept');
    expect(records).toContain('again');
    await world.end('stop');
  });
});

test('a data directory with blanks and letters of any alphabet in its name', async () => {
  const path = mkdtempSync(join(tmpdir(), 'kompakt данные 数据 '));
  undo.push(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }));
  const first = await start({ dataDir: path });
  await create(first.client, 't');
  await send(first.client, 't', batchOf(Buffer.from('kept')));
  await first.broker.stop();
  const second = await start({ dataDir: path });
  expect((await read(second.client, 't', 1_000)).toString('latin1')).toContain('kept');
});
