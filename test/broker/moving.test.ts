/** Directories on their way to Apache Kafka or from there: what is refused, by which name, and that nothing is written then. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readConfiguration } from '../../broker/config/settings.ts';
import { featureLevelRecord } from '../../broker/metadata/records/features.ts';
import { encodeMetadataRecord } from '../../broker/metadata/records/index.ts';
import { kafkaNodesFor, lookAtDirectory, prepareForKafka } from '../../broker/moving.ts';
import { silentLogger } from '../../broker/observe/logger.ts';
import { StartError } from '../../broker/start-error.ts';
import { stampCrc } from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { encodeSnapshot } from '../../storage/log/producer-snapshot.ts';
import { ProducerState } from '../../storage/log/producer-state.ts';
import { copyDirectory } from '../../tools/copy-directory.ts';
import { type SimulatedEnvironment, simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { metadataDirectory, newTopic, open } from './metadata/cluster-fixture.ts';

const directory = '/data';

/** A directory with a topic, stopped clean, whose one partition holds a batch. */
async function stopped(): Promise<SimulatedEnvironment> {
  const environment = simulatedEnvironment();
  const cluster = await open({ environment });
  await cluster.controller.createTopics([newTopic('orders')], { validateOnly: false });
  const id = cluster.state.topic('orders')!.id;
  await cluster.close();
  const { files } = environment;
  files.makeDirectorySync('/data/orders-0');
  const value = Buffer.from('v');
  const batch = buildBatch({ leaderEpoch: 0, records: [{ timestampMs: 1, key: null, value }] });
  files.replaceFileSync('/data/orders-0/00000000000000000000.log', batch);
  files.replaceFileSync('/data/orders-0/partition.metadata', Buffer.from(`version: 0\ntopic_id: ${id}`));
  files.replaceFileSync('/data/.kafka_cleanshutdown', Buffer.from('{"version":0,"brokerEpoch":3}'));
  return environment;
}

function configuration() {
  const read = readConfiguration({ dataDirectory: directory });
  if (!read.ok) throw new Error(read.messages.join());
  return read.configuration;
}

const look = (environment: SimulatedEnvironment, clusterId?: string) =>
  lookAtDirectory(
    { environment, configuration: configuration(), directory, processId: 1, clusterId },
    (found) => found,
  );

function contents({ files }: SimulatedEnvironment): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (path: string): void => {
    for (const name of files.statSync(path) === null ? [] : files.listSync(path)) {
      const at = files.join(path, name);
      if (files.statSync(at)!.kind === 'directory') walk(at);
      else found[at] = files.readFileSync(at).toString('base64');
    }
  };
  walk(directory);
  return found;
}

const replace = (path: string, change: (bytes: Buffer) => Buffer) => (environment: SimulatedEnvironment) =>
  environment.files.replaceFileSync(path, change(environment.files.readFileSync(path)));

/** In a batch. */
const recordCountAt = 57;

function atLevel(featureLevel: number, baseOffset: number): Buffer {
  const level = { name: 'metadata.version', featureLevel };
  const value = encodeMetadataRecord(featureLevelRecord, 0, level);
  return buildBatch({ baseOffset, leaderEpoch: 1, records: [{ timestampMs: 1, key: null, value }] });
}

