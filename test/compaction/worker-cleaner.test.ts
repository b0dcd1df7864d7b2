/** The life of the cleaner's thread by a virtual clock: hanging, dying, deaf, idle. The threads run in the test itself. */
import { beforeEach, expect, test } from 'vitest';
import { CleanAborted, type CleanResult, Uncleanable } from '../../compaction/clean-job.ts';
import { CleanerLost } from '../../compaction/cleaner-thread.ts';
import { cleanerProtocol } from '../../compaction/service.ts';
import type { CleanerActions } from '../../compaction/service-stub.ts';
import {
  abortGraceMs,
  hangMs,
  idleEndMs,
  largePassBytes,
  WorkerCleaner,
} from '../../compaction/worker-cleaner.ts';
import { signOfLifeMs, workerActions } from '../../compaction/worker-pass.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { type FakeThreads, fakeThreads, sampleJob, sampleResult } from './thread-fakes.ts';

const protocol = await cleanerProtocol();
let environment = simulatedEnvironment();
beforeEach(() => {
  environment = simulatedEnvironment();
});

function cleanerWith(actions: Partial<CleanerActions>): { cleaner: WorkerCleaner; threads: FakeThreads } {
  const all = { clean: async () => sampleResult, abort: () => {}, ...actions };
  const threads = fakeThreads(protocol, all);
  const { clock, files } = environment;
  return { cleaner: new WorkerCleaner({ startThread: threads.start, clock, files }), threads };
}

const forever = new Promise<never>(() => {});
const outcomeOf = (pass: Promise<CleanResult>): Promise<unknown> => pass.catch((error: unknown) => error);
/** What a pass wrote until it was lost. */
const cleanedPath = `${sampleJob.directory}/00000000000000000000.log.cleaned`;
const segment = {
  baseOffset: 0,
  nextOffset: 9,
  path: 'x',
  sizeBytes: 1,
  offsetIndexBytes: 0,
  timeIndexBytes: 0,
  modifiedMs: 0,
};
const job = { ...sampleJob, segments: [segment] };
function leaveCleanedFile(): void {
  environment.files.makeDirectorySync(sampleJob.directory);
  environment.files.openSync(cleanedPath, 'create').close();
}

test('no thread before the first pass, one for all small ones, none after some idle time', async () => {
  const { cleaner, threads } = cleanerWith({});
  expect(threads.started()).toBe(0);
  for (let i = 0; i < 3; i++) expect(await cleaner.clean(job)).toEqual(sampleResult);
  await environment.clock.advance(idleEndMs - 1);
  expect([threads.started(), threads.alive()]).toEqual([1, 1]);
  await environment.clock.advance(1);
  expect(threads.alive()).toBe(0);
  expect(environment.clock.pendingTimers).toBe(0);
  await cleaner.clean(job);
  expect(threads.started()).toBe(2);
  await cleaner.close();
  expect(threads.alive()).toBe(0);
  expect(environment.clock.pendingTimers).toBe(0);
});

test('a pass that needed much memory gives it back at once', async () => {
  const result = { ...sampleResult, memoryBytes: largePassBytes };
  const { cleaner, threads } = cleanerWith({ clean: async () => result });
  await cleaner.clean(job);
  await environment.clock.settle();
  expect(threads.alive()).toBe(0);
});

test('passes that are asked for together run one after the other', async () => {
  let running = 0;
  let most = 0;
  const { cleaner } = cleanerWith({
    clean: async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => environment.clock.schedule(10, resolve));
      running--;
      return sampleResult;
    },
  });
  await environment.clock.until(Promise.all([cleaner.clean(job), cleaner.clean(job), cleaner.clean(job)]));
  expect(most).toBe(1);
});

test('a silent thread is given up after a minute, with the files it began; the next pass has a new one', async () => {
  leaveCleanedFile();
  let isHanging = true;
  const { cleaner, threads } = cleanerWith({ clean: async () => (isHanging ? forever : sampleResult) });
  const lost = outcomeOf(cleaner.clean(job));
  await environment.clock.advance(hangMs - 1);
  expect(threads.alive()).toBe(1);
  await environment.clock.advance(1);
  const error = await lost;
  expect(error).toBeInstanceOf(CleanerLost);
  expect((error as Error).message).toContain('silent for 60 s');
  expect(threads.alive()).toBe(0);
  expect(environment.files.statSync(cleanedPath)).toBeNull();
  isHanging = false;
  expect(await cleaner.clean(job)).toEqual(sampleResult);
  expect(threads.started()).toBe(2);
});

