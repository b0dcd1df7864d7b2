/** `kompakt compact` and `kompakt explain` as processes: with a broker on a disk, in memory, on its way out, and without one. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PartitionExplanation } from '../../broker/index.ts';
import type { CompactionReceipt } from '../../compaction/receipt.ts';
import type { ControlStatus } from '../../protocol/control/messages.ts';
import { createNodeEnvironment } from '../../storage/environment/node.ts';
import { eventually } from '../clients/eventually.ts';
import { KafkaDirectory } from '../conformance/kafka-directory.ts';
import { skipUnless } from '../skip.ts';
import { freshDirectory, type Program, repository, runNode } from './program.ts';

/** Built for this run from the sources as they are, inside the checkout, where packages are found. */
const build = join(repository, '.build', `compaction-test-${process.pid}`);
beforeAll(async () => {
  expect((await runNode(['build.mjs', '--out', build]).ended).code).toBe(0);
});
afterAll(() => rmSync(build, { recursive: true, force: true }));

let directory: { path: string; remove(): void };
/** Not there yet: the broker makes it. */
let data: string;
let running: Program[];

beforeEach(() => {
  directory = freshDirectory();
  data = join(directory.path, 'data');
  running = [];
});
afterEach(async () => {
  for (const program of running) program.signal('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  directory.remove();
});

/** Control files of this test alone. */
function kompakt(...args: string[]): Program {
  const place = { TMPDIR: directory.path, TEMP: directory.path, TMP: directory.path };
  const program = runNode([join(build, 'kompakt.js'), ...args], place);
  running.push(program);
  return program;
}

/** Starts a broker; gives its host:port, and itself. */
async function serve(...args: string[]): Promise<{ address: string; program: Program }> {
  const program = kompakt('serve', '--port', '0', '--no-http', ...args);
  const [address] = /\S+:\d+/.exec(await program.firstLine)!;
  return { address, program };
}

async function output(...args: string[]): Promise<string> {
  const { code, out, err } = await kompakt(...args).ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse(await output(...args, '--json')) as T;
}

/** The one line on stderr of a command that fails. */
async function failure(...args: string[]): Promise<string> {
  const { code, out, err } = await kompakt(...args).ended;
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^kompakt: .*\n$/);
  return err.slice('kompakt: '.length, -1);
}

/** Writes "key=value" and "key!" (a tombstone), `values` times, into a topic of one partition. */
async function write(address: string, topic: string, entries: readonly string[]): Promise<void> {
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  if (!(await admin.listTopics()).includes(topic)) {
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
  }
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = entries.map((entry) => {
    const isTombstone = entry.endsWith('!');
    const [key, value] = isTombstone ? [entry.slice(0, -1), null] : entry.split('=');
    return { key: key!, value: value ?? null };
  });
  for (let at = 0; at < messages.length; at += 1_000)
    await producer.send({ topic, messages: messages.slice(at, at + 1_000) });
  await producer.disconnect();
}

const articles = ['shoe=1', 'hat=1', 'shoe=2', 'hat!', 'bike=1', 'shoe=3'];