test.each<[string, (environment: SimulatedEnvironment) => void, RegExp, string?]>([
  ['is not there', ({ files }) => files.removeTreeSync(directory), /there is no \/data/],
  [
    'is something else',
    ({ files }) => files.removeFileSync('/data/meta.properties'),
    /is not a data directory of Kompakt or Apache Kafka/,
  ],
  [
    'is of ZooKeeper',
    replace('/data/meta.properties', () => Buffer.from('version=0\nbroker.id=1\ncluster.id=x\n')),
    /meta\.properties is of version 0, from a Kafka with ZooKeeper/,
  ],
  [
    'belongs to another cluster',
    () => {},
    /belongs to cluster .*, but cluster theirs is asked for/,
    'theirs',
  ],
  [
    'has no metadata log',
    ({ files }) => files.removeTreeSync(metadataDirectory),
    /holds partitions \(orders-0\) but no cluster metadata that knows them/,
  ],
  [
    'has neither metadata nor partitions',
    ({ files }) => {
      files.removeTreeSync(metadataDirectory);
      files.removeTreeSync('/data/orders-0');
    },
    /has no metadata log \(__cluster_metadata-0\)/,
  ],
  [
    'is the second of several log.dirs, formatted like the first',
    ({ files }) => {
      files.removeTreeSync(metadataDirectory);
      files.removeTreeSync('/data/orders-0');
      files.replaceFileSync('/data/bootstrap.checkpoint', atLevel(30, 0));
    },
    /has no metadata log \(__cluster_metadata-0\)/,
  ],
  [
    'is of a later Kafka',
    replace(`${metadataDirectory}/00000000000000000000.log`, (bytes) =>
      Buffer.concat([bytes, atLevel(34, 1000)]),
    ),
    /metadata\.version is at level 34, known here from 7 to 33/,
  ],
])('a directory that %s is refused, and left as it is', async (_what, damage, message, clusterId) => {
  const environment = await stopped();
  damage(environment);
  const before = contents(environment);
  const refusal: unknown = await look(environment, clusterId).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StartError);
  expect((refusal as Error).message).toMatch(message);
  expect(contents(environment)).toEqual(before);
});

test.each<[string, (environment: SimulatedEnvironment) => void, RegExp]>([
  [
    'a flipped bit',
    replace('/data/orders-0/00000000000000000000.log', (bytes) => {
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    }),
    /^\/data\/orders-0\/00000000000000000000\.log is damaged at byte 0: /,
  ],
  [
    'an index that points beside its batch',
    ({ files }) =>
      files.replaceFileSync(
        '/data/orders-0/00000000000000000000.index',
        Buffer.from('0000000000000007', 'hex'),
      ),
    /^\/data\/orders-0\/00000000000000000000\.index says at byte 0 that the batch of offset 0 is at byte 7 /,
  ],
  [
    'a time index that is too early',
    ({ files }) =>
      files.replaceFileSync(
        '/data/orders-0/00000000000000000000.timeindex',
        Buffer.from('ffffffffffffffff00000000', 'hex'),
      ),
    /\.timeindex says at byte 0: nothing up to offset 0 later than -1, but something is$/,
  ],
  [
    'half an entry in a transaction index',
    ({ files }) => files.replaceFileSync('/data/orders-0/00000000000000000000.txnindex', Buffer.alloc(20)),
    /\.txnindex has 20 bytes, which are no whole entries$/,
  ],
  [
    'a torn producer snapshot',
    ({ files }) => files.replaceFileSync('/data/orders-0/00000000000000000001.snapshot', Buffer.alloc(3)),
    /\.snapshot is not usable: it has 3 bytes$/,
  ],
  [
    'a record count that is not that of the records',
    replace('/data/orders-0/00000000000000000000.log', (bytes) => {
      bytes.writeInt32BE(0, recordCountAt);
      stampCrc(bytes, 0);
      return bytes;
    }),
    /\.log is damaged: its batch at byte 0, offset 0, says 0 records, but has some$/,
  ],
  [
    'a producer snapshot that is ahead of the log',
    ({ files }) => {
      const producer = new ProducerState(7);
      producer.addBatch(0, { lastSequence: 0, lastOffset: 5, offsetDelta: 0, timestampMs: 1 });
      files.replaceFileSync('/data/orders-0/00000000000000000001.snapshot', encodeSnapshot([producer]));
    },
    /00000000000000000001\.snapshot says of producer 7 that it has written offset 5$/,
  ],
  [
    'a transaction index with an abort that is not in the log',
    ({ files }) => {
      files.replaceFileSync('/data/orders-0/00000000000000000000.txnindex', Buffer.alloc(34));
    },
    /\.txnindex has an entry at byte 0 that cannot be one: producer 0 has aborted nothing at offset 0$/,
  ],
  [
    'leader epochs that are not those of the batches',
    ({ files }) =>
      files.replaceFileSync('/data/orders-0/leader-epoch-checkpoint', Buffer.from('0\n1\n3 0\n')),
    /leader-epoch-checkpoint says that offset 0 is of epoch 3, but its batch is of 0$/,
  ],
  [
    'a log that ends before its recovery point',
    ({ files }) =>
      files.replaceFileSync('/data/recovery-point-offset-checkpoint', Buffer.from('0\n1\norders 0 4\n')),
    /^\/data\/orders-0 ends at offset 1, but recovery-point-offset-checkpoint knows of its records up to 4$/,
  ],
  [
    'another topic id',
    replace('/data/orders-0/partition.metadata', () =>
      Buffer.from('version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAgA'),
    ),
    /is of the topic id AAAAAAAAAAAAAAAAAAAAgA, but the metadata says /,
  ],
  [
    'a damaged checkpoint',
    ({ files }) => files.replaceFileSync('/data/recovery-point-offset-checkpoint', Buffer.from('0\n1\nx\n')),
    /recovery-point-offset-checkpoint is damaged/,
  ],
  [
    'a missing partition that has records',
    ({ files }) => {
      files.removeTreeSync('/data/orders-0');
      files.replaceFileSync('/data/recovery-point-offset-checkpoint', Buffer.from('0\n1\norders 0 1\n'));
    },
    /^orders-0 is missing, but recovery-point-offset-checkpoint knows of its records up to 1$/,
  ],
  [
    'a directory that is no partition',
    ({ files }) => files.makeDirectorySync('/data/notes'),
    /^\/data\/notes is no partition's directory: Apache Kafka does not start beside it$/,
  ],
])('%s is told, and nothing is changed', async (_what, damage, problem) => {
  const environment = await stopped();
  expect((await look(environment)).problems).toEqual([]);
  damage(environment);
  const before = contents(environment);
  expect((await look(environment)).problems).toEqual([expect.stringMatching(problem)]);
  expect(contents(environment)).toEqual(before);
});

