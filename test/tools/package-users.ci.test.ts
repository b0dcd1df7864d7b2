/**
 * The packed package as its users load it: CommonJS, ES modules, both in one process, jest, ts-jest, vitest, TypeScript in each way
 * of looking for modules. Each is a project of its own below one directory with the packages.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installPackage, layProject, type PackedPackage } from './packed-package.ts';
import { filesOf, pageBlocks } from './page-blocks.ts';
import { repository } from './program.ts';

const tools = [
  ...[
    'kafkajs@2.2.4',
    'jest@30.2.0',
    '@types/jest@30.0.0',
    'ts-jest@29.4.5',
    'vitest@4.1.12',
    'typescript@5.9.3',
  ],
  ...['@types/node@20.19.43', 'publint@0.3.25', '@arethetypeswrong/cli@0.18.5'],
];
let dependant: PackedPackage;
beforeAll(() => {
  dependant = installPackage([], tools);
});
afterAll(() => dependant.remove());

const project = (name: string, files: Readonly<Record<string, string>>) => layProject(dependant, name, files);
const bin = (path: string): string => join(dependant.path, 'node_modules', path);

/** Body of an async function with `startBroker` and `Kafka`: all parts of a broker that are loaded late; gives what it read. */
const useEverything = `
  const config = { 'log.cleanup.policy': 'compact' };
  const broker = await startBroker({ dataDir: 'data-' + process.pid, http: {}, config });
  const kafka = new Kafka({ brokers: broker.brokers, logLevel: 0 });
  const producer = kafka.producer();
  await producer.connect();
  const messages = ['1', '2', '3'].map((value) => ({ key: 'a', value }));
  for (const compression of [0, 1]) await producer.send({ topic: 'orders', compression, messages });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: 'readers' });
  await consumer.connect();
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  const values = [];
  await new Promise((done) => consumer.run({
    eachMessage: async ({ message }) => { if (values.push(String(message.value)) === 6) done(); },
  }));
  await consumer.disconnect();
  const [{ outcome }] = await broker.compact('orders', { includeActive: true });
  const { runsIn } = broker.cleanerStatus();
  const answer = await fetch(broker.httpUrl + '/topics/orders/keys/a');
  const newest = await answer.text();
  await broker.stop();
  const seen = { values: values.join(), outcome, runsIn, newest };`;
const seenEverything = { values: '1,2,3,1,2,3', outcome: 'compacted', runsIn: 'thread', newest: '3' };

describe('a program', () => {
  test('in CommonJS', () => {
    const node = project('cjs', {
      'package.json': '{"name":"cjs"}',
      'main.js': `
        const { startBroker } = require('kompakt');
        const { Kafka } = require('kafkajs');
        (async () => { ${useEverything} console.log(JSON.stringify(seen)); })();`,
    });
    const { out, err } = node('--no-warnings', 'main.js');
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual(seenEverything);
  });

  test('in ES modules', () => {
    const node = project('esm', {
      'package.json': '{"name":"esm","type":"module"}',
      'main.js': `
        import { startBroker } from 'kompakt';
        import { Kafka } from 'kafkajs';
        ${useEverything} console.log(JSON.stringify(seen));`,
    });
    const { out, err } = node('--no-warnings', 'main.js');
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual(seenEverything);
  });

  test('with both in one process has one library', () => {
    const node = project('both', {
      'package.json': '{"name":"both","type":"module"}',
      'main.js': `
        import { createRequire } from 'node:module';
        import * as imported from 'kompakt';
        const required = createRequire(import.meta.url)('kompakt');
        const names = Object.keys(required);
        const same = names.filter((name) => imported[name] === required[name]);
        const first = await imported.startBroker({ dataDir: 'data' });
        const error = await required.startBroker({ dataDir: 'data' }).catch((reason) => reason);
        await first.stop();
        console.log(JSON.stringify({
          differing: names.length - same.length,
          more: Object.keys(imported).length - names.length,
          isStartError: error instanceof imported.StartError,
        }));`,
    });
    const { out, err } = node('main.js');
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({ differing: 0, more: 0, isStartError: true });
  });
});

/** One broker for all, started before them, and one inside a test. */
const sharedSetup = (startLine: string) => `
  ${startLine}
  let broker;
  module.exports = async () => {
    broker = await startBroker();
    globalThis.stopBroker = () => broker.stop();
    process.env.KAFKA_BROKERS = broker.bootstrapServers;
  };`;
