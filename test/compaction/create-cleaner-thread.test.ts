/** Where passes run is decided by what environment the broker has, and by whether the thread's file is where it belongs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { cleanerThreads } from '../../compaction/create-cleaner-thread.ts';
import { InProcessCleaner } from '../../compaction/in-process-cleaner.ts';
import { findCleanerWorker } from '../../compaction/start-thread.ts';
import { WorkerCleaner } from '../../compaction/worker-cleaner.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { createMemoryEnvironment, createNodeEnvironment } from '../../storage/environment/node.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { freshDirectory } from '../tools/program.ts';

const real = createNodeEnvironment();
const elsewhere = freshDirectory();
afterAll(() => elsewhere.remove());
const lost = pathToFileURL(join(elsewhere.path, 'app', 'bundle', 'app.mjs')).href;

function threadsOf(environment: Environment, base?: string) {
  const warnings: string[] = [];
  const options = {
    environment,
    warn: (line: string) => warnings.push(line),
  };
  return { create: cleanerThreads(base === undefined ? options : { ...options, base }), warnings };
}

test('real disk, real time: a thread', () => {
  const { create, warnings } = threadsOf(real);
  expect(create()).toBeInstanceOf(WorkerCleaner);
  expect(warnings).toEqual([]);
});

test('files in memory, or simulated time: in the process, without a word', () => {
  const simulated = simulatedEnvironment();
  const inMemory = createMemoryEnvironment({ memoryLimitBytes: 1000 });
  for (const environment of [inMemory, simulated, { ...real, clock: simulated.clock }]) {
    const { create, warnings } = threadsOf(environment);
    expect(create()).toBeInstanceOf(InProcessCleaner);
    expect(warnings).toEqual([]);
  }
});

test('where a bundler lost the file: in the process, with one warning however many are wanted', () => {
  const { create, warnings } = threadsOf(real, lost);
  expect([create(), create()].every((one) => one instanceof InProcessCleaner)).toBe(true);
  expect(warnings).toEqual([expect.stringContaining('cleaner-worker.js')]);
});

test('the file is found from the source, an entry, a chunk, and not where it is not', () => {
  const dist = join(elsewhere.path, 'dist');
  mkdirSync(join(dist, 'chunks'), { recursive: true });
  const file = join(dist, 'cleaner-worker.js');
  writeFileSync(file, '');
  for (const base of [
    'dist/index.mjs',
    'dist/kompakt.js',
    'dist/chunks/broker-ABC.cjs',
    'dist/cjs/index.cjs',
  ])
    expect(findCleanerWorker(real.files, pathToFileURL(join(elsewhere.path, base)).href)).toBe(file);
  expect(findCleanerWorker(real.files)).toMatch(/dist.cleaner-worker\.js$/);
  for (const base of [lost, '', 'data:text/javascript,', 'https://example.org/a.js'])
    expect(findCleanerWorker(real.files, base)).toBeNull();
});
