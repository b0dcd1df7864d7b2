import { describe, expect, it } from 'vitest';
import type { TopicSettings } from '../../../storage/config/topic-settings.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import type { Log } from '../../../storage/log/log.ts';
import type { AppendOutcome, DurabilityPolicy, LogEvent } from '../../../storage/log/log-types.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { appendNow, asClient, batchOf, directory, openLog, RecordedLogger, readAll } from './log-fixture.ts';

function setUp(durability: DurabilityPolicy, settings: Partial<TopicSettings> = {}) {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  files.syncDirectorySync('/');
  const environment = { clock, files, random: new SeededRandom(1) };
  const logger = new RecordedLogger();
  const errors: string[] = [];
  const onDiskError = (error: Error) => void errors.push(error.message);
  const log = openLog(environment, { durability, settings, logger, onDiskError });
  return { clock, files, environment, logger, errors, log };
}

const fsync = { kind: 'fsync' } as const;
const pageCache = { kind: 'page-cache' } as const;
const big = 'x'.repeat(300_000);

describe('under fsync a log', () => {
  it('shows nothing and answers nobody before the device has it', async () => {
    const { clock, files, log } = setUp(fsync);
    files.delay('sync', 10);
    const seen: LogEvent[] = [];
    log.onEvent((event) => void seen.push(event));
    let answer: AppendOutcome | undefined;
    void Promise.resolve(log.append(batchOf(['a'], { timestampMs: 1000 }), asClient)).then(
      (outcome) => (answer = outcome),
    );
    await clock.advance(9);
    expect(answer).toBeUndefined();
    expect([log.endOffset, log.highWatermark, log.lastStableOffset]).toEqual([1, 0, 0]);
    expect(await log.offsetForTimestamp(0, 'high-watermark')).toMatchObject({ offset: -1 });
    expect(await log.maxTimestamp()).toMatchObject({ offset: -1 });
    expect(log.latest('high-watermark').offset).toBe(0);
    expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 0 });
    expect(readAll(log)).toEqual([]);
    expect(readAll(log, 0, 'end')).toHaveLength(1);
    expect(seen).toEqual([]);
    await clock.advance(1);
    expect(answer).toMatchObject({ ok: true, baseOffset: 0 });
    expect(log.highWatermark).toBe(1);
    expect(log.offsetForTimestamp(0, 'high-watermark')).toMatchObject({ offset: 0 });
    expect(log.maxTimestamp()).toMatchObject({ offset: 0, timestampMs: 1000 });
    expect(seen).toEqual(['advanced']);
  });

  it('syncs what came during one sync with the next', async () => {
    const { clock, files, log } = setUp(fsync);
    files.delay('sync', 10);
    const answers = Promise.all(
      Array.from({ length: 50 }, (_, n) => log.append(batchOf([`${n}`]), asClient)),
    );
    const outcomes = await clock.until(answers);
    expect(outcomes.map((each) => each.ok && each.baseOffset)).toEqual(
      Array.from({ length: 50 }, (_, n) => n),
    );
    const syncs = files.operations.filter(
      ({ operation, path }) => operation === 'sync' && path.endsWith('.log'),
    );
    expect(syncs).toHaveLength(2);
  });

  it('syncs the names of new files and directories too', async () => {
    const { clock, files, log } = setUp(fsync);
    await clock.until(Promise.resolve(log.append(batchOf(['a']), asClient)));
    const synced = files.operations
      .filter(({ operation }) => operation === 'sync directory')
      .map(({ path }) => path);
    expect(synced).toEqual(expect.arrayContaining(['/data', directory]));
    expect(files.afterCrash(new SeededRandom(7)).listSync(directory)).toEqual([
      '00000000000000000000.log',
      'partition.metadata',
    ]);
  });

  it('is offline after a failed sync, and says so to those who waited', async () => {
    const { clock, files, log, errors, logger } = setUp(fsync);
    await clock.until(Promise.resolve(log.append(batchOf(['a']), asClient)));
    files.fail('sync').on('*.log').times(1);
    const waiting = [log.append(batchOf(['b']), asClient), log.append(batchOf(['c']), asClient)];
    for (const each of waiting)
      expect(await clock.until(Promise.resolve(each))).toMatchObject({ ok: false, errorCode: 56 });
    expect(log.isOffline).toBe(true);
    expect(log.append(batchOf(['d']), asClient)).toMatchObject({ ok: false, errorCode: 56 });
    expect(readAll(log)).toEqual([[0, 'a']]);
    expect(errors).toHaveLength(1);
    expect(logger.count('error')).toBe(1);
    expect(await clock.until(log.close())).toBe(false);
  });

  it('answers a duplicate when the first one is on the device, not before', async () => {
    const { clock, files, log } = setUp(fsync);
    files.delay('sync', 10);
    const sent = () => batchOf(['a'], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    const answers: boolean[] = [];
    for (let n = 0; n < 3; n++) {
      void Promise.resolve(log.append(sent(), asClient)).then((each) =>
        answers.push(each.ok && each.duplicate),
      );
    }
    await clock.advance(9);
    expect(answers).toEqual([]);
    await clock.advance(30);
    expect(answers).toEqual([false, true, true]);
    expect(log.endOffset).toBe(1);
  });
});

