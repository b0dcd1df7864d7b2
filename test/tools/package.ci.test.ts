/** The package as a dependant gets it: packed, installed from the registry with its dependencies, imported, type-checked. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDirectory, repository, runNode } from './program.ts';

const dependant = freshDirectory();
const installed = join(dependant.path, 'node_modules/kompakt');
const npm = (...args: string[]) =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd: dependant.path,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    // npm gives its scripts its own settings, and this directory must not take those of ours.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  });

beforeAll(() => {
  writeFileSync(
    join(dependant.path, 'package.json'),
    '{"name":"dependant","version":"1.0.0","type":"module"}',
  );
  npm('pack', repository, '--pack-destination', dependant.path);
  const tarball = readdirSync(dependant.path).find((name) => name.endsWith('.tgz'))!;
  npm('install', `./${tarball}`);
});
afterAll(() => dependant.remove());

const inDependant = (file: string, code: string): string => {
  writeFileSync(join(dependant.path, file), code);
  return join(dependant.path, file);
};

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
    'index.js',
    'kompakt.js',
    'types',
  ]);
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

test('its declarations stand by themselves under strict checks', async () => {
  const source = inDependant(
    'broker.ts',
    `import { type Broker, startBroker } from 'kompakt';
     const broker: Broker = await startBroker({ port: 0 });
     const servers: string = broker.bootstrapServers;
     console.log(servers);
     await broker.stop();
     // @ts-expect-error: a port is a number
     await startBroker({ port: '0' });`,
  );
  const options = [
    '--ignoreConfig',
    '--strict',
    '--noEmit',
    '--target',
    'es2023',
    '--module',
    'nodenext',
    '--types',
    'node',
  ];
  const roots = ['--typeRoots', join(repository, 'node_modules/@types')];
  const tsc = join(repository, 'node_modules/typescript/bin/tsc');
  expect(await runNode([tsc, ...options, ...roots, source]).ended).toMatchObject({ out: '', code: 0 });
});
