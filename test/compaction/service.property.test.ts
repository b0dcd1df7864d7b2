/** Everything that crosses between broker and cleaner thread arrives as it was. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CleanAborted, type CleanJob, Uncleanable } from '../../compaction/clean-job.ts';
import { cleanerProtocol, type ProgressReply } from '../../compaction/service.ts';
import { type CleanerActions, CleanerServer, CleanerStub } from '../../compaction/service-stub.ts';
import { FileError } from '../../storage/environment/files.ts';
import { sampleJob, sampleResult } from './thread-fakes.ts';

const protocol = await cleanerProtocol();

/** Stub and server in one process, with nothing between them. */
function connect(actions: Partial<CleanerActions>): CleanerStub {
  const all = { clean: async () => sampleResult, abort: () => {}, ...actions };
  const server: CleanerServer = new CleanerServer(protocol, (message) => stub.receive(message), all);
  const stub: CleanerStub = new CleanerStub(protocol, (message) => server.receive(message));
  return stub;
}

const ignored = (): void => {};
/** An int64 as we have them: exact up to 2^53. */
const int64 = fc.maxSafeInteger();
const bytes = fc.oneof(fc.maxSafeNat(), fc.constant(Number.POSITIVE_INFINITY));
const path = fc.string({ unit: 'binary' });
const few = { maxLength: 5 };

const jobs: fc.Arbitrary<CleanJob> = fc.record({
  directory: path,
  firstDirtyOffset: int64,
  firstUncleanableOffset: int64,
  highWatermark: int64,
  nowMs: int64,
  segments: fc.array(
    fc.record({
      baseOffset: int64,
      nextOffset: int64,
      path,
      sizeBytes: bytes,
      offsetIndexBytes: bytes,
      timeIndexBytes: bytes,
      modifiedMs: fc.double({ noNaN: true, min: 0 }),
    }),
    few,
  ),
  uncleanable: fc.array(
    fc.record({
      path,
      sizeBytes: bytes,
      reason: fc.constantFrom('lag' as const, 'open-transaction' as const, 'active' as const),
    }),
    few,
  ),
  abortedTransactions: fc.array(
    fc.record({ producerId: int64, firstOffset: int64, lastOffset: int64, lastStableOffset: int64 }),
    few,
  ),
  producers: fc.array(
    fc.record({
      producerId: int64,
      epoch: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
      lastDataOffset: int64,
    }),
    few,
  ),
  settings: fc.record({
    segmentBytes: bytes,
    segmentIndexBytes: bytes,
    indexIntervalBytes: bytes,
    deleteRetentionMs: int64,
  }),
  limits: fc.record({
    dedupeBufferBytes: bytes,
    loadFactor: fc.double({ noNaN: true, min: 0.01, max: 1 }),
    ioBufferBytes: bytes,
    ioBytesPerSecond: bytes,
  }),
  isDryRun: fc.boolean(),
  tombstonesGoUpToMs: int64,
  timeSteps: fc.option(fc.array(fc.record({ offset: int64, ms: bytes, isSure: fc.boolean() }), few)),
});

test('a job arrives with every field as it was', async () => {
  await fc.assert(
    fc.asyncProperty(jobs, async (job) => {
      let arrived: unknown;
      const stub = connect({
        clean: async (given) => {
          arrived = given;
          return sampleResult;
        },
      });
      await stub.clean(job, ignored);
      expect(arrived).toEqual(job);
    }),
  );
});

test('a result comes back with every field as it was', async () => {
  expect(await connect({}).clean(sampleJob, ignored)).toEqual(sampleResult);
  await fc.assert(
    fc.asyncProperty(fc.array(int64, { minLength: 9, maxLength: 9 }), async (numbers) => {
      const [endOffset, bytesBefore, lag, active, newest, nullKeys, nextHorizonMs, baseOffset, source] =
        numbers as [number, number, number, number, number, number, number, number, number];
      const result = {
        ...sampleResult,
        endOffset,
        bytesBefore,
        nextHorizonMs,
        records: { ...sampleResult.records, newest, nullKeys },
        uncleanable: { lag, 'open-transaction': 0, active },
        groups: [{ baseOffset, sourceBaseOffsets: [source] }],
      };
      expect(await connect({ clean: async () => result }).clean(sampleJob, ignored)).toEqual(result);
    }),
  );
});

test('progress is heard while the pass runs, and not after it', async () => {
  const told: ProgressReply[] = [
    { phase: 'index', bytesDone: 0, bytesTotal: 2 ** 52 },
    null,
    { phase: 'rewrite', bytesDone: 7, bytesTotal: 9 },
  ];
  let tell: (progress: ProgressReply) => void = ignored;
  const stub = connect({
    clean: async (_, onProgress) => {
      tell = onProgress;
      told.forEach(onProgress);
      return sampleResult;
    },
  });
  const heard: ProgressReply[] = [];
  await stub.clean(sampleJob, (progress) => heard.push(progress));
  tell(null);
  expect(heard).toEqual(told);
});

describe('an error arrives as what it was', () => {
  const failWith = (error: unknown): Promise<unknown> =>
    connect({ clean: () => Promise.reject(error) })
      .clean(sampleJob, ignored)
      .catch((reason: unknown) => reason);

  test('a damaged log', async () => {
    const error = await failWith(new Uncleanable('x.log at 7: a batch goes beyond the end'));
    expect(error).toBeInstanceOf(Uncleanable);
    expect(error).toMatchObject({ message: 'x.log at 7: a batch goes beyond the end' });
  });

  test('an abort', async () => {
    expect(await failWith(new CleanAborted())).toBeInstanceOf(CleanAborted);
  });

  test('a failing disk, with code and path', async () => {
    const original = new FileError('ENOSPC', '/data/ü 1', 'write', { detail: 'no room' });
    const error = await failWith(original);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ code: 'ENOSPC', path: '/data/ü 1', message: original.message });
  });

  test('what nobody expected, with the trace from there', async () => {
    const error = await failWith(new Error('outer', { cause: new RangeError('inner') }));
    expect(error).toMatchObject({ name: 'Error', message: 'outer' });
    expect((error as Error).cause).toMatch(/outer[\s\S]*caused by RangeError: inner/);
    expect(await failWith('words')).toMatchObject({ message: 'words' });
  });
});

test('a second pass is refused while one runs, and the first goes on', async () => {
  let finish: () => void = ignored;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const stub = connect({ clean: () => finished.then(() => sampleResult) });
  const first = stub.clean(sampleJob, ignored);
  await expect(stub.clean(sampleJob, ignored)).rejects.toThrow('a pass runs already');
  finish();
  expect(await first).toEqual(sampleResult);
});

test('abort reaches the other end', () => {
  let aborts = 0;
  const stub = connect({ abort: () => aborts++ });
  stub.abort();
  expect(aborts).toBe(1);
});
