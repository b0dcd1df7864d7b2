import { describe, expect, it } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import { delay } from '../../../storage/environment/clock.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import type { Log } from '../../../storage/log/log.ts';
import type { AppendOutcome, DurabilityPolicy } from '../../../storage/log/log-types.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { appendNow, asClient, batchOf, openLog, readAll } from './log-fixture.ts';

function open() {
  const clock = new VirtualClock();
  const files = new MemoryFileSystem({ clock });
  return { clock, log: openLog({ clock, files, random: new SeededRandom(1) }) };
}

/** Appends `value` if the log ends at `expected` when its turn has come. */
function appendAt(log: Log, expected: number, value: string): AppendOutcome | Promise<AppendOutcome> {
  return log.append(batchOf([value]), { ...asClient, precondition: () => log.endOffset === expected });
}

const notAttempted = { ok: false, errorCode: errors.operationNotAttempted.code };

describe('an append with a precondition', () => {
  it('is over at once, written or not', () => {
    const { log } = open();
    expect(appendAt(log, 0, 'a')).toMatchObject({ ok: true, baseOffset: 0 });
    expect(appendAt(log, 0, 'b')).toMatchObject(notAttempted);
    expect(appendAt(log, 1, 'c')).toMatchObject({ ok: true, baseOffset: 1 });
    expect(readAll(log)).toEqual([
      [0, 'a'],
      [1, 'c'],
    ]);
  });

  it('is asked after everything that stands before it in the line', async () => {
    const { log } = open();
    const large = log.append(batchOf(['x'.repeat(300_000)]), asClient);
    const outcomes = [appendAt(log, 0, 'no'), appendAt(log, 1, 'yes'), appendAt(log, 1, 'no')];
    expect(await large).toMatchObject({ ok: true, baseOffset: 0 });
    expect((await Promise.all(outcomes)).map(({ ok }) => ok)).toEqual([false, true, false]);
  });

  it('keeps everybody else waiting while it is being decided, and the bytes of the caller as they were', async () => {
    const { clock, log } = open();
    const records = batchOf(['slow']);
    const precondition = () => delay(clock, 10).then(() => log.endOffset === 0);
    const slow = log.append(records, { ...asClient, precondition });
    records.fill(0);
    const next = log.append(batchOf(['next']), asClient);
    await clock.advance(9);
    expect(log.endOffset).toBe(0);
    await clock.advance(1);
    expect(await slow).toMatchObject({ ok: true, baseOffset: 0 });
    expect(await next).toMatchObject({ ok: true, baseOffset: 1 });
    expect(readAll(log)[0]).toEqual([0, 'slow']);
  });

  it('writes nothing to a log that was deleted while it was being decided', async () => {
    const { clock, log } = open();
    const slow = log.append(batchOf(['a']), {
      ...asClient,
      precondition: () => delay(clock, 1).then(() => true),
    });
    log.markDeleted();
    await clock.advance(1);
    expect(await slow).toMatchObject({ ok: false, errorCode: errors.unknownTopicOrPartition.code });
  });

  it('is not asked for records that are not fit', () => {
    const { log } = open();
    const batch = batchOf(['a']);
    batch[batch.length - 1]! ^= 1;
    const precondition = () => {
      throw new Error('asked');
    };
    expect(log.append(batch, { ...asClient, precondition })).toMatchObject({
      ok: false,
      errorCode: errors.corruptMessage.code,
    });
  });

  it('lets others go on when it throws', async () => {
    const { log } = open();
    const precondition = () => Promise.reject(new Error('broken'));
    await expect(log.append(batchOf(['a']), { ...asClient, precondition })).rejects.toThrow('broken');
    expect(appendNow(log, batchOf(['b'])).baseOffset).toBe(0);
  });

  it('counts what is written and not yet on the device, under fsync', async () => {
    const clock = new VirtualClock();
    const files = new FaultyFileSystem({ clock });
    files.makeDirectorySync('/data');
    files.syncDirectorySync('/');
    const durability: DurabilityPolicy = { kind: 'fsync' };
    const log = openLog({ clock, files, random: new SeededRandom(1) }, { durability });
    files.delay('sync', 10);
    const outcomes = Promise.all([0, 0, 1].map((expected) => appendAt(log, expected, `${expected}`)));
    await clock.until(outcomes);
    expect((await outcomes).map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(log.highWatermark).toBe(2);
  });
});
