/** The cleaner's thread as it is built (dist/cleaner-worker.js), on directories of the real disk. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CleanAborted, type CleanJob, Uncleanable } from '../../compaction/clean-job.ts';
import { CleanerLost } from '../../compaction/cleaner-thread.ts';
import { findCleanerWorker, threadStarter } from '../../compaction/start-thread.ts';
import type { StartThread, ThreadPort } from '../../compaction/thread-port.ts';
import { WorkerCleaner } from '../../compaction/worker-cleaner.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { codecIds, ensureCodec } from '../../protocol/records/compression.ts';
import { createNodeEnvironment } from '../../storage/environment/node.ts';
import { freshDirectory, repository, runNode } from '../tools/program.ts';
import { sampleJob } from './thread-fakes.ts';

const { clock, files } = createNodeEnvironment();
const entry = findCleanerWorker(files)!;
let directory = freshDirectory();
let ports: ThreadPort[] = [];
const startThread: StartThread = (events) => {
  const port = threadStarter(entry)(events);
  ports.push(port);
  return port;
};
let cleaner = new WorkerCleaner({ startThread, clock, files });
beforeEach(() => {
  directory = freshDirectory();
  ports = [];
  cleaner = new WorkerCleaner({ startThread, clock, files });
});
afterEach(async () => {
  await cleaner.close();
  directory.remove();
});

const recordsPerBatch = 10;

/** A partition of one segment in which each batch brings the same ten keys again. */
function dirtyPartition(name: string, batches: number, codec: number = codecIds.none): CleanJob {
  const path = join(directory.path, name);
  mkdirSync(path);
  const parts: Buffer[] = [];
  for (let i = 0; i < batches; i++) {
    const records = Array.from({ length: recordsPerBatch }, (_, key) => {
      return { timestampMs: 1000 + i, key: Buffer.from(`key-${key}`), value: Buffer.alloc(100, `${i} `) };
    });
    parts.push(buildBatch({ baseOffset: i * recordsPerBatch, records, codec, leaderEpoch: 0 }));
  }
  const log = join(path, '00000000000000000000.log');
  writeFileSync(log, Buffer.concat(parts));
  const end = batches * recordsPerBatch;
  const segment = {
    baseOffset: 0,
    nextOffset: end,
    path: log,
    sizeBytes: statSync(log).size,
    offsetIndexBytes: 0,
    timeIndexBytes: 0,
    modifiedMs: 1000,
  };
  return {
    ...sampleJob,
    directory: path,
    firstDirtyOffset: 0,
    firstUncleanableOffset: end,
    highWatermark: end,
    segments: [segment],
    settings: {
      segmentBytes: 2 ** 30,
      segmentIndexBytes: 2 ** 20,
      indexIntervalBytes: 4096,
      deleteRetentionMs: 0,
    },
    limits: {
      dedupeBufferBytes: 2 ** 20,
      loadFactor: 0.9,
      ioBufferBytes: 2 ** 17,
      ioBytesPerSecond: Number.POSITIVE_INFINITY,
    },
  };
}

const cleanedFiles = (job: CleanJob) =>
  readdirSync(job.directory).filter((name) => name.endsWith('.cleaned'));
const outcomeOf = (pass: Promise<unknown>): Promise<unknown> => pass.catch((error: unknown) => error);

/** Rewrites a large clean segment, after a look at a small dirty one, so slowly that it runs until somebody ends it. */
function endless(name: string): CleanJob {
  const job = dirtyPartition(name, 20_000);
  const [large] = job.segments;
  const firstDirtyOffset = large!.nextOffset;
  const small = { ...large!, baseOffset: firstDirtyOffset, nextOffset: firstDirtyOffset + 1, sizeBytes: 0 };
  return {
    ...job,
    firstDirtyOffset,
    firstUncleanableOffset: small.nextOffset,
    segments: [large!, small],
    limits: { ...job.limits, ioBytesPerSecond: 400_000 },
  };
}

/** The thread is at work: it has begun the file that it writes. */
async function isWriting(job: CleanJob): Promise<void> {
  while (cleanedFiles(job).length === 0) await new Promise<void>((resolve) => clock.schedule(5, resolve));
}

