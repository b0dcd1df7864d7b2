import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { File } from '../../../storage/environment/files.ts';
import type { Log } from '../../../storage/log/log.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import {
  appendNow,
  asClient,
  batchOf,
  expectAppended,
  openLog,
  RecordedLogger,
  readBytes,
} from './log-fixture.ts';

/** Copied; empty where the log has nothing there. */
function batchAt(log: Log, offset: number): string {
  const read = log.readBatch(offset);
  if (!read.ok) throw new Error(`refused with ${read.errorCode}`);
  return read.bytes?.toString('latin1') ?? '';
}

/** The same, as a consumer's fetch finds it. */
function fetchedAt(log: Log, offset: number): string {
  return readBytes(log, offset, { maxBytes: 0, minOneBatch: true, upTo: 'end' }).toString('latin1');
}

/** Counts the reads of segment files. */
function countReads(log: Log): () => number {
  let count = 0;
  const read = log.read(log.logStartOffset, { maxBytes: 0, minOneBatch: true, upTo: 'end' });
  if (!read.ok) throw new Error('the log cannot be read');
  const [region] = read.regions;
  const prototype = Object.getPrototypeOf(region!.file) as File;
  const { readSync } = prototype;
  region!.release();
  prototype.readSync = function (this: File, ...args: Parameters<File['readSync']>) {
    if (this.path.endsWith('.log')) count++;
    return readSync.apply(this, args);
  };
  return () => {
    prototype.readSync = readSync;
    return count;
  };
}

describe('a batch by an offset in it', () => {
  const sizes = fc.array(
    fc.record({
      records: fc.integer({ min: 1, max: 5 }),
      bytes: fc.oneof(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 3_000, max: 20_000 }),
        fc.constant(40_000),
      ),
    }),
    { minLength: 1, maxLength: 40 },
  );

  it('is the one that a fetch begins with, whatever lies around it, growing and sealed', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async (batches) => {
        const environment = simulatedEnvironment();
        const settings = { 'segment.bytes': 600_000 };
        let log = openLog(environment, { settings });
        for (const { records, bytes } of batches)
          expectAppended(
            await log.append(batchOf(Array.from({ length: records }, () => 'v'.repeat(bytes))), asClient),
          );
        const check = (): void => {
          // Twice: the index of a sealed segment comes into memory with the searching.
          for (let n = 0; n < 2 * log.endOffset; n++) {
            const offset = n % log.endOffset;
            expect(batchAt(log, offset)).toBe(fetchedAt(log, offset));
          }
        };
        check();
        await log.close();
        log = openLog(environment, { settings, cleanShutdown: true });
        check();
        expectAppended(await log.append(batchOf(['one more']), asClient));
        check();
        await log.truncateTo(Math.floor(log.endOffset / 2));
        check();
      }),
      { seed: 20261126, numRuns: 15 },
    );
  });

  it.each([
    ['large', 16_000],
    ['small', 600],
  ])('takes one read where batches are %s', (_, bytes) => {
    const log = openLog(simulatedEnvironment());
    for (let n = 0; n < 300; n++) appendNow(log, batchOf(['v'.repeat(bytes)]));
    const counted = countReads(log);
    for (let offset = 0; offset < log.endOffset; offset++) batchAt(log, offset);
    // The last ones have no entry behind them, and a few small ones end behind what was read.
    expect(counted() / 300).toBeLessThan(1.2);
  });

  it('is none at the end, refused outside of the log, and an error where the disk fails', () => {
    const environment = simulatedEnvironment();
    const logger = new RecordedLogger();
    const log = openLog(environment, { logger });
    appendNow(log, batchOf(['a']));
    expect(log.readBatch(1)).toEqual({ ok: true, bytes: null, location: null });
    expect(log.readBatch(2)).toEqual({ ok: false, errorCode: 1 });
    expect(log.readBatch(-1)).toEqual({ ok: false, errorCode: 1 });
    environment.files.openSync(`${log.directory}/00000000000000000000.log`, 'update').truncateSync(20);
    expect(log.readBatch(0)).toEqual({ ok: false, errorCode: 56 });
    expect(logger.count('error')).toBe(1);
    log.markDeleted();
    expect(log.readBatch(0)).toEqual({ ok: false, errorCode: 3 });
  });
});
