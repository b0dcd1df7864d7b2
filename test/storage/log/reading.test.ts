import { describe, expect, it } from 'vitest';
import { buildEndTransactionMarker } from '../../../protocol/records/control.ts';
import type { Log } from '../../../storage/log/log.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { appendNow, batchOf, openLog, readAll, readBytes } from './log-fixture.ts';

describe('reading', () => {
  const size = (log: Log, offset: number, maxBytes: number, minOneBatch: boolean) =>
    readBytes(log, offset, { maxBytes, minOneBatch, upTo: 'high-watermark' }).length;

  it('gives whole segments’ bytes from the batch of an offset on, at most so many', () => {
    const log = openLog(simulatedEnvironment());
    for (let n = 0; n < 10; n++) appendNow(log, batchOf(['a', 'b']));
    const one = size(log, 18, 1000, false);
    expect(size(log, 0, 10 * one, false)).toBe(10 * one);
    expect(size(log, 5, 3 * one, false)).toBe(3 * one);
    expect(size(log, 5, 3 * one + 7, false)).toBe(3 * one + 7);
    expect(size(log, 20, 1000, true)).toBe(0);
  });

  it('gives a first batch that is too large whole, or nothing', () => {
    const log = openLog(simulatedEnvironment());
    appendNow(log, batchOf(['x'.repeat(500)]));
    appendNow(log, batchOf(['y']));
    expect(size(log, 0, 100, false)).toBe(0);
    const first = size(log, 0, 100, true);
    expect(first).toBeGreaterThan(500);
    expect(size(log, 0, first, false)).toBe(first);
  });

  it('outside of the log is refused', async () => {
    const log = openLog(simulatedEnvironment());
    for (let n = 0; n < 4; n++) appendNow(log, batchOf(['a']));
    await log.deleteRecordsBefore(2);
    const codeAt = (offset: number) => {
      const read = log.read(offset, { maxBytes: 10, minOneBatch: false, upTo: 'high-watermark' });
      return read.ok ? 0 : read.errorCode;
    };
    expect([-1, 0, 1, 2, 4, 5].map(codeAt)).toEqual([1, 1, 1, 0, 0, 1]);
  });

  it('stops before an open transaction when only committed records are wanted', () => {
    const log = openLog(simulatedEnvironment());
    const data = (id: number, value: string, sequence: number) =>
      batchOf([value], { producerId: id, producerEpoch: 0, baseSequence: sequence, isTransactional: true });
    const end = (id: number, committed: boolean) =>
      log.append(
        buildEndTransactionMarker({
          committed,
          coordinatorEpoch: 0,
          producerId: id,
          producerEpoch: 0,
          timestampMs: 1,
        }),
        { origin: 'coordinator', leaderEpoch: 0 },
      );
    appendNow(log, batchOf(['plain']));
    appendNow(log, data(1, 'aborted', 0));
    appendNow(log, data(2, 'open', 0));
    end(1, false);
    appendNow(log, batchOf(['later']));
    expect(log.lastStableOffset).toBe(2);
    expect(log.firstOpenTransactionOffset).toBe(2);
    expect(readAll(log, 0, 'stable').map(([offset]) => offset)).toEqual([0, 1]);
    end(2, true);
    expect(log.lastStableOffset).toBe(6);
    const read = log.read(0, { maxBytes: 10_000, minOneBatch: true, upTo: 'stable' });
    expect(read).toMatchObject({
      ok: true,
      abortedTransactions: [{ producerId: 1, firstOffset: 1, lastOffset: 3, lastStableOffset: 2 }],
    });
    if (read.ok) for (const region of read.regions) region.release();
  });

  it('shows what was committed below where the log is cut, or opened, at once', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment);
    const identity = { producerId: 1, producerEpoch: 0 };
    appendNow(log, batchOf(['committed'], { ...identity, baseSequence: 0, isTransactional: true }));
    const marker = { ...identity, committed: true, coordinatorEpoch: 0, timestampMs: 1 };
    log.append(buildEndTransactionMarker(marker), { origin: 'coordinator', leaderEpoch: 0 });
    appendNow(log, batchOf(['to be cut']));
    await log.truncateTo(2);
    expect(log.lastStableOffset).toBe(2);
    await log.close();
    environment.files.removeFileSync(`${log.directory}/00000000000000000002.snapshot`);
    expect(openLog(environment, { cleanShutdown: true }).lastStableOffset).toBe(2);
  });

  it('by time finds the first record at or after it, over segments', () => {
    const log = openLog(simulatedEnvironment(), {
      settings: { 'internal.segment.bytes': 300, 'index.interval.bytes': 0 },
    });
    const times = [1000, 2000, 1500, 3000, 2500, 4000, 4000, 3500, 6000, 5000];
    for (const timestampMs of times) appendNow(log, batchOf(['a', 'b'], { timestampMs }));
    expect(log.segments().length).toBeGreaterThan(2);
    const all = times.flatMap((ms, n) => [
      [ms, 2 * n],
      [ms + 1, 2 * n + 1],
    ]) as [number, number][];
    for (let target = 900; target < 6100; target += 50) {
      const want = all.find(([ms]) => ms >= target);
      expect(log.offsetForTimestamp(target, 'high-watermark'), `at ${target}`).toMatchObject({
        timestampMs: want?.[0] ?? -1,
        offset: want?.[1] ?? -1,
      });
    }
    expect(log.maxTimestamp()).toMatchObject({ timestampMs: 6001, offset: 17 });
  });

  it('by time does not look before the log start', async () => {
    const log = openLog(simulatedEnvironment());
    for (const timestampMs of [1000, 2000, 3000]) appendNow(log, batchOf(['a'], { timestampMs }));
    await log.deleteRecordsBefore(1);
    expect(log.offsetForTimestamp(500, 'high-watermark')).toMatchObject({ offset: 1, timestampMs: 2000 });
  });
});
