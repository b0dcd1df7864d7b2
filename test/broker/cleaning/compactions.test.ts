import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CompactionRefused } from '../../../broker/cleaning/compaction-refused.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { slotBytes } from '../../../compaction/kernel.ts';
import type { CompactionReceipt } from '../../../compaction/receipt.ts';
import { type CleaningWorld, contentOf, openCleaningWorld, write } from './cleaning-world.ts';

const dayMs = 86_400_000;
const compacted = { 'cleanup.policy': 'compact' };
let opened: CleaningWorld;

beforeEach(async () => {
  opened = await openCleaningWorld({ settings: { 'log.cleaner.enable': false } });
});

afterEach(() => opened.stop());

/** Compacts the only partition, the virtual clock moving as far as that needs. */
async function compact(
  options: Parameters<CleaningWorld['compactions']['compact']>[1] = { includeActive: true },
): Promise<CompactionReceipt> {
  const receipts = await opened.world.clock.until(opened.compactions.compact('articles', options));
  expect(receipts).toHaveLength(1);
  return receipts[0]!;
}

describe('a receipt', () => {
  test('tells what went, what stayed and why; nothing is due, log.cleaner.enable is false, it is done all the same', async () => {
    const partition = await opened.world.topic('articles', 1, compacted);
    write(opened.world, partition, 'a=1', 'b=1', 'a=2', 'b!', 'c=1');
    const receipt = await compact();
    expect(contentOf(opened.world, partition)).toEqual(['2 a=2', '3 b!', '4 c=1']);
    expect(receipt).toMatchObject({
      topic: 'articles',
      partition: 0,
      outcome: 'compacted',
      why: null,
      range: { logStart: 0, firstDirty: 0, end: 5, firstUncleanable: 5, logEnd: 5 },
      records: {
        before: 5,
        after: 3,
        kept: { newest: 2, tombstones: 1, markers: 0, beyondMap: 0 },
        removed: { superseded: 2, tombstonesExpired: 0, aborted: 0, markersExpired: 0, nullKeys: 0 },
        notCleanable: { lag: 0, 'open-transaction': 0, active: 0 },
      },
      nextHorizonMs: opened.world.clock.nowMs() + dayMs,
      passes: 1,
      map: { keys: 3 },
    });
    expect(receipt.bytes.after).toBeLessThan(receipt.bytes.before);
    expect(opened.offsets.get('articles', 0)).toBe(5);
  });

  test('counts what is in the active segment, which stays as it is unless it is asked for', async () => {
    const partition = await opened.world.topic('articles', 1, compacted);
    write(opened.world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    write(opened.world, partition, 'a=3', 'a=4');
    const receipt = await compact({});
    expect(contentOf(opened.world, partition)).toEqual(['1 a=2', '2 a=3', '3 a=4']);
    expect(receipt.records).toMatchObject({ before: 2, after: 1, notCleanable: { active: 2 } });
  });

  test('counts what min.compaction.lag.ms holds back', async () => {
    const { world } = opened;
    const partition = await world.topic('articles', 1, { ...compacted, 'min.compaction.lag.ms': '60000' });
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    await world.clock.advance(60_000);
    write(world, partition, 'a=3', 'a=4');
    const receipt = await compact();
    expect(receipt.range).toMatchObject({ end: 2, firstUncleanable: 2, logEnd: 4 });
    expect(receipt.records.notCleanable).toMatchObject({ lag: 2 });
    await world.clock.advance(60_000);
    await compact();
    expect(contentOf(world, partition)).toEqual(['3 a=4']);
  });

  test('of several passes, where the map does not hold all keys, is one', async () => {
    const { world } = opened;
    world.settings['log.cleaner.dedupe.buffer.size'] = 64 * slotBytes;
    const partition = await world.topic('articles', 1, compacted);
    const keys = Array.from({ length: 150 }, (_, n) => `k${n}`);
    for (const round of [1, 2]) write(world, partition, ...keys.map((key) => `${key}=${round}`));
    const receipt = await compact();
    expect(receipt.passes).toBeGreaterThan(2);
    expect(receipt.records).toMatchObject({ before: 300, after: 150, removed: { superseded: 150 } });
    expect(contentOf(world, partition)).toEqual(keys.map((key, n) => `${150 + n} ${key}=2`));
  });

  test('of a log without anything in it says so', async () => {
    await opened.world.topic('articles', 1, compacted);
    const receipt = await compact();
    expect(receipt).toMatchObject({ outcome: 'compacted', records: { before: 0, after: 0 } });
  });

  test('of damaged bytes says where, and the log is left alone for a while', async () => {
    const { world } = opened;
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    const file = world.files.openSync('/data/articles-0/00000000000000000000.log', 'update');
    file.writeSync([Buffer.from([0xff])], 68);
    file.close();
    const receipt = await compact();
    expect(receipt).toMatchObject({ outcome: 'failed' });
    expect(receipt.why).toContain('/data/articles-0/00000000000000000000.log at 0');
    expect(opened.cleaner.status.troubles).toHaveLength(1);
  });
});

describe('tombstones', () => {
  test('go when the virtual clock has passed their horizon', async () => {
    const { world } = opened;
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a!');
    await compact();
    await world.clock.advance(dayMs - 1);
    expect((await compact()).records).toMatchObject({ kept: { tombstones: 1 } });
    await world.clock.advance(1);
    expect((await compact()).records).toMatchObject({ removed: { tombstonesExpired: 1 }, after: 0 });
    expect(contentOf(world, partition)).toEqual([]);
    expect(partition.logStartOffset).toBe(0);
  });

  test('older than the caller says go at once, younger ones do not', async () => {
    const { world } = opened;
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a!');
    await world.clock.advance(5_000);
    write(world, partition, 'b!');
    const receipt = await compact({ includeActive: true, dropTombstonesOlderThanMs: 5_000 });
    expect(receipt.records).toMatchObject({ removed: { superseded: 1, tombstonesExpired: 1 } });
    expect(contentOf(world, partition)).toEqual(['2 b!']);
  });
});

describe('a dry run', () => {
  test.each([true, false])(
    'tells the same and changes nothing (includeActive: %s)',
    async (includeActive) => {
      const { world } = opened;
      const partition = await world.topic('articles', 1, compacted);
      write(world, partition, 'a=1', 'b=1', 'a=2', 'b!');
      await partition.log.roll();
      write(world, partition, 'a=3');
      const before = filesOf(partition);
      const foretold = await compact({ includeActive, dryRun: true });
      expect(filesOf(partition)).toEqual(before);
      expect(opened.offsets.get('articles', 0)).toBeNull();
      const done = await compact({ includeActive });
      expect(foretold.outcome).toBe('dry-run');
      expect(foretold.records).toEqual(done.records);
      expect(foretold.bytes).toEqual(done.bytes);
      expect(foretold.range).toEqual(done.range);
    },
  );

  function filesOf(partition: Partition): Record<string, string> {
    const { files } = opened.world;
    const { directory } = partition.log;
    return Object.fromEntries(
      files
        .listSync(directory)
        .map((name) => [name, files.readFileSync(files.join(directory, name)).toString('hex')]),
    );
  }
});

describe('refused in one sentence', () => {
  test.each([
    ['nothing', {}, 'there is no topic nothing'],
    ['plain', {}, 'plain is not compacted: its cleanup.policy is delete'],
    ['articles', { partition: 7 }, 'articles has no partition 7, it has 1'],
  ])('%s %j', async (topic, options, message) => {
    await opened.world.topic('plain');
    await opened.world.topic('articles', 1, compacted);
    const refused = await opened.compactions.compact(topic, options).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CompactionRefused);
    expect(String(refused)).toContain(message);
  });
});

