/** The library's promises: quiet, many in one process, nothing left open. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Broker, type BrokerOptions, startBroker } from '../../broker/index.ts';
import { apiVersions } from '../../protocol/messages/cluster/api-versions.ts';
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { decoderOf } from '../../protocol/schema/compile.ts';
import { decodeResponseHeader, encodeRequest } from '../../protocol/wire/headers.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import { isFree, quietPort } from '../quiet-port.ts';
import { MemoryTransport } from '../simulation/memory-transport.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { keepingLogger } from './network/frames.ts';
import { tcpClient } from './network/tcp-client.ts';

let directory: string;
let brokers: Broker[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kompakt ü '));
  brokers = [];
});
afterEach(async () => {
  await Promise.all(brokers.map((broker) => broker.stop()));
  rmSync(directory, { recursive: true });
});

async function start(options: BrokerOptions = {}): Promise<Broker> {
  const broker = await startBroker(options);
  brokers.push(broker);
  return broker;
}

const askVersions = Buffer.concat(
  encodeRequest(
    apiVersions,
    3,
    { correlationId: 1, clientId: 'test' },
    { clientSoftwareName: 'test', clientSoftwareVersion: '1' },
  ) as Buffer[],
);

/** Whether somebody answers ApiVersions there. */
async function answers(port: number, host = '127.0.0.1'): Promise<boolean> {
  try {
    const client = await tcpClient({ host, port });
    client.send(askVersions);
    const size = (await client.take(4)).readInt32BE(0);
    const reader = new Reader(await client.take(size));
    client.close();
    return (
      decodeResponseHeader(reader, apiVersions, 3) === 1 &&
      decoderOf(apiVersions, 'response', 3)(reader).errorCode === 0
    );
  } catch {
    return false;
  }
}