test('what a crash has torn is a note, not a problem: the next start cuts it off', async () => {
  const environment = await stopped();
  environment.files.removeFileSync('/data/.kafka_cleanshutdown');
  replace('/data/orders-0/00000000000000000000.log', (bytes) => bytes.subarray(0, -1))(environment);
  const { problems, notes } = await look(environment);
  expect(problems).toEqual([]);
  expect(notes.at(-1)).toMatch(/^\/data\/orders-0 ends in \d+ bytes that are no whole batch/);
});

test('a directory made ready for Kafka names this node as the only voter, and is stopped clean', async () => {
  const environment = await stopped();
  const { nodeId } = await look(environment);
  const [{ controller, text }] = kafkaNodesFor({ configuration: configuration(), nodeId, directory });
  expect(text).toContain(
    'controller.quorum.bootstrap.servers=localhost:9093,localhost:9103,localhost:9113\n',
  );
  const parts = {
    environment,
    configuration: configuration(),
    logger: silentLogger,
    directory,
    processId: 1,
  };
  await environment.clock.until(prepareForKafka(parts, controller));
  const after = await look(environment);
  expect(after.problems).toEqual([]);
  expect(after.wasStoppedClean).toBe(true);
  const { kraftVersion, voters, snapshot } = after.metadata.read;
  expect({ kraftVersion, voters }).toMatchObject({
    kraftVersion: 1,
    voters: [
      { voterId: 1, voterDirectoryId: after.directoryId, endpoints: [{ name: 'CONTROLLER', port: 9093 }] },
    ],
  });
  expect(snapshot).not.toBeNull();
  expect(environment.files.readFileSync(`${metadataDirectory}/quorum-state`).toString()).toContain(
    '"data_version":1',
  );
});

test('a copy shares the full segments that no start will touch, and nothing else', () => {
  const home = mkdtempSync(join(tmpdir(), 'kompakt-copy-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const [from, to] = [join(home, 'from'), join(home, 'to')];
  const names = [
    'a-0/00000000000000000000.log',
    'a-0/00000000000000000005.log',
    'a-0/00000000000000000009.log',
  ];
  for (const folder of ['a-0', 'b-0.0123-delete']) mkdirSync(join(from, folder), { recursive: true });
  for (const name of [...names, 'a-0/00000000000000000000.index', '.lock', 'meta.properties'])
    writeFileSync(join(from, name), name);
  expect(copyDirectory(from, to, () => 7)).toEqual({ linked: 1, copied: 4 });
  const isShared = (name: string) => statSync(join(from, name)).ino === statSync(join(to, name)).ino;
  expect(names.map(isShared)).toEqual([true, false, false]);
  expect(names.map((name) => readFileSync(join(to, name), 'utf8'))).toEqual(names);
  expect(['.lock', 'b-0.0123-delete'].some((name) => existsSync(join(to, name)))).toBe(false);
});