describe('a log that changes under the pass', () => {
  test('is compacted anew', async () => {
    const { world } = opened;
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'b=1', 'a=2', 'b=2', 'a=3');
    let isFirst = true;
    const receipt = await compact({
      includeActive: true,
      onProgress: ({ phase }) => {
        if (phase !== 'rewrite' || !isFirst) return;
        isFirst = false;
        void partition.log.deleteRecordsBefore(3);
      },
    });
    expect(receipt.outcome).toBe('compacted');
    expect(opened.cleaner.status.counts.discarded).toBe(1);
    expect(partition.logStartOffset).toBe(3);
    expect(contentOf(world, partition)).toEqual(['3 b=2', '4 a=3']);
  });

  test('every time is given up after three attempts', async () => {
    const { world } = opened;
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2', 'a=3', 'a=4', 'a=5', 'a=6');
    let next = 1;
    const receipt = await compact({
      includeActive: true,
      onProgress: ({ phase }) => {
        if (phase === 'rewrite') void partition.log.deleteRecordsBefore(next++);
      },
    });
    expect(receipt).toMatchObject({ outcome: 'stale', why: 'the log changed while it was compacted' });
  });
});

test('what an earlier pass could not remove goes before segments are replaced: a start would take them for unfinished', async () => {
  const { world } = opened;
  const partition = await world.topic('articles', 1, compacted);
  write(world, partition, 'a=1', 'a=2');
  for (const name of ['00000000000000000007.log.cleaned', '00000000000000000000.sources.cleaned'])
    world.files.openSync(world.files.join(partition.log.directory, name), 'create').close();
  expect((await compact()).outcome).toBe('compacted');
  expect(world.files.listSync(partition.log.directory).filter((name) => name.includes('cleaned'))).toEqual(
    [],
  );
  expect(contentOf(world, partition)).toEqual(['1 a=2']);
});

describe('explain', () => {
  async function explain(key: string) {
    const explained = opened.compactions.explain('articles', Buffer.from(key));
    return (await opened.world.clock.until(explained))[0]!;
  }

  test('says of each record of a key why it is there and until when, and of the partition what it waits for', async () => {
    const { world } = opened;
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'b=1');
    await partition.log.roll();
    write(world, partition, 'a!');
    const before = await explain('a');
    expect(before.why).toBe('not cleaned: log.cleaner.enable is false');
    expect(before.records).toMatchObject([
      { offset: 0, segmentBaseOffset: 0, state: 'superseded', supersededBy: 2, valueBytes: 1 },
      { offset: 2, segmentBaseOffset: 2, state: 'tombstone', valueBytes: null, staysUntilMs: -1 },
    ]);
    world.settings['log.cleaner.enable'] = true;
    expect((await explain('a')).why).toContain('due: 1.000 of the log is dirty');
    await compact();
    const after = await explain('a');
    const horizonMs = world.clock.nowMs() + dayMs;
    expect(after.records).toMatchObject([{ offset: 2, state: 'tombstone', staysUntilMs: horizonMs }]);
    expect(after.why).toContain('nothing to clean: all below offset 3 is clean');
    expect((await explain('nothing')).records).toEqual([]);
  });
});