describe('startBroker', () => {
  it('listens on 127.0.0.1 and a free port, in memory', async () => {
    const broker = await start();
    expect(broker.bootstrapServers).toBe(`127.0.0.1:${broker.port}`);
    expect(broker.brokers).toEqual([broker.bootstrapServers]);
    expect(broker.clusterId).toMatch(/^[\w-]{22}$/);
    expect(await answers(broker.port)).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('runs many at a time, each its own cluster', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => start()));
    expect(new Set(all.map(({ port }) => port)).size).toBe(8);
    expect(new Set(all.map(({ clusterId }) => clusterId)).size).toBe(8);
    const admins = all.map(({ brokers: list }) =>
      new Kafka({ brokers: list, logLevel: logLevel.NOTHING }).admin(),
    );
    await Promise.all(admins.map((admin) => admin.connect()));
    await admins[3]!.createTopics({ topics: [{ topic: 'only-here' }] });
    const topics = await Promise.all(admins.map((admin) => admin.listTopics()));
    expect(topics.map((list) => list.length)).toEqual([0, 0, 0, 1, 0, 0, 0, 0]);
    await Promise.all(admins.map((admin) => admin.disconnect()));
  });

  it('stops once, however often it is told, and frees its port and directory', async () => {
    const port = await quietPort();
    const broker = await start({ dataDir: join(directory, 'data'), port });
    const clients = await Promise.all([tcpClient(broker), tcpClient(broker)]);
    await Promise.all([broker.stop(), broker.stop(), broker[Symbol.asyncDispose]()]);
    await Promise.all(clients.map(({ closed }) => closed));
    expect(await isFree(port)).toBe(true);
    const again = await start({ dataDir: join(directory, 'data'), port });
    expect(again.clusterId).toBe(broker.clusterId);
    expect(again.port).toBe(port);
  });

  it('drops waiting fetches when it stops', async () => {
    const broker = await start();
    const kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'quiet' }], waitForLeaders: true });
    await admin.disconnect();
    const client = await tcpClient(broker);
    const poll = encodeRequest(
      fetch,
      4,
      { correlationId: 1, clientId: null },
      {
        maxWaitMs: 1_000_000,
        minBytes: 1,
        isolationLevel: 0,
        topics: [{ topic: 'quiet', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
      },
    );
    client.send(Buffer.concat(poll as Buffer[]));
    // Its answer comes behind that of the fetch, so neither is there; that both were read, the next connection shows.
    client.send(askVersions);
    expect(await answers(broker.port)).toBe(true);
    await broker.stop();
    await client.closed;
  });

  it('says nothing, asks no environment and listens to no signal', async () => {
    const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'exit', 'uncaughtException', 'unhandledRejection'] as const;
    const count = (): number[] => names.map((name) => process.listenerCount(name));
    const before = count();
    const written: unknown[] = [];
    const originals = [process.stdout.write, process.stderr.write] as const;
    process.stdout.write = process.stderr.write = ((text: unknown) => written.push(text)) as never;
    try {
      await (await startBroker()).stop();
    } finally {
      [process.stdout.write, process.stderr.write] = originals;
    }
    expect(written).toEqual([]);
    expect(count()).toEqual(before);
  });

  it('takes Kafka configuration keys, and says what is wrong with them', async () => {
    const broker = await start({ config: { 'num.partitions': 4, 'auto.create.topics.enable': true } });
    const admin = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'four', numPartitions: -1 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['four'] });
    expect(topics[0]!.partitions).toHaveLength(4);
    await admin.disconnect();
    await expect(startBroker({ config: { 'num.partition': 4 } })).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringContaining('did you mean num.partitions'),
    });
  });

  it('leaves nothing open when it cannot start', async () => {
    const data = join(directory, 'data');
    const first = await start({ dataDir: data });
    await expect(startBroker({ dataDir: data })).rejects.toThrow('in use by another broker of this process');
    const other = join(directory, 'other');
    await expect(startBroker({ dataDir: other, port: first.port })).rejects.toThrow(
      'is in use by another program',
    );
    expect(existsSync(join(other, 'meta.properties'))).toBe(false);
    // The directory was let go of.
    await start({ dataDir: other });
  });

  it('shows every request to a hook that may fail it', async () => {
    const seen: string[] = [];
    const broker = await start({
      onRequest: ({ api, caller }) => {
        seen.push(`${api.name} ${caller.clientId}`);
        return api.name === 'CreateTopics' ? { kind: 'fail', errorCode: 44 } : null;
      },
    });
    const kafka = new Kafka({ clientId: 'hooked', brokers: broker.brokers, logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await expect(admin.createTopics({ topics: [{ topic: 'refused' }] })).rejects.toMatchObject({
      errors: [{ code: 44 }],
    });
    expect(seen).toContain('CreateTopics hooked');
    await admin.disconnect();
  });
});

describe('garbage on a real port', () => {
  it.each([
    ['HTTP', 'GET /topics HTTP/1.1\r\nHost: localhost\r\n\r\n', /HTTP request/],
    ['TLS', Buffer.from('160301020001000001fc0303', 'hex'), /TLS handshake/],
  ])('%s is named in the log, and others go on', async (_name, bytes, line) => {
    const logger = keepingLogger();
    const broker = await start({ logger });
    const client = await tcpClient(broker);
    client.send(Buffer.from(bytes));
    await client.closed;
    expect(logger.lines.filter(({ message }) => line.test(message))).toHaveLength(1);
    expect(await answers(broker.port)).toBe(true);
  });
});

it('runs on virtual time, a memory disk and a memory network', async () => {
  const environment = simulatedEnvironment();
  const { clock } = environment;
  const transport = new MemoryTransport((callback) => clock.defer(callback));
  const broker = await clock.until(
    startBroker({ environment, transport, config: { 'connections.max.idle.ms': 60_000 } }),
  );
  const client = transport.connect({ host: '127.0.0.1', port: broker.port });
  client.send(askVersions);
  await clock.settle();
  expect(client.take().length).toBeGreaterThan(100);
  await clock.advance(80_000);
  expect(client.isClosed).toBe(true);
  await clock.until(broker.stop());
  expect(clock.pendingTimers).toBe(0);
});
