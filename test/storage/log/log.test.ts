import { describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { defaultTopicSettings, type TopicSettings } from '../../../storage/config/topic-settings.ts';
import type { Log } from '../../../storage/log/log.ts';
import type { LogEvent } from '../../../storage/log/log-types.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import {
  appendNow,
  asClient,
  batchOf,
  directory,
  openLog,
  readAll,
  readBytes,
  topicId,
} from './log-fixture.ts';

const settingsOf = (settings: object) => ({ ...defaultTopicSettings, ...settings });

function bases(log: Log): number[] {
  return log.segments().map((segment) => segment.baseOffset);
}

describe('a log', () => {
  it('gives back what was appended, in order', () => {
    const log = openLog(simulatedEnvironment());
    expect(appendNow(log, batchOf(['a', 'b']))).toMatchObject({
      baseOffset: 0,
      lastOffset: 1,
      logAppendTimeMs: -1,
    });
    expect(appendNow(log, batchOf(['c']))).toMatchObject({ baseOffset: 2, lastOffset: 2 });
    expect(readAll(log)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
    expect([log.logStartOffset, log.highWatermark, log.endOffset]).toEqual([0, 3, 3]);
  });

  it('puts nothing on the disk before its first append, and then only what nobody can make anew', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment);
    log.beginEpoch(4);
    expect(environment.files.statSync(directory)).toBeNull();
    expect([log.isOnDisk, readAll(log), log.segments()]).toEqual([false, [], []]);
    appendNow(log, batchOf(['a']), 4);
    expect(environment.files.listSync(directory)).toEqual(['00000000000000000000.log', 'partition.metadata']);
    await log.close();
    expect(environment.files.listSync(directory)).toEqual([
      '00000000000000000000.index',
      '00000000000000000000.log',
      '00000000000000000000.timeindex',
      '00000000000000000001.snapshot',
      'leader-epoch-checkpoint',
      'partition.metadata',
    ]);
    const text = (name: string) => environment.files.readFileSync(`${directory}/${name}`).toString();
    expect(text('partition.metadata')).toBe(`version: 0\ntopic_id: ${topicId}`);
    expect(text('leader-epoch-checkpoint')).toBe('0\n1\n4 0\n');
  });

  it('is made at once when asked for', () => {
    const environment = simulatedEnvironment();
    openLog(environment).materialise();
    expect(environment.files.listSync(directory)).toContain('00000000000000000000.log');
  });

  it('is there again after a clean close', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'internal.segment.bytes': 300 } });
    for (let n = 0; n < 20; n++) appendNow(log, batchOf([`value ${n}`]));
    const before = readAll(log);
    expect(await log.close()).toBe(true);
    const again = openLog(environment, { cleanShutdown: true });
    expect(readAll(again)).toEqual(before);
    appendNow(again, batchOf(['more']));
    expect(readAll(again)).toHaveLength(21);
  });

  it('stamps offset and leader epoch, and the broker’s time where the topic says so', () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'message.timestamp.type': 'LogAppendTime' } });
    const nowMs = environment.clock.nowMs();
    appendNow(log, batchOf(['a']), 3);
    expect(appendNow(log, batchOf(['b']), 3).logAppendTimeMs).toBe(nowMs);
    const bytes = readBytes(log, 1, { maxBytes: 1000, minOneBatch: true, upTo: 'high-watermark' });
    expect(batch.baseOffset(bytes, 0)).toBe(1);
    expect(batch.partitionLeaderEpoch(bytes, 0)).toBe(3);
    expect(batch.maxTimestamp(bytes, 0)).toBe(nowMs);
    expect(batch.isValidCrc(bytes, 0)).toBe(true);
  });

  it('refuses what it cannot hold, and is as it was', () => {
    const log = openLog(simulatedEnvironment(), {
      settings: { 'internal.segment.bytes': 200, 'max.message.bytes': 300 },
    });
    expect(log.append(batchOf(['x'.repeat(400)]), asClient)).toMatchObject({ ok: false, errorCode: 10 });
    expect(log.append(batchOf(['x'.repeat(200)]), asClient)).toMatchObject({ ok: false, errorCode: 18 });
    const broken = batchOf(['abc']);
    broken[70]! ^= 1;
    expect(log.append(broken, asClient)).toMatchObject({ ok: false, errorCode: 2 });
    expect(
      log.append(batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 }), asClient),
    ).toMatchObject({
      ok: true,
    });
    expect(
      log.append(batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 2 }), asClient),
    ).toMatchObject({
      ok: false,
      errorCode: 45,
    });
    expect(log.endOffset).toBe(1);
  });

  it('answers a batch that comes twice with the offsets of the first', () => {
    const log = openLog(simulatedEnvironment());
    const sent = () => batchOf(['a', 'b'], { producerId: 1, producerEpoch: 0, baseSequence: 0 });
    appendNow(log, batchOf(['before']));
    expect(appendNow(log, sent())).toMatchObject({ baseOffset: 1, lastOffset: 2, duplicate: false });
    expect(appendNow(log, sent())).toMatchObject({ baseOffset: 1, lastOffset: 2, duplicate: true });
    expect(log.endOffset).toBe(3);
  });

  it('tells who listens what happens, and stops when asked', async () => {
    const log = openLog(simulatedEnvironment());
    const seen: LogEvent[] = [];
    log.onEvent(() => {
      throw new Error('a listener that fails');
    });
    const stop = log.onEvent((event) => void seen.push(event));
    appendNow(log, batchOf(['a']));
    await log.deleteRecordsBefore(1);
    await log.truncateTo(1);
    await log.truncateTo(0);
    log.markDeleted();
    stop();
    expect(seen).toEqual(['advanced', 'start-offset', 'truncated', 'deleted']);
  });

  it('takes nothing more once its partition is gone, but what is being sent is sent', () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment);
    appendNow(log, batchOf(['a']));
    const read = log.read(0, { maxBytes: 1000, minOneBatch: true, upTo: 'high-watermark' });
    if (!read.ok) throw new Error('refused');
    const [region] = read.regions;
    log.markDeleted();
    environment.files.renameSync(directory, '/data/orders-3.0-delete');
    environment.files.removeTreeSync('/data/orders-3.0-delete');
    const bytes = Buffer.alloc(region!.byteLength);
    expect(region!.file.readSync(bytes, 0, bytes.length, region!.position)).toBe(bytes.length);
    expect(batch.isValidCrc(bytes, 0)).toBe(true);
    region!.release();
    expect(log.append(batchOf(['b']), asClient)).toMatchObject({ ok: false, errorCode: 3 });
    expect(log.read(0, { maxBytes: 1000, minOneBatch: true, upTo: 'high-watermark' })).toEqual({
      ok: false,
      errorCode: 3,
    });
  });
});