describe.each(['on a disk, by its directory', 'in memory, by its port'])('with a broker %s', (where) => {
  test('a dry run, the receipt, the explanations and the status agree', async () => {
    const isInMemory = where.startsWith('in memory');
    const { address } = await serve(...(isInMemory ? ['--memory'] : ['--data-dir', data]));
    const which = isInMemory ? ['--bootstrap', address] : ['--data-dir', data];
    await write(address, 'articles', articles);

    expect(await output('compact', 'articles', ...which)).toMatch(
      /^articles-0: nothing to clean .*\n {2}not cleanable {2}6 {2}in the active segment \(--include-active rolls it first\)\n$/,
    );
    const [foretold] = await json<CompactionReceipt[]>(
      'compact',
      'articles',
      '--include-active',
      '--dry-run',
      ...which,
    );
    expect(foretold).toMatchObject({ outcome: 'dry-run', why: null, records: { before: 6, after: 3 } });
    expect(await output('explain', 'articles', 'shoe', ...which)).toContain(
      '  offset  time                      segment  value  why\n       0  ',
    );

    const text = await output('compact', 'articles', '--include-active', ...which);
    expect(text).toMatch(/^articles-0: compacted \(.*, 1 pass\)\n {2}offsets \[0, 6\); the log ends at 6\n/);
    expect(text).toMatch(/\n {2}records +6 {2}→ +3\n/);
    expect(text).toMatch(/\n {2}kept +2 {2}the newest value of their key\n/);
    expect(text).toMatch(/\n +1 {2}tombstones; the first may go at \d{4}-/);
    expect(text).toMatch(/\n {2}removed +3 {2}superseded by a newer record of their key\n/);

    const [shoe] = await json<PartitionExplanation[]>('explain', 'articles', 'shoe', ...which);
    expect(shoe).toMatchObject({ recordCount: 1, records: [{ offset: 5, state: 'newest', valueBytes: 1 }] });
    const [hat] = await json<PartitionExplanation[]>(
      'explain',
      'articles',
      Buffer.from('hat').toString('hex'),
      '--key-hex',
      ...which,
    );
    expect(hat!.records).toMatchObject([{ offset: 3, state: 'tombstone', valueBytes: null }]);
    expect(await output('explain', 'articles', 'ski', ...which)).toBe(
      'no record of this key in 1 partition\n',
    );

    const { cleaner } = await json<ControlStatus>('status', ...which);
    expect(cleaner).toMatchObject({
      isEnabled: true,
      running: [],
      troubles: [],
      counts: { recordsRemoved: 3 },
    });
    expect(await output('status', ...which)).toMatch(
      /\ncleaner +on, 1 thread.*; 2 passes, 3 records and .* removed\n/,
    );
    expect(await output('stop', ...which)).toBe('');
  });
});

describe('refused in one line', () => {
  test('by a broker', async () => {
    const { address } = await serve('--memory');
    await write(address, 'articles', articles);
    const which = ['--bootstrap', address];
    expect(await failure('compact', 'nothing', ...which)).toBe('there is no topic nothing');
    expect(await failure('explain', 'articles', 'shoe', '--partition', '7', ...which)).toBe(
      'articles has no partition 7, it has 1',
    );
    expect(await failure('compact', 'articles', '--set', 'log.cleaner.threads=2', ...which)).toBe(
      '--properties and --set are for a directory without a broker',
    );
  });

  test.each([
    [['--data-dir', 'x', '--bootstrap', 'localhost:1'], /contradict each other/],
    [['--bootstrap', 'localhost'], /is no HOST:PORT/],
    [['--bootstrap', 'host.invalid:9092'], /there is no host host\.invalid/],
    [['--bootstrap', '192.0.2.1:9092'], /is another machine/],
    [['--drop-tombstones-older-than', 'a week'], /a week is no duration/],
    [['--properties', '/does/not/exist'], /cannot read \/does\/not\/exist/],
  ])('with %j', async (args, expected) => {
    expect(await failure('compact', 'articles', ...args)).toMatch(expected);
  });

  test('where somebody else listens, or nobody', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    expect(await failure('status', '--bootstrap', address)).toContain(`${address} is no \`kompakt serve\``);
    await new Promise((resolve) => server.close(resolve));
    expect(await failure('status', '--bootstrap', address)).toBe(`nobody listens on ${address}`);
  });

  test('for a key that is not what it says, or a directory that is none', async () => {
    expect(await failure('explain', 'articles', 'xyz', '--key-hex')).toContain(
      'xyz is no key in hexadecimal',
    );
    expect(await failure('explain', 'articles', '!', '--key-base64')).toContain('! is no key in base64');
    expect(await failure('compact', 'articles', '--data-dir', data)).toBe(
      `no broker is running on ${data}, and there is no data in it`,
    );
    writeFileSync(join(directory.path, 'thesis.txt'), 'precious');
    expect(await failure('compact', 'articles', '--data-dir', directory.path)).toContain(
      'is not a data directory of Kompakt or Apache Kafka',
    );
  });
});

