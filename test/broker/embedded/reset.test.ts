/** A reset: everything as after a start, at the same address. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, BrokerGone, type BrokerOptions, startBroker } from '../../../broker/index.ts';
import { isFree } from '../../quiet-port.ts';
import { MemoryTransport } from '../../simulation/memory-transport.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { tcpClient } from '../network/tcp-client.ts';

let directory: string;
let brokers: Broker[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kompakt-'));
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

const kafkaOf = (broker: Broker) => new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });

/** Leaves a topic with a record, a group with an offset, a producer id and a transactional id behind. */
async function use(broker: Broker): Promise<void> {
  const kafka = kafkaOf(broker);
  const admin = kafka.admin();
  const producer = kafka.producer({ transactionalId: 'transactions', maxInFlightRequests: 1 });
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({ topics: [{ topic: 'left' }] });
  const transaction = await producer.transaction();
  await transaction.send({ topic: 'left', messages: [{ key: 'key', value: 'behind' }] });
  const topics = [{ topic: 'left', partitions: [{ partition: 0, offset: '1' }] }];
  await transaction.sendOffsets({ consumerGroupId: 'group', topics });
  await transaction.commit();
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

async function found(broker: Broker) {
  const admin = kafkaOf(broker).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  return { topics, groups: groups.map(({ groupId }) => groupId) };
}

const nothing = { topics: [], groups: [] };

test('everything is gone but the address and the cluster id', async () => {
  const broker = await start();
  const { port, clusterId } = broker;
  await use(broker);
  expect(await found(broker)).toMatchObject({ topics: expect.arrayContaining(['left']), groups: ['group'] });
  broker.fault({ api: 'Metadata', error: 'UNKNOWN_SERVER_ERROR' });
  await broker.reset();
  expect(broker.requests()).toEqual([]);
  expect(await found(broker)).toEqual(nothing);
  expect(broker).toMatchObject({ port, clusterId });
  // The same again: a topic of the same name is another topic.
  await use(broker);
  await broker.reset();
  expect(await found(broker)).toEqual(nothing);
});

test('what clients changed of the configuration is gone, what the options say is not', async () => {
  const broker = await start({ config: { 'num.partitions': 3 } });
  const admin = kafkaOf(broker).admin();
  await admin.connect();
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: 4, name: '1', configEntries: [{ name: 'log.retention.ms', value: '1234' }] }],
  });
  await broker.reset();
  const resources = [{ type: 4, name: '1', configNames: ['log.retention.ms', 'num.partitions'] }];
  const described = await admin.describeConfigs({ includeSynonyms: false, resources });
  const values = described.resources[0]!.configEntries.map(({ configName, configValue }) => [
    configName,
    configValue,
  ]);
  expect(Object.fromEntries(values)).toMatchObject({ 'num.partitions': '3' });
  expect(Object.fromEntries(values)['log.retention.ms']).not.toBe('1234');
  await admin.disconnect();
});

test('connections are closed, and nobody who connects meanwhile is refused', async () => {
  const broker = await start();
  const before = await tcpClient(broker);
  let isResetting = true;
  let connected = 0;
  const knock = async (): Promise<void> => {
    while (isResetting) {
      const socket = createConnection(broker.port, '127.0.0.1');
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', (error: NodeJS.ErrnoException) =>
          error.code === 'ECONNRESET' ? resolve() : reject(error),
        );
      });
      socket.on('error', () => {});
      socket.destroy();
      connected += 1;
    }
  };
  const knocking = [knock(), knock(), knock()];
  while (connected < 20) await broker.reset();
  isResetting = false;
  await Promise.all(knocking);
  await before.closed;
});

test('a client that comes between two worlds is served by the second one', async () => {
  const broker = await start();
  const admin = kafkaOf(broker).admin();
  const resetting = broker.reset();
  const connecting = admin.connect();
  await Promise.all([resetting, connecting]);
  expect(await admin.listTopics()).toEqual([]);
  await admin.disconnect();
});

test('a directory is emptied and keeps its identity', async () => {
  const dataDir = join(directory, 'data');
  const broker = await start({ dataDir });
  await use(broker);
  const identity = readFileSync(join(dataDir, 'meta.properties'), 'utf8');
  expect(readdirSync(dataDir)).toContain('left-0');
  await broker.reset();
  expect(readdirSync(dataDir).sort()).toEqual([
    '.kompakt-owner',
    '.lock',
    '__cluster_metadata-0',
    'meta.properties',
  ]);
  expect(readFileSync(join(dataDir, 'meta.properties'), 'utf8')).toBe(identity);
  expect(await found(broker)).toEqual(nothing);
  await use(broker);
  await broker.stop();
  const again = await start({ dataDir });
  expect(await found(again)).toMatchObject({ groups: ['group'] });
  expect(again.clusterId).toBe(broker.clusterId);
});

test('names in the directory that are not of a log stay', async () => {
  const dataDir = join(directory, 'data');
  const broker = await start({ dataDir });
  writeFileSync(join(dataDir, 'notes.txt'), 'mine');
  await broker.reset();
  expect(existsSync(join(dataDir, 'notes.txt'))).toBe(true);
});

test('HTTP keeps its address, too', async () => {
  const broker = await start({ http: {}, config: { 'log.cleanup.policy': 'compact' } });
  const url = broker.httpUrl;
  const ask = () => globalThis.fetch(`${broker.httpUrl}/topics/left/keys/key`);
  await use(broker);
  expect(await (await ask()).text()).toBe('behind');
  const table = broker.table('left');
  await broker.reset();
  expect(broker.httpUrl).toBe(url);
  expect((await ask()).status).toBe(404);
  // The object from before the reset asks the broker of now.
  await expect(table.get('key')).rejects.toThrow(/left/);
});

test('resets and stops go one after the other', async () => {
  const broker = await start();
  await Promise.all([broker.reset(), broker.reset(), broker.reset(), broker.stop(), broker.stop()]);
  expect(await isFree(broker.port)).toBe(true);
  const late = broker.reset();
  await expect(late).rejects.toBeInstanceOf(BrokerGone);
  await expect(late).rejects.toThrow('reset: the broker is stopped');
});

test('a directory that was taken meanwhile makes the reset fail, and the broker is stopped', async () => {
  const dataDir = join(directory, 'data');
  const broker = await start({ dataDir });
  const resetting = broker.reset();
  rmSync(join(dataDir, 'meta.properties'));
  await expect(resetting).rejects.toThrow(/not a data directory/);
  expect(await isFree(broker.port)).toBe(true);
  await expect(broker.reset()).rejects.toBeInstanceOf(BrokerGone);
  await broker.stop();
});

test('in a simulation, on virtual time and a disk that is kept', async () => {
  const environment = simulatedEnvironment();
  const { clock } = environment;
  const transport = new MemoryTransport((callback) => clock.defer(callback));
  const broker = await clock.until(startBroker({ environment, transport }));
  const client = transport.connect({ host: '127.0.0.1', port: broker.port });
  await clock.until(broker.reset());
  expect(client.isClosed).toBe(true);
  await clock.until(broker.stop());
  expect(clock.pendingTimers).toBe(0);
});