describe('a segment is sealed', () => {
  it('when the next append would make it too large', () => {
    const log = openLog(simulatedEnvironment(), { settings: { 'internal.segment.bytes': 250 } });
    for (let n = 0; n < 5; n++) appendNow(log, batchOf(['0123456789012345678901234567890']));
    expect(bases(log)).toEqual([0, 2, 4]);
  });

  it('when a record is segment.ms later than the first batch, by their own times', () => {
    const log = openLog(simulatedEnvironment(), { settings: { 'segment.ms': 1000 } });
    for (const timestampMs of [5000, 6000, 6001, 1000, 7001, 7002])
      appendNow(log, batchOf(['a'], { timestampMs }));
    expect(bases(log)).toEqual([0, 2, 5]);
  });

  it('earlier by its jitter', () => {
    const environment = simulatedEnvironment();
    environment.random.next = () => 0.5;
    const log = openLog(environment, { settings: { 'segment.ms': 1000, 'segment.jitter.ms': 400 } });
    for (const timestampMs of [5000, 5800, 5801]) appendNow(log, batchOf(['a'], { timestampMs }));
    expect(bases(log)).toEqual([0, 2]);
  });

  it('earlier where the topic is compacted within a lag', () => {
    const settings: Partial<TopicSettings> = { 'segment.ms': 10_000, 'max.compaction.lag.ms': 1000 };
    const keyed = (timestampMs: number) =>
      buildBatch({ records: [{ timestampMs, key: Buffer.from('k'), value: Buffer.from('v'), headers: [] }] });
    for (const [policy, expected] of [
      ['compact', [0, 2]],
      ['delete', [0]],
    ] as const) {
      const log = openLog(simulatedEnvironment(), { settings: { ...settings, 'cleanup.policy': [policy] } });
      for (const timestampMs of [5000, 6000, 6001]) appendNow(log, keyed(timestampMs));
      expect(bases(log)).toEqual(expected);
    }
  });

  it('when an offset would lie more than 2^31 - 1 above its first', () => {
    const environment = simulatedEnvironment();
    const { files } = environment;
    files.makeDirectorySync(directory);
    const far = batchOf(['far'], { baseOffset: 2 ** 31 - 2 });
    files.openSync(`${directory}/00000000000000000000.log`, 'create').writeSync([far], 0);
    const log = openLog(environment);
    appendNow(log, batchOf(['last']));
    appendNow(log, batchOf(['next']));
    expect(bases(log)).toEqual([0, 2 ** 31]);
    expect(readAll(log)).toEqual([
      [2 ** 31 - 2, 'far'],
      [2 ** 31 - 1, 'last'],
      [2 ** 31, 'next'],
    ]);
  });

  it('and cut to what it holds, where preallocate had it as large as it may get from the beginning', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { preallocate: true, 'internal.segment.bytes': 1000 } });
    appendNow(log, batchOf(['a']));
    const sizes = () =>
      ['0', '1'].map(
        (base) => environment.files.statSync(`${directory}/${base.padStart(20, '0')}.log`)?.size,
      );
    expect(sizes()).toEqual([1000, undefined]);
    await log.roll();
    appendNow(log, batchOf(['b']));
    const bytes = batchOf(['a']).length;
    expect(sizes()).toEqual([bytes, 1000]);
    await log.close();
    expect(sizes()).toEqual([bytes, bytes]);
  });

  it('when an index is full', () => {
    const settings = { 'segment.index.bytes': 24, 'index.interval.bytes': 0 };
    const log = openLog(simulatedEnvironment(), { settings });
    for (let n = 0; n < 6; n++) appendNow(log, batchOf(['a'], { timestampMs: 1000 + n }));
    // The first batch has no entry, the second one has, and the time index keeps its last place free.
    expect(bases(log)).toEqual([0, 2, 4]);
  });

  it('and leaves a snapshot of the producers as of the next', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment);
    appendNow(log, batchOf(['a'], { producerId: 7, producerEpoch: 0, baseSequence: 0 }));
    expect(await log.roll()).toBe(true);
    expect(await log.roll()).toBe(false);
    expect(environment.files.statSync(`${directory}/00000000000000000001.snapshot`)!.size).toBe(56);
  });

  it('by changed settings too', () => {
    const log = openLog(simulatedEnvironment());
    for (let n = 0; n < 3; n++) appendNow(log, batchOf(['a']));
    log.updateSettings(settingsOf({ 'internal.segment.bytes': 100 }));
    for (let n = 0; n < 2; n++) appendNow(log, batchOf(['a']));
    expect(bases(log)).toEqual([0, 3, 4]);
  });
});

