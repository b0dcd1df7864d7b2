/** What is made only when a segment is sealed, or taken away with one: when that fails, comes late, or the power goes. */
import { describe, expect, it, test } from 'vitest';
import type { TopicSettings } from '../../../storage/config/topic-settings.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { appendNow, asClient, batchOf, directory, openLog, readAll } from './log-fixture.ts';

function setUp(settings: Partial<TopicSettings> = {}) {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  files.syncDirectorySync('/');
  const environment = { clock, files, random: new SeededRandom(1) };
  return { clock, files, environment, log: openLog(environment, { settings }) };
}

const oneEach = { 'internal.segment.bytes': 100 };

describe('without room for', () => {
  test.each([
    ['the offset index', 'open', '*0.index'],
    ['what is in it', 'write', '*0.index'],
    ['the time index', 'open', '*0.timeindex'],
    ['what is in that', 'write', '*0.timeindex'],
    ['the leader epochs', 'open', 'leader-epoch-checkpoint*'],
  ] as const)('%s a segment is not sealed, and goes on', async (_, operation, path) => {
    const { clock, files, environment, log } = setUp({
      'internal.segment.bytes': 300,
      'index.interval.bytes': 0,
    });
    for (let n = 0; n < 3; n++) appendNow(log, batchOf(['a'], { timestampMs: 1000 + n }), 1);
    const rule = files.fail(operation).on(path).with('ENOSPC').times(2);
    const large = batchOf(['x'.repeat(100)]);
    for (let n = 0; n < 2; n++)
      expect(log.append(Buffer.from(large), asClient)).toMatchObject({ ok: false, errorCode: 56 });
    expect(rule.hits).toBe(2);
    // It still fits; then there is room.
    appendNow(log, batchOf(['b'], { timestampMs: 5000 }), 1);
    expect(readAll(openLog(environment, { recoveryPoint: 3 }))).toHaveLength(4);
    appendNow(log, Buffer.from(large), 1);
    expect(log.segments().map(({ baseOffset }) => baseOffset)).toEqual([0, 4]);
    expect(readAll(log)).toHaveLength(5);
    expect(await clock.until(log.close())).toBe(true);
    const again = openLog(environment, { cleanShutdown: true });
    expect(readAll(again)).toHaveLength(5);
    expect(await again.offsetForTimestamp(2000, 'end')).toMatchObject({ offset: 3, timestampMs: 5000 });
  });
});

describe('a clean stop', () => {
  it('leaves the names of what it makes on the device, also where there is nothing else to sync', async () => {
    const { clock, files, log } = setUp();
    appendNow(log, batchOf(['a']));
    await log.deleteRecordsBefore(-1);
    await clock.until(log.flush());
    expect(await clock.until(log.close())).toBe(true);
    const names = files.listSync(directory);
    expect(names).toContain('00000000000000000000.timeindex');
    for (let seed = 0; seed < 5; seed++)
      expect(files.afterCrash(new SeededRandom(seed)).listSync(directory)).toEqual(names);
  });
});

describe('leader epochs of sealed segments', () => {
  it('that a start had no room to write down are written with the next append', async () => {
    const { clock, files, environment, log } = setUp(oneEach);
    for (let n = 0; n < 3; n++) appendNow(log, batchOf(['a']), n);
    files.removeFileSync(`${directory}/leader-epoch-checkpoint`);
    files.fail('open').on('leader-epoch-checkpoint*').with('ENOSPC').times(1);
    const second = openLog(environment);
    appendNow(second, batchOf(['a']), 2);
    await clock.until(second.flush());
    expect(second.recoveryPoint).toBe(4);
    const third = openLog(environment, { recoveryPoint: second.recoveryPoint });
    expect([0, 1, 2, 3].map((offset) => third.epochAt(offset))).toEqual([0, 1, 2, 2]);
  });
});

describe('a snapshot that goes with its segment', () => {
  it('takes none of the same name along, that a topic made anew has by then', async () => {
    const { clock, files, environment, log } = setUp({ ...oneEach, 'retention.bytes': 0 });
    const snapshots = () => files.listSync(directory).filter((name) => name.endsWith('.snapshot'));
    for (let n = 0; n < 4; n++) appendNow(log, batchOf(['a']));
    const before = snapshots();
    expect(before).toHaveLength(3);
    // The thread pool has other work.
    files.delay('remove', 1_000).on('*.snapshot*');
    expect(await log.applyRetention(clock.nowMs())).toBeGreaterThanOrEqual(3);
    expect(snapshots().filter((name) => before.includes(name))).toEqual([]);
    log.markDeleted();
    log.letGo();
    files.renameSync(directory, `${directory}.gone`);
    const anew = openLog(environment, { settings: oneEach });
    for (let n = 0; n < 4; n++) appendNow(anew, batchOf(['b']));
    await clock.advance(2_000);
    expect(snapshots()).toEqual(before);
  });
});
