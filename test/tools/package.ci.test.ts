/** The package as a dependant gets it: what is in it, how large it is, that it runs. Who uses it how: package-users.ci.test.ts. */
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesBelow, installPackage, type PackedPackage } from './packed-package.ts';
import { repository, runNode } from './program.ts';

let dependant: PackedPackage;
let installed: string;
const inDependant = (file: string, code: string): string => dependant.write(file, code);

beforeAll(() => {
  dependant = installPackage();
  installed = dependant.installed;
});
afterAll(() => dependant.remove());

test('it holds what runs, the documents and nothing else', () => {
  expect(readdirSync(installed).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'NOTICE',
    'README.md',
    'dist',
    'package.json',
  ]);
  expect(readdirSync(join(installed, 'dist')).sort()).toEqual([
    'THIRD-PARTY.txt',
    'chunks',
    'cleaner-worker.js',
    'index.cjs',
    'index.d.cts',
    'index.d.mts',
    'index.mjs',
    'kompakt.js',
    'package.json',
  ]);
});

test('installed with all that it depends on, it has at most 15 MB', () => {
  const bytes = bytesBelow(join(dependant.path, 'node_modules'));
  expect(bytes).toBeGreaterThan(1e6);
  expect(bytes).toBeLessThan(15e6);
});

test('installing it runs no script of ours', () => {
  const lock = JSON.parse(readFileSync(join(dependant.path, 'package-lock.json'), 'utf8'));
  expect(lock.packages['node_modules/kompakt']).not.toHaveProperty('hasInstallScript');
});

test('startBroker and the command work from there', async () => {
  const script = inDependant(
    'broker.mjs',
    `import { startBroker } from 'kompakt';
     const broker = await startBroker();
     console.log(broker.bootstrapServers);
     await broker.stop();`,
  );
  const { code, out, err } = await runNode([script]).ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^127\.0\.0\.1:\d+\n$/);
  const command = join(dependant.path, 'node_modules/.bin/kompakt');
  expect(existsSync(command)).toBe(true);
  expect((await runNode([command, '--version']).ended).out).toMatch(/^\d+\.\d+\.\d+/);
});

describe('the cleaner', () => {
  /** Compacts a topic on disk; prints where that ran, what is left, and the warnings. */
  const compacts = `
    const warnings = [];
    const nothing = () => {};
    const logger = { debug: nothing, info: nothing, error: nothing, warn: (message) => warnings.push(message), named: () => logger };
    const run = async ({ startBroker }, dataDir) => {
      const broker = await startBroker({ dataDir, logger });
      const kafka = new Kafka({ brokers: broker.brokers, logLevel: 0 });
      const [admin, producer] = [kafka.admin(), kafka.producer()];
      await admin.connect();
      const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
      await admin.createTopics({ topics: [{ topic: 'articles', configEntries }] });
      await producer.connect();
      const messages = ['1', '2', '3'].map((value) => ({ key: 'a', value }));
      await producer.send({ topic: 'articles', messages });
      await Promise.all([admin.disconnect(), producer.disconnect()]);
      const [{ outcome, records }] = await broker.compact('articles', { includeActive: true });
      const { runsIn } = broker.cleanerStatus();
      await broker.stop();
      console.log(JSON.stringify({ runsIn, outcome, after: records.after, warnings }));
    };`;
  const kafkajs = JSON.stringify(join(repository, 'node_modules/kafkajs/index.js'));
  const esm = `
    import kafkajs from ${kafkajs};
    const { Kafka } = kafkajs;
    ${compacts}
    await run(await import('kompakt'), process.argv[2]);`;
  const cjs = `
    const { Kafka } = require(${kafkajs});
    ${compacts}
    run(require('kompakt'), process.argv[2]);`;

  test.each([
    ['an ES module', 'compact.mjs', esm],
    ['CommonJS', 'compact.cjs', cjs],
  ])('finds its thread from %s', async (_, file, code) => {
    const { out, err } = await runNode([inDependant(file, code), join(dependant.path, `data-${file}`)]).ended;
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({ runsIn: 'thread', outcome: 'compacted', after: 1, warnings: [] });
  });

  test('runs in the process, with one warning, where the file of its thread was lost', async () => {
    const file = join(installed, 'dist/cleaner-worker.js');
    renameSync(file, `${file}.lost`);
    try {
      const script = inDependant('lost.mjs', esm);
      const { out } = await runNode([script, join(dependant.path, 'data-lost')]).ended;
      const { warnings, ...rest } = JSON.parse(out);
      expect(rest).toEqual({ runsIn: 'process', outcome: 'compacted', after: 1 });
      expect(warnings).toEqual([
        'cleaner-worker.js is not beside the bundle: logs are cleaned on the event loop of the broker',
      ]);
    } finally {
      renameSync(`${file}.lost`, file);
    }
  });
});