describe('old records', () => {
  it('go by size, whole segments at a time, and their files after a delay', async () => {
    const environment = simulatedEnvironment();
    const settings = {
      'internal.segment.bytes': 100,
      'retention.bytes': 250,
      'retention.ms': -1,
      'file.delete.delay.ms': 1000,
    };
    const log = openLog(environment, { settings });
    for (let n = 0; n < 6; n++) appendNow(log, batchOf(['a']));
    expect(await log.applyRetention(environment.clock.nowMs())).toBe(2);
    expect(log.logStartOffset).toBe(2);
    expect(bases(log)).toEqual([2, 3, 4, 5]);
    const deleted = () =>
      environment.files.listSync(directory).filter((name) => name.endsWith('.deleted')).length;
    expect(deleted()).toBe(6);
    await environment.clock.advance(1000);
    expect(deleted()).toBe(0);
    const snapshots = environment.files.listSync(directory).filter((name) => name.endsWith('.snapshot'));
    expect(snapshots).toHaveLength(4);
  });

  it('go by age, the last segment included, and the log goes on at its end', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'retention.ms': 1000 } });
    const nowMs = environment.clock.nowMs();
    for (let n = 0; n < 3; n++) appendNow(log, batchOf(['a'], { timestampMs: nowMs - 5000 }));
    expect(await log.applyRetention(nowMs)).toBe(1);
    expect([log.logStartOffset, log.endOffset, bases(log)]).toEqual([3, 3, [3]]);
    expect(appendNow(log, batchOf(['b'])).baseOffset).toBe(3);
  });

  it('that are deleted are gone at once, with their segments at the next retention', async () => {
    const environment = simulatedEnvironment();
    let kept = 0;
    const log = openLog(environment, {
      settings: { 'internal.segment.bytes': 100, 'retention.ms': -1, 'cleanup.policy': ['delete'] },
      keepStartOffset: async () => {
        kept = log.logStartOffset;
        return true;
      },
    });
    for (let n = 0; n < 6; n++) appendNow(log, batchOf(['a']));
    expect(await log.deleteRecordsBefore(7)).toMatchObject({ ok: false, errorCode: 1 });
    expect(await log.deleteRecordsBefore(-2)).toMatchObject({ ok: false, errorCode: 1 });
    expect(await log.deleteRecordsBefore(3)).toEqual({ ok: true, logStartOffset: 3 });
    expect(await log.deleteRecordsBefore(1)).toEqual({ ok: true, logStartOffset: 3 });
    expect([kept, log.logStartOffset, bases(log).length]).toEqual([3, 3, 6]);
    expect(await log.applyRetention(environment.clock.nowMs())).toBe(3);
    expect(await log.deleteRecordsBefore(-1)).toEqual({ ok: true, logStartOffset: 6 });
    expect(log.earliest()).toEqual({ timestampMs: -1, offset: 6, leaderEpoch: 0 });
  });

  it('stay readable to whoever is being sent them', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'retention.bytes': 0, 'file.delete.delay.ms': 0 } });
    appendNow(log, batchOf(['a']));
    const read = log.read(0, { maxBytes: 1000, minOneBatch: true, upTo: 'high-watermark' });
    await log.applyRetention(environment.clock.nowMs());
    await environment.clock.settle();
    if (!read.ok) throw new Error('refused');
    const [region] = read.regions;
    const bytes = Buffer.alloc(region!.byteLength);
    region!.file.readSync(bytes, 0, bytes.length, region!.position);
    expect(batch.isValidCrc(bytes, 0)).toBe(true);
    region!.release();
  });
});

