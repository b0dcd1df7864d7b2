/** Snapshots of a broker that runs, and brokers that begin with them. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, type BrokerOptions, OptionError, startBroker } from '../../../broker/index.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';

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

const inside = (name: string) => join(directory, name);

async function start(options: BrokerOptions = {}): Promise<Broker> {
  const broker = await startBroker(options);
  brokers.push(broker);
  return broker;
}

async function send(broker: Broker, ...values: string[]): Promise<void> {
  const producer = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  for (const value of values) await producer.send({ topic: 'orders', messages: [{ key: 'k', value }] });
  await producer.disconnect();
}

async function values(broker: Broker): Promise<string[]> {
  const records = await broker.records('orders', { atLeast: 1 });
  return records.map(({ value }) => String(value));
}

/** Every `.log` of the topic, with its bytes. */
function logsIn(data: string): { name: string; text: string; links: number }[] {
  const names = readdirSync(join(data, 'orders-0')).filter((name) => name.endsWith('.log'));
  return names.map((name) => {
    const path = join(data, 'orders-0', name);
    return { name, text: readFileSync(path, 'latin1'), links: statSync(path).nlink };
  });
}

const small = { 'internal.segment.bytes': '100' };

async function original(dataDir?: string): Promise<Broker> {
  const broker = await start(dataDir === undefined ? {} : { dataDir });
  await broker.createTopics([{ topic: 'orders', config: { ...small } }]);
  await send(broker, 'one', 'two', 'three');
  return broker;
}

test('a snapshot on a disk holds what was acknowledged, and neither side sees what the other writes', async () => {
  const broker = await original(inside('data'));
  await broker.snapshot(inside('snapshot'));
  await send(broker, 'original');
  const taken = logsIn(inside('snapshot'));
  expect(taken.map(({ links }) => links)).toEqual([2, 2, 1]);

  const first = await start({ from: inside('snapshot'), dataDir: inside('first') });
  expect(first.clusterId).toBe(broker.clusterId);
  expect(await values(first)).toEqual(['one', 'two', 'three']);
  await send(first, 'first');
  const second = await start({ from: inside('snapshot') });
  expect(await values(second)).toEqual(['one', 'two', 'three']);
  await send(second, 'second');
  expect(await values(broker)).toEqual(['one', 'two', 'three', 'original']);
  expect(await values(first)).toEqual(['one', 'two', 'three', 'first']);
  expect(await values(second)).toEqual(['one', 'two', 'three', 'second']);
  expect(logsIn(inside('snapshot')).map(({ text }) => text)).toEqual(taken.map(({ text }) => text));

  await second.stop();
  expect(readdirSync(directory).filter((name) => name.includes('fork'))).toEqual([]);
  const opened = await start({ dataDir: inside('snapshot') });
  expect(await values(opened)).toEqual(['one', 'two', 'three']);
});

test('in memory too, and from there to a disk', async () => {
  const broker = await original();
  const snapshot = await broker.snapshot();
  await send(broker, 'original');
  const first = await start({ from: snapshot });
  const second = await start({ from: snapshot, dataDir: inside('second') });
  await send(first, 'first');
  await send(second, 'second');
  expect(await values(broker)).toEqual(['one', 'two', 'three', 'original']);
  expect(await values(first)).toEqual(['one', 'two', 'three', 'first']);
  expect(await values(second)).toEqual(['one', 'two', 'three', 'second']);
  await first.snapshot(inside('third'));
  const third = await start({ from: inside('third') });
  expect(await values(third)).toEqual(['one', 'two', 'three', 'first']);
});

test.each(['memory', 'a directory', 'a temporary directory'])(
  'a reset goes back to it: %s',
  async (where) => {
    const broker = await original();
    await broker.snapshot(inside('snapshot'));
    const from = where === 'memory' ? await broker.snapshot() : inside('snapshot');
    const fork = await start({ from, ...(where === 'a directory' ? { dataDir: inside('fork') } : {}) });
    for (const value of ['a', 'b']) {
      await send(fork, value);
      expect(await values(fork)).toEqual(['one', 'two', 'three', value]);
      await fork.reset();
    }
    expect(await values(fork)).toEqual(['one', 'two', 'three']);
  },
);

test('what a crash has left can be begun with, and what could be cut by a recovery is not shared', async () => {
  const broker = await original(inside('data'));
  await broker.snapshot(inside('crashed'));
  rmSync(join(inside('crashed'), '.kafka_cleanshutdown'));
  rmSync(join(inside('crashed'), 'recovery-point-offset-checkpoint'));
  const fork = await start({ from: inside('crashed'), dataDir: inside('fork') });
  expect(await values(fork)).toEqual(['one', 'two', 'three']);
  // The original's and the snapshot's.
  expect(logsIn(inside('crashed')).map(({ links }) => links)).toEqual([2, 2, 1]);
});

