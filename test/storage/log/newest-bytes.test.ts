import { describe, expect, it } from 'vitest';
import { Partition } from '../../../broker/partitions/partition.ts';
import type { Log } from '../../../storage/log/log.ts';
import { newestBytesMax } from '../../../storage/log/newest-bytes.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { batchOf, expectAppended, openLog, readBytes, topicId } from './log-fixture.ts';

const all = { maxBytes: 1 << 20, minOneBatch: true, upTo: 'high-watermark' } as const;

/** What of a read is in memory already; null: it has to be read from the file. */
function inMemory(log: Log, offset: number, maxBytes = all.maxBytes): Buffer | null {
  const read = log.read(offset, { ...all, maxBytes });
  if (!read.ok) throw new Error(`refused with ${read.errorCode}`);
  const [region] = read.regions;
  region!.release();
  return region!.bytes;
}

function opened(directory = '/data/orders-3') {
  const log = openLog(simulatedEnvironment(), { directory });
  const partition = new Partition(log, 'orders', topicId, 3, 0);
  const append = (value: string): void => {
    const outcome = partition.append(batchOf([value]), { origin: 'client' });
    if (outcome instanceof Promise) throw new Error('the append had to wait');
    expectAppended(outcome);
  };
  return { log, partition, append, watcher: { partitionChanged: () => {} } };
}

describe('the bytes of the last append', () => {
  it('are in memory, as they stand in the file, where somebody waited for them', () => {
    const { log, partition, append, watcher } = opened();
    append('nobody waits');
    expect(inMemory(log, 0)).toBe(null);
    partition.watch(watcher);
    append('somebody waits');
    expect(inMemory(log, 1)).toEqual(readBytes(log, 1, all));
    // The batch before it is in the file alone.
    expect(inMemory(log, 0)).toBe(null);
    partition.unwatch(watcher);
    append('nobody waits any more');
    expect(inMemory(log, 2)).toBe(null);
  });

  it('make room for those of the next, of whichever log, and stay with whoever has them', () => {
    const [one, other] = [opened('/data/orders-3'), opened('/data/orders-4')];
    for (const { partition, watcher } of [one, other]) partition.watch(watcher);
    one.append('first');
    const held = inMemory(one.log, 0);
    other.append('SECOND');
    expect(inMemory(one.log, 0)).toBe(null);
    expect(inMemory(other.log, 0)).toEqual(readBytes(other.log, 0, all));
    expect(held).toEqual(readBytes(one.log, 0, all));
  });

  it('are not those that stood there before the log was cut', async () => {
    const { log, partition, append, watcher } = opened();
    append('stays');
    partition.watch(watcher);
    append('is cut off');
    await log.truncateTo(1);
    partition.unwatch(watcher);
    append('comes after');
    expect(inMemory(log, 1)).toBe(null);
    expect(readBytes(log, 1, all).includes('comes after')).toBe(true);
  });

  it('are not kept where they are many', () => {
    const { log, partition, append, watcher } = opened();
    partition.watch(watcher);
    append('x'.repeat(newestBytesMax));
    expect(inMemory(log, 0)).toBe(null);
  });
});