test('a pass in the thread leaves the newest record of each key', async () => {
  const job = dirtyPartition('articles-0', 50);
  const result = await cleaner.clean(job);
  expect(result).toMatchObject({ endOffset: 500, groups: [{ baseOffset: 0, sourceBaseOffsets: [0] }] });
  expect(result.records).toMatchObject({ newest: 10, superseded: 490 });
  const left = readFileSync(join(job.directory, '00000000000000000000.log.cleaned'));
  const last = readFileSync(job.segments[0]!.path).subarray(-left.length);
  expect(left).toEqual(last);
});

test('every codec loads there', async () => {
  for (const [name, codec] of Object.entries(codecIds)) {
    await ensureCodec(codec);
    const { records } = await cleaner.clean(dirtyPartition(`${name}-0`, 3, codec));
    expect([name, records.newest, records.superseded]).toEqual([name, 10, 20]);
  }
});

test('twenty jobs one after the other, in one thread', async () => {
  const jobs = Array.from({ length: 20 }, (_, i) => dirtyPartition(`articles-${i}`, 5));
  const results = await Promise.all(jobs.map((job) => cleaner.clean(job)));
  expect(results.map(({ records }) => records.newest)).toEqual(jobs.map(() => 10));
  expect(ports.length).toBe(1);
});

test('a damaged log is told as such, with its place', async () => {
  const job = dirtyPartition('articles-0', 5);
  const { path } = job.segments[0]!;
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
  const error = await outcomeOf(cleaner.clean(job));
  expect(error).toBeInstanceOf(Uncleanable);
  expect((error as Error).message).toContain(path);
  expect(cleanedFiles(job)).toEqual([]);
});

test('an abort ends the pass, which leaves nothing', async () => {
  const job = endless('articles-0');
  const controller = new AbortController();
  const pass = outcomeOf(cleaner.clean(job, { signal: controller.signal }));
  await isWriting(job);
  controller.abort();
  expect(await pass).toBeInstanceOf(CleanAborted);
  expect(cleanedFiles(job)).toEqual([]);
});

test('a thread that dies at work costs the pass; the next one gets another', async () => {
  const job = endless('articles-0');
  const pass = outcomeOf(cleaner.clean(job));
  await isWriting(job);
  await ports[0]!.end();
  expect(await pass).toBeInstanceOf(CleanerLost);
  expect(cleanedFiles(job)).toEqual([]);
  const { records } = await cleaner.clean(dirtyPartition('articles-1', 5));
  expect(records.newest).toBe(10);
  expect(ports.length).toBe(2);
});

test('close ends a pass at work', async () => {
  const job = endless('articles-0');
  const pass = outcomeOf(cleaner.clean(job));
  await isWriting(job);
  await cleaner.close();
  expect(await pass).toBeInstanceOf(CleanAborted);
  expect(cleanedFiles(job)).toEqual([]);
});

test('a thread that breaks at its start says why', async () => {
  const path = join(directory.path, 'broken.mjs');
  writeFileSync(path, `console.error('a last word'); throw new Error('broken');`);
  const broken = new WorkerCleaner({ startThread: threadStarter(path), clock, files });
  const error = await outcomeOf(broken.clean(dirtyPartition('articles-0', 1)));
  expect(error).toBeInstanceOf(CleanerLost);
  expect((error as Error).message).toMatch(/ended with broken, saying: a last word/);
  await broken.close();
});

test('a process with an idle thread ends by itself', async () => {
  const job = dirtyPartition('articles-0', 5);
  const script = join(directory.path, 'clean.ts');
  const from = (path: string) => JSON.stringify(join(repository, path));
  writeFileSync(
    script,
    `import { threadStarter } from ${from('compaction/start-thread.ts')};
     import { WorkerCleaner } from ${from('compaction/worker-cleaner.ts')};
     import { createNodeEnvironment } from ${from('storage/environment/node.ts')};
     const startThread = threadStarter(${JSON.stringify(entry)});
     const cleaner = new WorkerCleaner({ startThread, ...createNodeEnvironment() });
     const busy = setInterval(() => {}, 1000);
     cleaner.clean(${JSON.stringify(job)}).then(({ records }) => {
       clearInterval(busy);
       console.log(records.newest, process.getActiveResourcesInfo().includes('MessagePort'));
     });`.replace('"ioBytesPerSecond":null', '"ioBytesPerSecond":1e12'),
  );
  expect(existsSync(script)).toBe(true);
  const tsx = join(repository, 'node_modules/tsx/dist/loader.mjs');
  expect(await runNode(['--import', tsx, script]).ended).toMatchObject({
    code: 0,
    out: '10 false\n',
    err: '',
  });
});