const sharedTest = `
  test('one shared broker', async () => {
    const admin = new Kafka({ brokers: [process.env.KAFKA_BROKERS], logLevel: 0 }).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'shared' }] });
    expect(await admin.listTopics()).toEqual(['shared']);
    await admin.disconnect();
  });
  test('one of its own', async () => {
    ${useEverything}
    expect(seen).toEqual(${JSON.stringify(seenEverything)});
  });
  test('refusals are errors that can be told apart', async () => {
    await expect(startBroker({ config: { 'no.such.key': 1 } })).rejects.toBeInstanceOf(StartError);
  });`;

describe('a suite', () => {
  const jest = { testEnvironment: 'node', globalSetup: './setup.js', globalTeardown: './teardown.js' };

  test('in jest, with CommonJS: inside a test, and in globalSetup', () => {
    const node = project('jest-cjs', {
      'package.json': JSON.stringify({ name: 'jest-cjs', jest }),
      'setup.js': sharedSetup(`const { startBroker } = require('kompakt');`),
      'teardown.js': 'module.exports = () => globalThis.stopBroker();',
      'a.test.js': `
        const { startBroker, StartError } = require('kompakt');
        const { Kafka } = require('kafkajs');
        ${sharedTest}`,
      'fake-timers.test.js': `
        const { startBroker } = require('kompakt');
        test.each([['before', false], ['after', true]])('timers that stand still %s the start', async (_, early) => {
          if (early) jest.useFakeTimers();
          const broker = await startBroker();
          jest.useFakeTimers();
          await broker.createTopics(['orders']);
          await expect(broker.records('orders', { timeoutMs: 1 })).rejects.toThrow('waited 1 ms');
          await broker.reset();
          await broker.stop();
        });`,
    });
    const { code, err } = node(bin('jest/bin/jest.js'), '--ci');
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringMatching(/Tests: +5 passed, 5 total/) });
    expect(err).not.toMatch(/open handle|did not exit|leak/i);
  });

  test('in jest, as docs/testing.md has it', () => {
    const blocks = pageBlocks('docs/testing.md').filter(({ runner }) => runner.startsWith('jest'));
    expect(blocks).toHaveLength(3);
    const node = project('jest-page', {
      'package.json': JSON.stringify({ name: 'jest-page', jest }),
      ...filesOf(blocks),
    });
    const { code, err } = node(bin('jest/bin/jest.js'), '--ci');
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringMatching(/Tests: +1 passed, 1 total/) });
    expect(err).not.toMatch(/open handle|did not exit|leak/i);
  });

  test('in jest, with TypeScript by ts-jest: inside a test, and in globalSetup', () => {
    const node = project('ts-jest', {
      'package.json': JSON.stringify({
        name: 'ts-jest',
        jest: { ...jest, preset: 'ts-jest', globalSetup: './setup.ts', globalTeardown: './teardown.ts' },
      }),
      'tsconfig.json': JSON.stringify({
        compilerOptions: { strict: true, module: 'nodenext', target: 'es2022', isolatedModules: true },
      }),
      'setup.ts': `
        import { type Broker, startBroker } from 'kompakt';
        declare global { var broker: Broker }
        export default async () => {
          globalThis.broker = await startBroker();
          process.env['KAFKA_BROKERS'] = globalThis.broker.bootstrapServers;
        };`,
      'teardown.ts': `
        import type { Broker } from 'kompakt';
        declare global { var broker: Broker }
        export default () => globalThis.broker.stop();`,
      'a.test.ts': `
        import { startBroker, StartError } from 'kompakt';
        import { Kafka } from 'kafkajs';
        ${sharedTest
          .replaceAll('const values = []', 'const values: string[] = []')
          .replace('new Promise(', 'new Promise<void>(')
          .replace('[process.env.KAFKA_BROKERS]', "[process.env['KAFKA_BROKERS']!]")
          .replace('const [{ outcome }] =', 'const [receipt] =')
          .replace('outcome, runsIn', 'outcome: receipt!.outcome, runsIn')}`,
    });
    const { code, err } = node(bin('jest/bin/jest.js'), '--ci');
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringMatching(/Tests: +3 passed, 3 total/) });
    expect(err).not.toMatch(/open handle|did not exit|leak/i);
  });

  test('in vitest: inside a test, and in globalSetup, which provides the address', () => {
    const node = project('vitest', {
      'package.json': '{"name":"vitest-user","type":"module"}',
      'vitest.config.js': `
        import { defineConfig } from 'vitest/config';
        export default defineConfig({ test: { globals: true, globalSetup: './setup.js' } });`,
      'setup.js': `
        import { startBroker } from 'kompakt';
        export default async function ({ provide }) {
          const broker = await startBroker();
          provide('brokers', broker.brokers);
          return () => broker.stop();
        }`,
      'a.test.js': `
        import { inject } from 'vitest';
        import { startBroker, StartError } from 'kompakt';
        import { Kafka } from 'kafkajs';
        ${sharedTest.replace('[process.env.KAFKA_BROKERS]', "inject('brokers')")}`,
    });
    const { code, out, err } = node(bin('vitest/vitest.mjs'), 'run');
    expect({ code, out, err }).toMatchObject({ code: 0, out: expect.stringMatching(/Tests +3 passed/) });
  });
});

