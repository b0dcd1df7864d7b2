/**
 * A whole broker on files that behave as on Windows: what is open is not replaced or removed, a scanner looks into what was closed, a
 * directory cannot be synced. Segments roll, are compacted, retained and deleted, topics come and go, and it starts again.
 */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../broker/index.ts';
import { fork } from '../../broker/snapshots/fork.ts';
import { nodeClock, nodeRandom } from '../../storage/environment/node.ts';
import { windowsDisk } from '../simulation/windows-calls.ts';
import { keepingLogger } from './network/frames.ts';

let directory: string;
let broker: Broker | null = null;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kompakt windows '));
});
afterEach(async () => {
  await broker?.stop();
  broker = null;
  rmSync(directory, { recursive: true });
});

/** With a clock that is not the process's own, the cleaner works on our files and not, in its thread, on the disk's. */
function environmentOn(disk: ReturnType<typeof windowsDisk>) {
  return { clock: { ...nodeClock }, random: nodeRandom, files: disk.files };
}

const config = {
  'log.segment.delete.delay.ms': 0,
  'log.retention.check.interval.ms': 20,
  'log.initial.task.delay.ms': 0,
};
const smallSegments = [{ name: 'segment.bytes', value: String(1024 * 1024) }];

test.each([512, 3])('with at most %i files open nothing is in its own way', async (openFilesMax) => {
  const disk = windowsDisk({ openFilesMax });
  const logger = keepingLogger();
  const environment = environmentOn(disk);
  broker = await startBroker({ dataDir: directory, environment, logger, config });
  const kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer({ createPartitioner: Partitioners.LegacyPartitioner });
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({
    topics: [
      { topic: 'articles', configEntries: [...smallSegments, { name: 'cleanup.policy', value: 'compact' }] },
      { topic: 'clicks', configEntries: [...smallSegments, { name: 'retention.bytes', value: '1' }] },
      { topic: 'brief', numPartitions: 3 },
    ],
  });
  const value = 'x'.repeat(100_000);
  for (let n = 0; n < 25; n++)
    for (const topic of ['articles', 'clicks', 'brief'])
      await producer.send({ topic, messages: [{ key: `k${n % 3}`, value }] });
  const [receipt] = await broker.compact('articles', { includeActive: true });
  expect(receipt).toMatchObject({ outcome: 'compacted', records: { before: 25, after: 3 } });
  await admin.deleteTopics({ topics: ['brief'] });
  await gone((name) => name.startsWith('brief-'));
  await gone((name) => /^clicks-0.0{20}\.log$/.test(name));
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  await broker.stop();

  broker = await startBroker({ dataDir: directory, environment: environmentOn(windowsDisk()), config });
  expect((await broker.table('articles', { values: 'text' }).get('k2'))?.length).toBe(value.length);
  expect(logger.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  expect(disk.refusals).toEqual([]);
  expect(disk.scans()).toBeGreaterThan(10);
});

test('a snapshot shares its sealed segments, and neither side is in the way of the other', async () => {
  const disk = windowsDisk();
  const [data, snapshot, copy] = ['data', 'a/b/snapshot', 'copy'].map((name) => join(directory, name));
  broker = await startBroker({ dataDir: data!, environment: environmentOn(disk), config });
  const topicConfig = { 'internal.segment.bytes': '1000', 'cleanup.policy': 'compact' };
  await broker.createTopics([{ topic: 'articles', config: topicConfig }]);
  const put = async (to: Broker, value: string) => {
    for (let n = 0; n < 3; n++)
      await to.table('articles', { values: 'text' }).put(`k${n}`, value.repeat(500));
  };
  await put(broker, 'a');
  await put(broker, 'b');
  await broker.snapshot(snapshot!);
  const files = windowsDisk().files;
  fork({ files, directory: snapshot! }, files, copy!, true);
  const forked = await startBroker({ dataDir: copy!, environment: environmentOn(windowsDisk()), config });
  expect(linksIn(join(copy!, 'articles-0'))).toContain(3);

  await put(broker, 'c');
  await put(forked, 'd');
  const valueIn = (of: Broker) => of.table('articles', { values: 'text' }).get('k1');
  for (const [of, value] of [
    [broker, 'c'],
    [forked, 'd'],
  ] as const) {
    await of.compact('articles', { includeActive: true });
    expect((await valueIn(of))?.[0]).toBe(value);
  }
  expect(linksIn(join(snapshot!, 'articles-0'))).toEqual([1, 1, 1, 1, 1, 1]);
  await forked.stop();
  await broker.stop();
  broker = await startBroker({ dataDir: snapshot!, environment: environmentOn(windowsDisk()), config });
  expect((await valueIn(broker))?.[0]).toBe('b');
  expect(disk.refusals).toEqual([]);
});

/** How many names each `.log` has. */
function linksIn(partition: string): number[] {
  const logs = readdirSync(partition).filter((name) => name.endsWith('.log'));
  return logs.map((name) => statSync(join(partition, name)).nlink);
}

/** Waits until no file or directory below the data directory has such a name. */
async function gone(isIt: (name: string) => boolean): Promise<void> {
  await expect
    .poll(() => readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(isIt), {
      timeout: 60_000,
    })
    .toEqual([]);
}

test('the rules bite: without the care for them, the same calls fail', () => {
  const { files, refusals } = windowsDisk({ scannerAttempts: 0 });
  const path = join(directory, 'log');
  const file = files.openSync(path, 'create');
  file.writeSync([Buffer.from('abc')], 0);
  writeFileSync(`${path}.new`, '');
  expect(() => files.calls.renameSync(`${path}.new`, path)).toThrow(/while .* is open/);
  expect(() => files.calls.unlinkSync(path)).toThrow(/while .* is open/);
  expect(() => files.calls.renameSync(directory, `${directory}-deleted`)).toThrow(/while .* is open/);
  expect(() => files.calls.openSync(directory, files.calls.constants.O_RDONLY)).toThrow(/EPERM/);
  expect(refusals).toHaveLength(3);
  files.renameSync(path, `${path}.deleted`);
  file.close();
});