describe('in the page cache a log', () => {
  it('answers at once and leaves syncing to the kernel', async () => {
    const { clock, files, log } = setUp(pageCache);
    for (let n = 0; n < 100; n++) appendNow(log, batchOf([`${n}`]));
    await clock.advance(3_600_000);
    expect(
      files.operations.filter(({ operation, path }) => operation === 'sync' && path.endsWith('.log')),
    ).toEqual([]);
    expect(log.recoveryPoint).toBe(0);
  });

  it('syncs a sealed segment in the background, and moves the recovery point behind it', async () => {
    const { clock, files, log } = setUp(pageCache);
    appendNow(log, batchOf(['a']));
    files.delay('sync', 10);
    await clock.until(log.roll());
    appendNow(log, batchOf(['b']));
    expect(log.recoveryPoint).toBe(0);
    await clock.advance(100);
    expect(log.recoveryPoint).toBe(1);
    expect(log.highWatermark).toBe(2);
  });

  it('acknowledges after a sync once flush.messages are not synced', async () => {
    const { clock, files, log } = setUp(pageCache, { 'flush.messages': 3 });
    files.delay('sync', 10);
    appendNow(log, batchOf(['a', 'b']));
    const third = log.append(batchOf(['c']), asClient);
    expect(third).toBeInstanceOf(Promise);
    expect(log.highWatermark).toBe(3);
    await clock.until(Promise.resolve(third));
    expect(log.recoveryPoint).toBe(3);
    appendNow(log, batchOf(['d', 'e']));
  });

  it('syncs flush.ms after an append', async () => {
    const { clock, log } = setUp(pageCache, { 'flush.ms': 500 });
    appendNow(log, batchOf(['a']));
    await clock.advance(499);
    expect(log.recoveryPoint).toBe(0);
    await clock.advance(1);
    expect(log.recoveryPoint).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('syncs what the metadata log appends, whatever the policy', async () => {
    const { clock, log } = setUp(pageCache);
    const outcome = log.append(batchOf(['a']), { origin: 'raft', leaderEpoch: 1 });
    expect(outcome).toBeInstanceOf(Promise);
    await clock.until(Promise.resolve(outcome));
    expect(log.recoveryPoint).toBe(1);
  });

  it('is offline after a failed sync in the background', async () => {
    const { clock, files, log } = setUp(pageCache);
    appendNow(log, batchOf(['a']));
    files.fail('sync').on('*.log');
    await clock.until(log.roll());
    await clock.settle();
    expect(log.append(batchOf(['b']), asClient)).toMatchObject({ ok: false, errorCode: 56 });
    expect(readAll(log)).toEqual([[0, 'a']]);
  });
});

describe('under interval a log', () => {
  it('answers at once and syncs at most so much later', async () => {
    const { clock, log } = setUp({ kind: 'interval', intervalMs: 50 });
    appendNow(log, batchOf(['a']));
    await clock.advance(30);
    appendNow(log, batchOf(['b']));
    await clock.advance(20);
    expect(log.recoveryPoint).toBe(2);
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('large appends', () => {
  it('are written on the thread pool, and what comes later waits behind them', async () => {
    const { clock, files, log } = setUp(pageCache);
    appendNow(log, batchOf(['a']));
    files.delay('write', 10);
    const large = batchOf([big], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    const next = batchOf(['c'], { producerId: 7, producerEpoch: 0, baseSequence: 1 });
    const outcomes = [log.append(large, asClient), log.append(next, asClient)];
    const rolled = log.roll();
    // Both were copied: the caller may use its buffers again.
    large.fill(0);
    next.fill(0);
    expect(log.endOffset).toBe(1);
    await clock.until(Promise.all([...outcomes, rolled]));
    expect(await outcomes[0]).toMatchObject({ ok: true, baseOffset: 1 });
    expect(await outcomes[1]).toMatchObject({ ok: true, baseOffset: 2 });
    expect(log.segments().map((segment) => segment.baseOffset)).toEqual([0, 3]);
    expect(readAll(log).map(([offset]) => offset)).toEqual([0, 1, 2]);
  });

  it('that fail leave nothing behind, and the producer can send them again', async () => {
    const { clock, files, log } = setUp(pageCache);
    const sent = () => batchOf([big], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    files.fail('write').on('*.log').with('ENOSPC').short(200_000).times(1);
    const outcomes = [
      log.append(sent(), asClient),
      log.append(sent(), asClient),
      log.append(sent(), asClient),
    ];
    const settled = await clock.until(Promise.all(outcomes));
    expect(settled.map((each) => (each.ok ? each.duplicate : each.errorCode))).toEqual([56, false, true]);
    expect(log.endOffset).toBe(1);
    expect(files.statSync(`${directory}/00000000000000000000.log`)!.size).toBe(log.sizeBytes);
  });
});

describe('a write that fails', () => {
  function tryAppend(log: Log, value: string): AppendOutcome {
    const outcome = log.append(batchOf([value]), asClient);
    if (outcome instanceof Promise) throw new Error('the append had to wait');
    return outcome;
  }

  it('for want of room is cut off and refused; the next one is tried', () => {
    const { files, log, logger } = setUp(pageCache);
    tryAppend(log, 'a');
    const size = log.sizeBytes;
    files.limitSpace(50);
    for (let n = 0; n < 3; n++) {
      expect(tryAppend(log, 'b')).toMatchObject({ ok: false, errorCode: 56 });
      expect(files.statSync(`${directory}/00000000000000000000.log`)!.size).toBe(size);
    }
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(log.isOffline).toBe(false);
    files.limitSpace(1_000_000);
    expect(tryAppend(log, 'c')).toMatchObject({ ok: true, baseOffset: 1 });
    expect(readAll(log)).toEqual([
      [0, 'a'],
      [1, 'c'],
    ]);
  });

  it('for want of room in a roll leaves the old segment in use', () => {
    const { files, log } = setUp(pageCache, { 'internal.segment.bytes': 100 });
    tryAppend(log, 'a');
    const rule = files.fail('open').on('*1.log').with('ENOSPC').times(2);
    for (let n = 0; n < 2; n++) expect(tryAppend(log, 'b')).toMatchObject({ ok: false, errorCode: 56 });
    expect(rule.hits).toBe(2);
    expect(log.segments()).toHaveLength(1);
    expect(tryAppend(log, 'c')).toMatchObject({ ok: true, baseOffset: 1 });
    expect(log.segments().map((segment) => segment.baseOffset)).toEqual([0, 1]);
  });

  it('at the memory limit is one line that names the option, until something goes', async () => {
    const clock = new VirtualClock();
    const limit = { memoryLimitBytes: 2_000_000, memoryLimitOption: 'memoryLimit' };
    const environment = {
      clock,
      files: new MemoryFileSystem({ clock, ...limit }),
      random: new SeededRandom(1),
    };
    const logger = new RecordedLogger();
    const settings = {
      'internal.segment.bytes': 500_000,
      'retention.bytes': 500_000,
      'file.delete.delay.ms': 0,
    };
    const log = openLog(environment, { settings: { ...settings, 'retention.ms': -1 }, logger });
    const value = 'x'.repeat(50_000);
    let count = 0;
    while (tryAppend(log, value).ok) count++;
    expect(count).toBeGreaterThan(20);
    expect(tryAppend(log, value)).toMatchObject({ ok: false, errorCode: 56 });
    const errors = logger.lines.filter(({ level }) => level === 'error');
    expect(errors).toHaveLength(1);
    expect(JSON.stringify(errors[0]!.fields)).toContain('memoryLimit');
    expect(readAll(log)).toHaveLength(count);
    expect(await log.applyRetention(clock.nowMs())).toBeGreaterThan(0);
    await clock.settle();
    expect(tryAppend(log, value)).toMatchObject({ ok: true, baseOffset: count });
  });

  it('otherwise takes the log offline; reads go on', () => {
    const { files, log, errors } = setUp(pageCache);
    const seen: LogEvent[] = [];
    tryAppend(log, 'a');
    log.onEvent((event) => void seen.push(event));
    files.fail('write').on('*.log').short(30).times(1);
    expect(tryAppend(log, 'b')).toMatchObject({ ok: false, errorCode: 56 });
    expect(tryAppend(log, 'c')).toMatchObject({ ok: false, errorCode: 56 });
    expect([log.isOffline, log.endOffset, seen, errors.length]).toEqual([true, 1, ['offline'], 1]);
    expect(readAll(log)).toEqual([[0, 'a']]);
  });

  it('and cannot even be cut off takes the log offline', () => {
    const { files, log } = setUp(pageCache);
    tryAppend(log, 'a');
    files.fail('write').on('*.log').with('ENOSPC').short(30).times(1);
    files.fail('truncate').on('*.log').times(1);
    expect(tryAppend(log, 'b')).toMatchObject({ ok: false, errorCode: 56 });
    expect(log.isOffline).toBe(true);
    expect(readAll(log)).toEqual([[0, 'a']]);
  });

  it('because the directory was deleted is one clear line, and no matter of the disk', async () => {
    const { clock, files, log, logger, errors } = setUp(pageCache);
    tryAppend(log, 'a');
    files.removeTreeSync(directory);
    expect(await clock.until(log.applyRetention(clock.nowMs()))).toBe(0);
    expect(log.isOffline).toBe(true);
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'error',
      fields: { log: directory, why: 'its directory is gone' },
    });
    expect(errors).toEqual([]);
  });
});