test('a log whose last segment has become one that a snapshot shares goes on in bytes of its own', async () => {
  const broker = await original(inside('data'));
  await broker.snapshot(inside('snapshot'));
  await broker.stop();
  const taken = logsIn(inside('snapshot'));
  // As a power cut does that comes before the name of the segment is on the device.
  rmSync(join(inside('data'), '.kafka_cleanshutdown'));
  for (const suffix of ['log', 'index', 'timeindex'])
    rmSync(join(inside('data'), 'orders-0', `00000000000000000002.${suffix}`));
  const again = await start({ dataDir: inside('data') });
  await send(again, 'other');
  expect(await values(again)).toEqual(['one', 'two', 'other']);
  expect(logsIn(inside('data')).map(({ links }) => links)).toEqual([2, 1, 1]);
  expect(logsIn(inside('snapshot')).map(({ text }) => text)).toEqual(taken.map(({ text }) => text));
});

test('stops and resets wait for a snapshot that is being taken; of two in one directory the second is refused', async () => {
  const broker = await original(inside('data'));
  const [first, second] = [broker.snapshot(inside('one')), broker.snapshot(inside('one'))];
  const refused = expect(second).rejects.toMatchObject({ option: 'directory' });
  await Promise.all([first, refused, broker.reset()]);
  expect(readdirSync(inside('one'))).toContain('meta.properties');
  const last = broker.snapshot(inside('two'));
  await broker.stop();
  await last;
  await expect(broker.snapshot(inside('three'))).rejects.toThrow('stopped');
  expect(await values(await start({ from: inside('one') }))).toEqual(['one', 'two', 'three']);
  expect(readdirSync(inside('two'))).toContain('meta.properties');
});

test('a fork that a killed process left is removed by the next one, and one that is in use stays', async () => {
  const broker = await start({ dataDir: inside('data') });
  await broker.snapshot(inside('snapshot'));
  const used = await start({ from: inside('snapshot') });
  const names = () => readdirSync(directory).filter((name) => name.startsWith('snapshot.fork-'));
  const [inUse] = names();
  const others = ['snapshot.fork-0123456789abcdef', 'snapshot.fork-0123456789abcde0', 'snapshot.fork-mine'];
  for (const name of others) mkdirSync(inside(name));
  // As a kill leaves it: under the lock a broker had written who it is.
  for (const name of ['.lock', '.kompakt-owner']) writeFileSync(join(inside(others[0]!), name), '');
  const next = await start({ from: inside('snapshot') });
  expect(names()).toHaveLength(4);
  expect(names()).toEqual(expect.arrayContaining([inUse, others[1], others[2]]));
  await used.stop();
  await next.stop();
  expect(names().sort()).toEqual(others.slice(1).sort());
});

test('directories that cannot be taken are refused by the option that names them, and left as they are', async () => {
  const broker = await original(inside('data'));
  await broker.snapshot(inside('snapshot'));
  mkdirSync(inside('full'));
  writeFileSync(join(inside('full'), 'thesis.txt'), 'mine');
  const refused = async (work: Promise<unknown>, option: string, message: RegExp) => {
    const error = await work.then(() => null).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OptionError);
    expect(error).toMatchObject({ option, message: expect.stringMatching(message) as string });
  };
  await refused(broker.snapshot(inside('full')), 'directory', /is not empty, there is thesis\.txt/);
  await refused(broker.snapshot(inside('data/within')), 'directory', /lies in the data directory itself/);
  await refused(broker.snapshot(''), 'directory', /must be a text/);
  await refused(broker.snapshot(join(inside('full'), 'thesis.txt')), 'directory', /is not a directory/);
  await refused(broker.snapshot(undefined as never), 'directory', /needs one for its snapshot/);
  await refused(startBroker({ from: inside('nowhere') }), 'from', /there is no directory/);
  await refused(startBroker({ from: inside('full') }), 'from', /no meta\.properties/);
  await refused(startBroker({ from: inside('data') }), 'from', /is in use by a broker/);
  await refused(startBroker({ from: 7 as never }), 'from', /from is a data directory/);
  const environment = simulatedEnvironment();
  await refused(startBroker({ from: inside('snapshot'), environment }), 'from', /contradict/);
  await refused(
    startBroker({ from: inside('snapshot'), dataDir: inside('full') }),
    'dataDir',
    /is not empty/,
  );
  expect(readdirSync(inside('full'))).toEqual(['thesis.txt']);
  expect(existsSync(inside('nowhere'))).toBe(false);
  expect(readdirSync(directory).sort()).toEqual(['data', 'full', 'snapshot']);
});
