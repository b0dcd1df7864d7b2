/** docs/testing.md as its reader meets it: its suites run. Those of jest are in package-users.ci.test.ts, which has one. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pageBlocks } from './page-blocks.ts';
import { repository } from './program.ts';

const blocks = pageBlocks('docs/testing.md');

mkdirSync(join(repository, '.build'), { recursive: true });
// Inside the repository, so that `kompakt`, `kafkajs` and `vitest` mean what they mean in a project that has them.
const folder = mkdtempSync(join(repository, '.build', 'testing-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

function place(...runners: string[]): string {
  const inside = mkdtempSync(join(folder, 'suite-'));
  const wanted = blocks.filter(({ runner }) => runners.includes(runner));
  expect(wanted).toHaveLength(runners.length);
  for (const { name, code } of wanted) writeFileSync(join(inside, name), code);
  // Else vitest would look for one further up, and find this project's.
  writeFileSync(join(inside, 'vitest.config.mjs'), 'export default {};\n');
  return inside;
}

function run(inside: string, args: readonly string[]): string {
  const done = spawnSync(process.execPath, args, { cwd: inside, encoding: 'utf8' });
  expect(done.status, done.stdout + done.stderr).toBe(0);
  return done.stdout;
}

const vitest = join(repository, 'node_modules/vitest/vitest.mjs');

test('vitest, a broker for each worker', () => {
  expect(run(place('vitest'), [vitest, 'run', '--root', '.'])).toMatch(/2 passed/);
});

test('vitest, one for all', () => {
  const inside = place('vitest-global', 'vitest-shared');
  const config = "export default { test: { globalSetup: './kafka.mjs' } };\n";
  writeFileSync(join(inside, 'vitest.config.mjs'), config);
  expect(run(inside, [vitest, 'run', '--root', '.'])).toMatch(/1 passed/);
});

test('node:test', () => {
  expect(run(place('node'), ['--test'])).toMatch(/pass 1/);
});

test('every block is run by somebody', () => {
  const known = ['vitest', 'vitest-global', 'vitest-shared', 'node', 'jest', 'jest-global', 'jest-teardown'];
  expect(blocks.map(({ runner }) => runner).sort()).toEqual(known.sort());
});
