/** What `kompakt graduate` and `kompakt adopt` refuse stays as it was, to the last byte and name; and nothing appears beside it. */
import {
  cpSync,
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
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Broker, startBroker } from '../../broker/index.ts';
import { featureLevelRecord } from '../../broker/metadata/records/features.ts';
import { encodeMetadataRecord } from '../../broker/metadata/records/index.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { adopt } from '../../tools/adopt-command.ts';
import * as copying from '../../tools/copy-directory.ts';
import { graduate } from '../../tools/graduate-command.ts';
import { KafkaDirectory } from '../conformance/kafka-directory.ts';
import { overhear } from './overheard.ts';

let template: string;
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'kompakt-refusals-'));
  const broker = await startBroker({ dataDir: join(template, 'data') });
  await broker.createTopics([{ topic: 'orders', partitions: 2 }]);
  await broker.stop();
});
afterAll(() => rmSync(template, { recursive: true, force: true, maxRetries: 10 }));

const told = overhear();

/** A folder with a stopped directory `data` in it, and nothing else. */
function freshHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'kompakt-refused-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  cpSync(template, home, { recursive: true });
  return home;
}

/** Every file below with its bytes, every folder. */
function contents(home: string): Record<string, string> {
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const stat = statSync(join(home, name));
      const bytes = stat.isFile() ? readFileSync(join(home, name)).toString('base64') : '';
      return [name, `${stat.isDirectory() ? 'folder' : 'file'} ${bytes}`];
    }),
  );
}

interface Refusal {
  readonly what: string;
  /** Of both commands; left out: nothing. */
  readonly damage?: (data: string) => unknown;
  /** What is said, by whichever command. */
  readonly message: RegExp;
  readonly clusterId?: string;
  readonly set?: readonly string[];
  /** Left out: a copy is asked for as well. */
  readonly to?: string;
}

const metadataLog = (data: string) => join(data, '__cluster_metadata-0', '00000000000000000000.log');

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

function append(path: string, more: Buffer): void {
  writeFileSync(path, Buffer.concat([readFileSync(path), more]));
}

const ofBoth: readonly Refusal[] = [
  {
    what: 'without meta.properties',
    damage: (data) => rmSync(join(data, 'meta.properties')),
    message: /is not a data directory of Kompakt or Apache Kafka/,
  },
  {
    what: 'of ZooKeeper',
    damage: (data) => writeFileSync(join(data, 'meta.properties'), 'version=0\nbroker.id=1\ncluster.id=x\n'),
    message: /is of version 0, from a Kafka with ZooKeeper/,
  },
  {
    what: 'without its metadata log',
    damage: (data) => rmSync(join(data, '__cluster_metadata-0'), { recursive: true }),
    message: /no cluster metadata that knows them|has no metadata log/,
  },
  {
    what: 'with a flipped bit in its metadata log',
    damage: (data) => flip(metadataLog(data), 100),
    message: /__cluster_metadata-0/,
  },
  {
    what: 'of a later metadata version',
    damage: (data) => {
      const level = { name: 'metadata.version', featureLevel: 34 };
      const records = [
        { timestampMs: 1, key: null, value: encodeMetadataRecord(featureLevelRecord, 0, level) },
      ];
      append(metadataLog(data), buildBatch({ baseOffset: 10_000, leaderEpoch: 1, records }));
    },
    message: /metadata\.version is at level 34, known here from 7 to 33/,
  },
  {
    what: 'with a damaged checkpoint',
    damage: (data) => writeFileSync(join(data, 'replication-offset-checkpoint'), '0\n1\nx\n'),
    message: /replication-offset-checkpoint is damaged/,
  },
  {
    what: 'with a damaged partition.metadata',
    damage: (data) => {
      mkdirSync(join(data, 'orders-1'));
      writeFileSync(join(data, 'orders-1', 'partition.metadata'), 'version: 1');
    },
    message: /orders-1\/partition\.metadata is damaged/,
  },
  {
    what: 'with a folder that is no partition',
    damage: (data) => mkdirSync(join(data, 'notes')),
    message: /notes is no partition's directory/,
  },
  {
    what: 'that is empty',
    damage: (data) => {
      rmSync(data, { recursive: true });
      mkdirSync(data);
    },
    message: /is no data directory|has no meta\.properties/,
  },
  { what: 'that is not there', damage: (data) => rmSync(data, { recursive: true }), message: /there is no / },
  { what: 'with a key of no meaning', set: ['=x'], message: /=x/ },
  { what: 'with a value that a key cannot have', set: ['num.partitions=many'], message: /num\.partitions/ },
  { what: 'with a copy in itself', to: 'data/copy', message: /name a place beside it/ },
  {
    what: 'with a copy where something is',
    damage: (data) => cpSync(data, join(data, '..', 'copy'), { recursive: true }),
    message: /is there already and is not an empty directory/,
  },
];