describe('brokers found by port', () => {
  test('two of one port on two addresses are two', async (context) => {
    const first = await serve('--memory', '--host', '127.0.0.1');
    const port = first.address.split(':').at(-1)!;
    const second = kompakt('serve', '--memory', '--host', '::1', '--port', port, '--no-http');
    const line = await second.firstLine.catch(() => null);
    skipUnless(context, line !== null, 'there is no IPv6 loopback here, or the port is taken on it');
    await write(first.address, 'articles', articles);
    const topics = async (address: string) =>
      (await json<ControlStatus>('status', '--bootstrap', address)).topics;
    expect(await topics(`127.0.0.1:${port}`)).toBe(1);
    expect(await topics(`[::1]:${port}`)).toBe(0);
  });

  test('one that was killed is forgotten, whoever comes after it', async () => {
    const killed = await serve('--memory', '--host', '127.0.0.1');
    killed.program.signal('SIGKILL');
    await killed.program.ended;
    expect(await failure('status', '--bootstrap', killed.address)).toBe(
      `nobody listens on ${killed.address}`,
    );
    const port = killed.address.split(':').at(-1)!;
    const next = kompakt('serve', '--data-dir', data, '--host', '127.0.0.1', '--port', port, '--no-http');
    await next.firstLine;
    next.signal('SIGKILL');
    await next.ended;
    await kompakt('serve', '--data-dir', data, '--host', '127.0.0.1', '--port', port, '--no-http').firstLine;
    expect((await json<ControlStatus>('status', '--bootstrap', killed.address)).dataDirectory).toBe(data);
  });
});

/** Reads a little, then waits for seconds: no test waits for the end of such a pass. */
const slowly = ['--set', 'log.cleaner.io.max.bytes.per.second=100000'];
const large = Array.from({ length: 4_000 }, (_, n) => `k${n % 7}=${'x'.repeat(500)}`);

describe('a compaction that does not come to its end', () => {
  async function compactSlowly(address: string): Promise<Program> {
    await write(address, 'articles', large);
    const compacting = kompakt('compact', 'articles', '--include-active', '--bootstrap', address);
    await eventually(async () => expect(await runningPasses(address)).toEqual(['articles-0']));
    return compacting;
  }

  async function runningPasses(address: string): Promise<string[]> {
    const { cleaner } = await json<ControlStatus>('status', '--bootstrap', address);
    return cleaner.running.map(({ topic, partition }) => `${topic}-${partition}`);
  }

  test('because whoever asked has gone: nobody waits for it', async () => {
    const { address } = await serve('--data-dir', data, ...slowly);
    const compacting = await compactSlowly(address);
    compacting.signal('SIGKILL');
    await eventually(async () => expect(await runningPasses(address)).toEqual([]));
    const { counts, troubles } = (await json<ControlStatus>('status', '--data-dir', data)).cleaner;
    expect({ passes: counts.passes, troubles }).toEqual({ passes: 0, troubles: [] });
  });

  test('because its broker stops, or is killed: one line, and the directory is as good as before', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const { address, program } = await serve('--data-dir', data, ...slowly);
      const compacting = await compactSlowly(address);
      program.signal(signal);
      const { code, out, err } = await compacting.ended;
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^kompakt: the broker (is stopping|\(process \d+\) has closed the connection)\n$/);
      await program.ended;
    }
    const { code, out } = await kompakt(
      'compact',
      'articles',
      '--include-active',
      '--json',
      '--data-dir',
      data,
    ).ended;
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject([{ outcome: 'compacted', records: { before: 8_000, after: 7 } }]);
  });
});