test('a pass that waits for its throttle is not silent', async () => {
  const waitMs = 10 * hangMs;
  const actions = workerActions({
    environment,
    createKernel: () => {
      throw new Error('not asked for');
    },
    runPass: async () => {
      await new Promise<void>((resolve) => environment.clock.schedule(waitMs, resolve));
      return sampleResult;
    },
    receivePending: () => {},
  });
  const { cleaner, threads } = cleanerWith(actions);
  const pass = cleaner.clean(job);
  await environment.clock.advance(waitMs);
  expect(await pass).toEqual(sampleResult);
  expect([threads.started(), waitMs / signOfLifeMs]).toEqual([1, 300]);
});

test('a thread that dies costs the pass, says why, and the next pass has a new one', async () => {
  leaveCleanedFile();
  let isDying = true;
  const { cleaner, threads } = cleanerWith({ clean: async () => (isDying ? forever : sampleResult) });
  const lost = outcomeOf(cleaner.clean(job));
  await environment.clock.settle();
  threads.die({ failure: new Error('out of memory'), said: 'a line\n' });
  const error = await lost;
  expect(error).toBeInstanceOf(CleanerLost);
  expect((error as Error).message).toMatch(/ended with out of memory, saying: a line$/);
  expect(environment.files.statSync(cleanedPath)).toBeNull();
  isDying = false;
  expect(await cleaner.clean(job)).toEqual(sampleResult);
});

test('a thread that dies idle costs nothing', async () => {
  const { cleaner, threads } = cleanerWith({});
  await cleaner.clean(job);
  threads.die();
  expect(await cleaner.clean(job)).toEqual(sampleResult);
  expect(threads.started()).toBe(2);
});

test('a thread that cannot be started is a lost pass', async () => {
  const { clock, files } = environment;
  const startThread = (): never => {
    throw new Error('no more threads');
  };
  const cleaner = new WorkerCleaner({ startThread, clock, files });
  expect(await outcomeOf(cleaner.clean(job))).toBeInstanceOf(CleanerLost);
  await cleaner.close();
});

test('a damaged log is told as such', async () => {
  const { cleaner } = cleanerWith({ clean: () => Promise.reject(new Uncleanable('bad')) });
  expect(await outcomeOf(cleaner.clean(job))).toBeInstanceOf(Uncleanable);
});

test('an abort is passed on; a thread that does not hear it is ended', async () => {
  let aborts = 0;
  const { cleaner, threads } = cleanerWith({ clean: () => forever, abort: () => aborts++ });
  const controller = new AbortController();
  const pass = outcomeOf(cleaner.clean(job, { signal: controller.signal }));
  await environment.clock.settle();
  controller.abort();
  await environment.clock.settle();
  expect([aborts, threads.alive()]).toEqual([1, 1]);
  await environment.clock.advance(abortGraceMs);
  expect(await pass).toBeInstanceOf(CleanAborted);
  expect(threads.alive()).toBe(0);
});

test('a pass that is aborted before its turn never starts', async () => {
  const { cleaner, threads } = cleanerWith({});
  expect(await outcomeOf(cleaner.clean(job, { signal: AbortSignal.abort() }))).toBeInstanceOf(CleanAborted);
  expect(threads.started()).toBe(0);
});

test('close aborts what runs and what waits, and ends the thread', async () => {
  leaveCleanedFile();
  const { cleaner, threads } = cleanerWith({ clean: () => forever });
  const passes = [outcomeOf(cleaner.clean(job)), outcomeOf(cleaner.clean(job))];
  await environment.clock.settle();
  await cleaner.close();
  for (const pass of passes) expect(await pass).toBeInstanceOf(CleanAborted);
  expect([threads.started(), threads.alive()]).toEqual([1, 0]);
  expect(environment.files.statSync(cleanedPath)).toBeNull();
  expect(environment.clock.pendingTimers).toBe(0);
  expect(await outcomeOf(cleaner.clean(job))).toBeInstanceOf(CleanAborted);
});