describe('its declarations', () => {
  const files = {
    'package.json': '{"name":"ts","type":"module"}',
    'module.mts': `
      import { type Broker, type BrokerOptions, startBroker, StartError, type Table } from 'kompakt';
      const options: BrokerOptions = { port: 0, config: { 'log.retention.ms': 1000 } };
      const broker: Broker = await startBroker(options);
      const servers: string = broker.bootstrapServers;
      const brokers: string[] = broker.brokers;
      const table: Table<unknown> | undefined = undefined;
      console.log(servers, brokers, table, StartError.name);
      await broker.stop();
      {
        await using one = await startBroker();
        console.log(one.port satisfies number);
      }
      // @ts-expect-error: a port is a number
      await startBroker({ port: '0' });
      // @ts-expect-error: there is no such option
      await startBroker({ prot: 0 });`,
    'script.cts': `
      import kompakt = require('kompakt');
      const started: Promise<kompakt.Broker> = kompakt.startBroker();
      void started.then((broker) => broker.stop());
      // @ts-expect-error: a port is a number
      void kompakt.startBroker({ port: '0' });`,
    'old.ts': `
      import { type Broker, startBroker } from 'kompakt';
      export const started: Promise<Broker> = startBroker();`,
  };
  const strict = [
    ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'],
    ...[
      '--skipLibCheck',
      'false',
      '--target',
      'es2022',
      '--lib',
      'es2022,esnext.disposable',
      '--types',
      'node',
    ],
  ];
  const native = join(repository, 'node_modules/typescript/bin/tsc');
  const classic = () => bin('typescript/bin/tsc');

  test.each([
    ['TypeScript 5, node16', classic, ['--module', 'node16'], ['module.mts', 'script.cts']],
    ['TypeScript 5, nodenext', classic, ['--module', 'nodenext'], ['module.mts', 'script.cts']],
    [
      'TypeScript 5, bundler',
      classic,
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
      ['module.mts'],
    ],
    ['TypeScript 5, node10', classic, ['--module', 'commonjs', '--moduleResolution', 'node10'], ['old.ts']],
    ['TypeScript 7, nodenext', () => native, ['--module', 'nodenext'], ['module.mts', 'script.cts']],
    [
      'TypeScript 7, bundler',
      () => native,
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
      ['module.mts'],
    ],
  ] as const)('hold under strict checks: %s', (_, tsc, mode, sources) => {
    const node = project('ts', files);
    const roots = ['--typeRoots', bin('@types')];
    expect(node(tsc(), ...strict, ...mode, ...roots, ...sources)).toEqual({ code: 0, out: '', err: '' });
  });

  test('are found by every way of looking for them', () => {
    const { code, out } = project('attw', { 'package.json': '{}' })(
      bin('@arethetypeswrong/cli/dist/index.js'),
      dependant.tarball,
    );
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/No problems found/) });
  });

  test('publint has nothing to say', () => {
    const node = project('publint', { 'package.json': '{}' });
    const { code, out } = node(bin('publint/src/cli.js'), 'run', dependant.installed, '--strict');
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/All good/) });
  });
});
