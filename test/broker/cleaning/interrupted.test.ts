/** Compactions and explanations that end before their end: whoever asked has gone, or the log has. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CompactionRefused } from '../../../broker/cleaning/compaction-refused.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { type CleaningWorld, contentOf, openCleaningWorld, write } from './cleaning-world.ts';

const compacted = { 'cleanup.policy': 'compact' };
let opened: CleaningWorld;
let partition: Partition;

beforeEach(async () => {
  opened = await openCleaningWorld({ settings: { 'log.cleaner.enable': false } });
  partition = await opened.world.topic('articles', 1, compacted);
});

afterEach(() => opened.stop());

/** What a promise rejects with, the virtual clock moving as far as that needs. */
function failure(promise: Promise<unknown>): Promise<unknown> {
  return opened.world.clock.until(
    promise.then(
      () => null,
      (error: unknown) => error,
    ),
  );
}

describe('a caller that goes away', () => {
  test('while a pass runs: nothing was replaced, and the log is free', async () => {
    write(opened.world, partition, 'a=1', 'a=2');
    const gone = new AbortController();
    const compacting = opened.compactions.compact('articles', {
      includeActive: true,
      signal: gone.signal,
      onProgress: ({ phase }) => phase === 'rewrite' && gone.abort(),
    });
    expect(await failure(compacting)).toBe(gone.signal.reason);
    expect(contentOf(opened.world, partition)).toEqual(['0 a=1', '1 a=2']);
    expect(opened.world.files.listSync(partition.log.directory).join()).not.toContain('.cleaned');
    expect(opened.cleaner.status.troubles).toEqual([]);
    await opened.world.clock.until(opened.compactions.compact('articles', { includeActive: true }));
    expect(contentOf(opened.world, partition)).toEqual(['1 a=2']);
  });

  test('while it waits for the log: it does not even roll, and whoever has the log goes on', async () => {
    write(opened.world, partition, 'a=1', 'a=2');
    const gone = new AbortController();
    let free!: () => void;
    const held = opened.cleaner.holding(
      partition.log,
      () => new Promise<void>((resolve) => (free = resolve)),
    );
    const compacting = opened.compactions.compact('articles', { includeActive: true, signal: gone.signal });
    gone.abort();
    expect(await failure(compacting)).toBe(gone.signal.reason);
    expect(partition.log.segmentCount).toBe(1);
    expect(opened.cleaner.isBusyWith(partition.log)).toBe(true);
    free();
    await held;
    expect(opened.cleaner.isBusyWith(partition.log)).toBe(false);
  });

  test('while a key is looked for', async () => {
    write(opened.world, partition, 'a=1');
    const gone = new AbortController();
    const explaining = opened.compactions.explain('articles', Buffer.from('a'), { signal: gone.signal });
    gone.abort();
    expect(await failure(explaining)).toBe(gone.signal.reason);
  });
});

describe('a log that goes away', () => {
  test.each(['index', 'rewrite'] as const)(
    'in the middle of a pass (%s) is refused, and no trouble',
    async (when) => {
      write(opened.world, partition, 'a=1', 'a=2');
      const compacting = opened.compactions.compact('articles', {
        includeActive: true,
        onProgress: ({ phase }) => phase === when && partition.log.markDeleted(),
      });
      const refused = await failure(compacting);
      expect(refused).toBeInstanceOf(CompactionRefused);
      expect(String(refused)).toContain('articles was deleted meanwhile');
      expect(opened.cleaner.status).toMatchObject({ troubles: [], counts: { failures: 0 } });
    },
  );

  test('by a new cleanup.policy is refused', async () => {
    write(opened.world, partition, 'a=1', 'a=2');
    const compacting = opened.compactions.compact('articles', {
      includeActive: true,
      onProgress: () => {
        partition.log.updateSettings({ ...partition.log.settings, 'cleanup.policy': ['delete'] });
        opened.cleaner.review();
      },
    });
    expect(String(await failure(compacting))).toContain('articles is not compacted');
    expect(contentOf(opened.world, partition)).toEqual(['0 a=1', '1 a=2']);
  });

  test('with its broker says so', async () => {
    write(opened.world, partition, 'a=1', 'a=2');
    const compacting = opened.compactions.compact('articles', {
      includeActive: true,
      onProgress: () => void opened.cleaner.stop(),
    });
    expect(String(await failure(compacting))).toContain('the broker is stopping');
  });
});

describe('what is running', () => {
  test('shows passes with their progress, not those who only have the log', async () => {
    write(opened.world, partition, 'a=1', 'a=2');
    const { cleaner } = opened;
    await cleaner.holding(partition.log, async () => expect(cleaner.status.running).toEqual([]));
    let seen: unknown;
    const onProgress = () => {
      seen ??= cleaner.status.running;
    };
    await opened.world.clock.until(
      opened.compactions.compact('articles', { includeActive: true, onProgress }),
    );
    expect(seen).toEqual([
      { topic: 'articles', partition: 0, progress: expect.objectContaining({ phase: 'index' }) },
    ]);
    expect(cleaner.status.running).toEqual([]);
  });
});

describe('a key with many records', () => {
  test('is counted whole, and the newest are explained, the one that supersedes them among them', async () => {
    write(opened.world, partition, ...Array.from({ length: 50 }, (_, n) => `a=${n}`), 'b=1');
    const [explained] = await opened.world.clock.until(
      opened.compactions.explain('articles', Buffer.from('a'), { limit: 3 }),
    );
    expect(explained!.recordCount).toBe(50);
    expect(
      explained!.records.map(({ offset, state, supersededBy }) => ({ offset, state, supersededBy })),
    ).toEqual([
      { offset: 47, state: 'superseded', supersededBy: 49 },
      { offset: 48, state: 'superseded', supersededBy: 49 },
      { offset: 49, state: 'newest', supersededBy: -1 },
    ]);
  });

  test('up to damaged bytes is explained as far as it can be read', async () => {
    await damage();
    const [explained] = await opened.world.clock.until(
      opened.compactions.explain('articles', Buffer.from('a')),
    );
    expect(explained!.unreadable).toContain('00000000000000000001.log');
    expect(explained!.records.map(({ offset }) => offset)).toEqual([0]);
  });

  test('in a damaged log: a dry run tells it, and is no failure of the cleaner', async () => {
    await damage();
    const options = { includeActive: true, dryRun: true };
    const [foretold] = await opened.world.clock.until(opened.compactions.compact('articles', options));
    expect(foretold).toMatchObject({ outcome: 'failed', why: expect.stringContaining('checksum') });
    expect(opened.cleaner.status).toMatchObject({ troubles: [], counts: { failures: 0 } });
  });

  /** The second of two segments. */
  async function damage(): Promise<void> {
    write(opened.world, partition, 'a=1');
    await partition.log.roll();
    write(opened.world, partition, 'a=2');
    const file = opened.world.files.openSync('/data/articles-0/00000000000000000001.log', 'update');
    file.writeSync([Buffer.from([0xff])], 68);
    file.close();
  }
});
