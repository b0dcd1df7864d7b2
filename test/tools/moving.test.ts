/** `kompakt graduate` and `kompakt adopt` as far as they come without Apache Kafka. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../broker/index.ts';
import { adopt } from '../../tools/adopt-command.ts';
import { graduate } from '../../tools/graduate-command.ts';
import { KafkaDirectory } from '../conformance/kafka-directory.ts';
import { overhear } from './overheard.ts';

const told = overhear();

async function stoppedDirectory(): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'kompakt-moving-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 10 }));
  const dataDir = join(home, 'data');
  const broker = await startBroker({ dataDir });
  await broker.stop();
  return dataDir;
}

const serveOptions = { set: [], logLevel: 'silent' } as const;

test('graduate makes the directory ready, writes its configuration and says what comes next; twice is as good as once', async () => {
  const dataDir = await stoppedDirectory();
  for (let time = 0; time < 2; time++) {
    told.forget();
    expect({ code: await graduate({ dataDir, port: '19192' }), err: told.err }).toEqual({ code: 0, err: '' });
    expect(readFileSync(join(dataDir, 'server.properties'), 'utf8')).toContain('PLAINTEXT://localhost:19192');
    expect(told.out).toContain(`bin/kafka-server-start.sh '${join(dataDir, 'server.properties')}'`);
    expect(told.out).toMatch(/--controller-directory-id [\w-]{22}\n/);
  }
});

test('graduate --check writes nothing', async () => {
  const dataDir = await stoppedDirectory();
  expect(await graduate({ dataDir, check: true })).toBe(0);
  expect(told.out).toMatch(/it can graduate/);
  expect(existsSync(join(dataDir, 'server.properties'))).toBe(false);
});

test.each<[string, (dataDir: string) => Parameters<typeof graduate>[0], RegExp]>([
  [
    "somebody else's server.properties in it",
    (dataDir) => {
      writeFileSync(join(dataDir, 'server.properties'), 'node.id=1\n');
      return { dataDir };
    },
    /server\.properties is there already, and not from `kompakt graduate`/,
  ],
  ['a target inside of itself', (dataDir) => ({ dataDir, to: join(dataDir, 'x') }), /name a place beside it/],
  [
    'a target that holds something',
    (dataDir) => ({ dataDir, to: join(dataDir, '..') }),
    /is not an empty directory/,
  ],
  ['no such directory', (dataDir) => ({ dataDir: `${dataDir}-x` }), /there is no .*-x/],
])('graduate refuses %s', async (_what, commandFor, message) => {
  const dataDir = await stoppedDirectory();
  expect(await graduate(commandFor(dataDir))).toBe(1);
  expect(told.err).toMatch(message);
});

test('graduate refuses a damaged directory by the file, and writes nothing', async () => {
  const dataDir = await stoppedDirectory();
  writeFileSync(join(dataDir, 'cleaner-offset-checkpoint'), '0\n1\nx\n');
  expect(await graduate({ dataDir })).toBe(1);
  expect(told.out).toMatch(/PROBLEM: .*cleaner-offset-checkpoint is damaged/);
  expect(told.err).toMatch(/cannot graduate as it is; nothing was written/);
  expect(existsSync(join(dataDir, 'server.properties'))).toBe(false);
});

test('adopt --check tells what is not carried over, and why a directory with ACLs needs a word', async () => {
  const directory = await KafkaDirectory.unpack('5-coordinators');
  onTestFinished(() => directory.remove());
  expect(await adopt(directory.path, { ...serveOptions, check: true })).toBe(1);
  expect(told.out).toMatch(/REFUSED: .* holds 4 ACLs and SCRAM credentials.*--ignore-acls/);
  expect(told.err).toMatch(/is not adopted; nothing was written/);
  told.forget();
  expect(await adopt(directory.path, { ...serveOptions, check: true, ignoreAcls: true })).toBe(0);
  expect(told.out).toContain('not carried over: 3 client quotas: kept, not enforced\n');
});
