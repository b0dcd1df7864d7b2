import { beforeEach, describe, expect, test } from 'vitest';
import type { LoadReport } from '../../../broker/journal/loader.ts';
import { Reloading } from '../../../broker/journal/reloading.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { errorName } from '../../../protocol/errors.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { keepingLogger } from '../network/frames.ts';

/** A journal whose loads go as the test says. */
class FakeJournal {
  isReady = false;
  isClosed = false;
  loads = 0;
  failures = 0;

  async load(): Promise<LoadReport> {
    this.loads += 1;
    if (this.isClosed) throw new Error('closed');
    if (this.failures-- > 0) throw new Error('broken');
    this.isReady = true;
    return { endOffset: 0, recordCount: 0, unknownTypes: new Map() };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.isReady = false;
  }
}

let clock: VirtualClock;
let journal: FakeJournal;
let events: string[];
let logger: ReturnType<typeof keepingLogger>;
let life: Reloading;

beforeEach(() => {
  clock = new VirtualClock();
  journal = new FakeJournal();
  events = [];
  logger = keepingLogger();
  life = new Reloading({
    clock,
    logger,
    what: 'Transactions',
    partition: { topic: 'state', index: 7 } as Partition,
    journal,
    unload: () => events.push('unload'),
    loaded: () => events.push('loaded'),
  });
});

const ready = async () => errorName(await life.ready());

describe('a shard', () => {
  test('is loaded when it is first asked for, once for all who ask', async () => {
    expect(await Promise.all([ready(), ready()])).toEqual(['NONE', 'NONE']);
    expect(await ready()).toBe('NONE');
    expect([journal.loads, events]).toEqual([1, ['unload', 'loaded']]);
    expect(logger.lines).toEqual([]);
  });

  test('that is lost comes back though nobody asks', async () => {
    await ready();
    journal.isReady = false;
    life.lost();
    await clock.advance(999);
    expect(journal.loads).toBe(1);
    await clock.advance(1);
    expect([journal.isReady, events]).toEqual([true, ['unload', 'loaded', 'unload', 'unload', 'loaded']]);
    expect(logger.lines).toEqual([
      { level: 'info', message: 'Transactions are loaded again', fields: { partition: 'state-7' } },
    ]);
  });

  test('that is lost is loaded for who asks before', async () => {
    await ready();
    journal.isReady = false;
    life.lost();
    expect(await ready()).toBe('NONE');
    await clock.advance(60_000);
    expect(journal.loads).toBe(2);
  });

  test('that cannot be read is tried again, ever later', async () => {
    journal.failures = 7;
    expect(await ready()).toBe('COORDINATOR_NOT_AVAILABLE');
    const triedAt: number[] = [0];
    for (let second = 1; second < 140 && !journal.isReady; second++) {
      const before = journal.loads;
      await clock.advance(1_000);
      if (journal.loads > before) triedAt.push(second);
    }
    expect(triedAt).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
    expect(logger.lines.map(({ level }) => level)).toEqual([...Array(7).fill('error'), 'info']);
  });

  test('that cannot be read is not read again at once for everybody who asks', async () => {
    journal.failures = 2;
    await ready();
    await clock.advance(500);
    expect([await ready(), journal.loads]).toEqual(['COORDINATOR_NOT_AVAILABLE', 1]);
    await clock.advance(500);
    // The second failure; the next try by itself is two seconds away.
    expect(journal.loads).toBe(2);
    await clock.advance(1_000);
    expect([await ready(), journal.loads]).toEqual(['NONE', 3]);
    await clock.advance(60_000);
    expect(journal.loads).toBe(3);
  });

  test('that is closed stays so', async () => {
    await ready();
    journal.isReady = false;
    life.lost();
    await life.close();
    expect(await ready()).toBe('NOT_COORDINATOR');
    await clock.advance(60_000);
    expect(journal.loads).toBe(2);
  });
});