describe('a leader epoch', () => {
  it('is in its file before its first segment is sealed; until then a start after a kill finds it in the batches', async () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'internal.segment.bytes': 200 } });
    const epochsFile = (): string =>
      environment.files.readFileSync(`${directory}/leader-epoch-checkpoint`).toString();
    appendNow(log, batchOf(['a']), 2);
    log.beginEpoch(5);
    appendNow(log, batchOf(['b']), 5);
    expect(environment.files.listSync(directory)).not.toContain('leader-epoch-checkpoint');
    const kill = (recoveryPoint: number) => openLog(environment, { recoveryPoint });
    expect([kill(0).epochAt(0), kill(2).epochAt(1)]).toEqual([2, 5]);
    await log.roll();
    expect(epochsFile()).toBe('0\n2\n2 0\n5 1\n');
    appendNow(log, batchOf(['c']), 7);
    const killed = kill(2);
    expect([0, 1, 2].map((offset) => killed.epochAt(offset))).toEqual([2, 5, 7]);
    expect(epochsFile()).toBe('0\n2\n2 0\n5 1\n');
    await killed.close();
    expect(epochsFile()).toBe('0\n3\n2 0\n5 1\n7 2\n');
  });

  it('found in a segment that is sealed is written at once: the next start may not look there again', () => {
    const environment = simulatedEnvironment();
    const log = openLog(environment, { settings: { 'internal.segment.bytes': 100 } });
    for (let n = 0; n < 3; n++) appendNow(log, batchOf(['a']), n);
    environment.files.removeFileSync(`${directory}/leader-epoch-checkpoint`);
    openLog(environment);
    const again = openLog(environment, { recoveryPoint: 2 });
    expect([0, 1, 2].map((offset) => again.epochAt(offset))).toEqual([0, 1, 2]);
  });

  it('tells where the one before ended', () => {
    const log = openLog(simulatedEnvironment());
    appendNow(log, batchOf(['a', 'b']), 2);
    log.beginEpoch(5);
    appendNow(log, batchOf(['c']), 5);
    expect(log.endOffsetForEpoch(2)).toEqual({ epoch: 2, endOffset: 2 });
    expect(log.endOffsetForEpoch(5)).toEqual({ epoch: 5, endOffset: 3 });
    expect([log.latestEpoch(), log.epochAt(1), log.epochAt(2)]).toEqual([5, 2, 5]);
    expect(log.latest('high-watermark')).toEqual({ timestampMs: -1, offset: 3, leaderEpoch: 5 });
  });

  it('is cut with the log', async () => {
    const log = openLog(simulatedEnvironment(), { settings: { 'internal.segment.bytes': 100 } });
    for (let n = 0; n < 4; n++)
      appendNow(log, batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: n }), n);
    await log.truncateTo(2);
    expect([log.endOffset, log.highWatermark, log.latestEpoch(), bases(log)]).toEqual([2, 2, 1, [0, 1, 2]]);
    expect([...log.producers()][0]!.lastSequence).toBe(1);
    const again = batchOf(['again'], { producerId: 1, producerEpoch: 0, baseSequence: 2 });
    expect(appendNow(log, again, 9)).toMatchObject({ baseOffset: 2, duplicate: false });
    expect(readAll(log).at(-1)).toEqual([2, 'again']);
  });
});