test.each(ofBoth)('a directory $what', async ({ damage, message, set = [], to = 'copy' }) => {
  const home = freshHome();
  const data = join(home, 'data');
  damage?.(data);
  const before = contents(home);
  for (const copy of to === 'copy' ? [undefined, join(home, to)] : [join(home, to)]) {
    const asked = { set, ...(copy === undefined ? {} : { to: copy }) };
    // What is wrong with the place of the copy is wrong with nothing else.
    if (copy === undefined && /already|beside/.test(message.source)) continue;
    expect(await graduate({ dataDir: data, ...asked }), told.out).toBe(1);
    expect(told.out + told.err).toMatch(message);
    told.forget();
    expect(await adopt(data, { ...asked, set, port: '0', logLevel: 'silent' }), told.err).toBe(1);
    expect(told.out + told.err).toMatch(message);
    told.forget();
    expect(contents(home)).toEqual(before);
  }
});

test("adopt refuses another cluster's directory", async () => {
  const home = freshHome();
  const before = contents(home);
  const options = { clusterId: 'theirs', set: [], port: '0', logLevel: 'silent' } as const;
  expect(await adopt(join(home, 'data'), options)).toBe(1);
  expect(told.err).toMatch(/belongs to cluster .*, but cluster theirs is asked for/);
  expect(contents(home)).toEqual(before);
});

test('adopt refuses one with ACLs that nobody asks to ignore, and makes no copy', async () => {
  const directory = await KafkaDirectory.unpack('5-coordinators');
  onTestFinished(() => directory.remove());
  const home = freshHome();
  const before = [contents(directory.path), contents(home)];
  const options = { to: join(home, 'copy'), set: [], port: '0', logLevel: 'silent' } as const;
  expect(await adopt(directory.path, options)).toBe(1);
  expect(told.err).toMatch(/REFUSED: .* holds 4 ACLs and SCRAM credentials/);
  expect([contents(directory.path), contents(home)]).toEqual(before);
});

test('graduate refuses --stop with --check', async () => {
  const home = freshHome();
  const before = contents(home);
  expect(await graduate({ dataDir: join(home, 'data'), check: true, stop: true })).toBe(1);
  expect(told.err).toMatch(/--check and --stop contradict each other/);
  expect(contents(home)).toEqual(before);
});

test('a copy that cannot be made whole is not there at all, in a folder of its own or in one that was empty', async () => {
  for (const isThere of [false, true]) {
    const home = freshHome();
    const copy = join(home, 'copy');
    if (isThere) mkdirSync(copy);
    const before = contents(home);
    const spy = vi.spyOn(copying, 'copyDirectory').mockImplementationOnce((_from, to) => {
      mkdirSync(join(to, 'orders-0'), { recursive: true });
      throw new Error('ENOSPC: no space left on device');
    });
    expect(await graduate({ dataDir: join(home, 'data'), to: copy })).toBe(1);
    expect(told.err).toMatch(/could not be copied to .*copy: ENOSPC/);
    expect(contents(home)).toEqual(before);
    spy.mockRestore();
  }
});

test('both refuse one that a broker runs on', async () => {
  const home = freshHome();
  const data = join(home, 'data');
  const broker: Broker = await startBroker({ dataDir: data });
  onTestFinished(() => broker.stop());
  const before = contents(home);
  expect(await graduate({ dataDir: data })).toBe(1);
  expect(told.err).toMatch(/in use|is running/);
  expect(await adopt(data, { set: [], port: '0', logLevel: 'silent' })).toBe(1);
  expect(contents(home)).toEqual(before);
});