describe('without a broker', () => {
  const working = (path: string) => `kompakt: no broker is running on ${path}: working on its files\n`;

  test('they work on the directory, and a broker finds what they left', async () => {
    const first = await serve('--data-dir', data);
    await write(first.address, 'articles', articles);
    await output('stop', '--data-dir', data);
    const compacted = await kompakt('compact', 'articles', '--include-active', '--data-dir', data).ended;
    expect(compacted).toMatchObject({ code: 0, err: working(data) });
    expect(compacted.out).toMatch(/^articles-0: compacted/);
    const explained = await kompakt('explain', 'articles', 'hat', '--data-dir', data).ended;
    expect(explained).toMatchObject({ code: 0, err: working(data) });
    expect(explained.out).toMatch(/\n +3 .* tombstone {2}a tombstone: it stays until /);
    const refused = await kompakt('compact', 'nothing', '--data-dir', data).ended;
    expect(refused).toMatchObject({
      code: 1,
      out: '',
      err: `${working(data)}kompakt: there is no topic nothing\n`,
    });
    const second = await serve('--data-dir', data);
    await write(second.address, 'articles', ['shoe=4']);
    const [shoe] = await json<PartitionExplanation[]>('explain', 'articles', 'shoe', '--data-dir', data);
    expect(shoe!.records.map(({ offset }) => offset)).toEqual([5, 6]);
  });

  test('settings that only its broker knew are given again', async () => {
    const file = join(directory.path, 'server.properties');
    const path = data.replaceAll('\\', '\\\\');
    writeFileSync(file, `log.dirs=${path}\nlog.cleanup.policy=compact\nlog.retention.ms=1\n`);
    const first = await serve('--properties', file);
    const kafka = new Kafka({ brokers: [first.address], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'articles', numPartitions: 1 }] });
    await admin.disconnect();
    await write(first.address, 'articles', articles);
    await output('stop', '--data-dir', data);
    expect((await kompakt('compact', 'articles', '--data-dir', data).ended).err).toContain(
      'articles is not compacted: its cleanup.policy is delete',
    );
    const { code, out } = await kompakt('compact', 'articles', '--include-active', '--properties', file)
      .ended;
    expect(code).toBe(0);
    expect(out).toMatch(/\n {2}records +6 {2}→ +3\n/);
  });

  test('a directory that a stopped Apache Kafka left', async () => {
    const kafka = await KafkaDirectory.unpack('2-compact-2-dirty');
    try {
      const args = ['compact', 'c-idem', '--json', '--data-dir', kafka.path];
      const { code, out } = await kompakt(...args).ended;
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject([{ topic: 'c-idem', outcome: 'compacted' }]);
      const again = await kompakt(...args).ended;
      expect(JSON.parse(again.out)).toMatchObject([{ records: { removed: { superseded: 0 } } }]);
    } finally {
      kafka.remove();
    }
  });

  test('not where somebody else has the directory', async () => {
    await serve('--data-dir', data).then(({ program }) => {
      program.signal('SIGTERM');
      return program.ended;
    });
    const lock = createNodeEnvironment().files.tryLock(join(data, '.lock'))!;
    try {
      expect(await failure('compact', 'articles', '--data-dir', data)).toMatch(
        /^the data directory .* is in use by .*, and has no control socket to ask it by$/,
      );
    } finally {
      lock.release();
    }
  });

  test('a signal ends them cleanly', async () => {
    const { address, program } = await serve('--data-dir', data);
    await write(address, 'articles', large);
    program.signal('SIGTERM');
    await program.ended;
    const compacting = kompakt('compact', 'articles', '--include-active', '--data-dir', data, ...slowly);
    await eventually(() => expect(readFileSync(join(data, '.kompakt-owner'), 'utf8')).toContain('{'));
    compacting.signal('SIGINT');
    const { code, out } = await compacting.ended;
    expect({ code, out }).toEqual({ code: 130, out: '' });
    expect(await kompakt('explain', 'articles', 'k1', '--data-dir', data).ended).toMatchObject({ code: 0 });
  });
});
