import { afterEach, describe, expect, test } from 'vitest';
import { firstRetryMs } from '../../../broker/cleaning/troubled-logs.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { CleanAborted, type CleanJob, type CleanResult } from '../../../compaction/clean-job.ts';
import { CleanerLost, type CleanerThread } from '../../../compaction/cleaner-thread.ts';
import { type CleaningWorld, contentOf, openCleaningWorld, write } from './cleaning-world.ts';

const backoffMs = 15_000;
/** In a segment: of the first record's value. */
const valueAt = 68;
let open: CleaningWorld[] = [];

async function start(options: Parameters<typeof openCleaningWorld>[0] = {}): Promise<CleaningWorld> {
  const opened = await openCleaningWorld(options);
  open.push(opened);
  return opened;
}

afterEach(async () => {
  for (const each of open) await each.stop();
  open = [];
});

const compacted = { 'cleanup.policy': 'compact' };

test('a thread that cannot use its share of the dedupe buffer says so', async () => {
  const said: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => said.push(message) };
  const settings = { 'log.cleaner.dedupe.buffer.size': 2 ** 32, 'log.cleaner.threads': 1 };
  const { world, cleaner } = await start({ settings, logger });
  expect(said).toEqual(['a cleaner thread uses at most 2 GiB of log.cleaner.dedupe.buffer.size']);
  world.settings['log.cleaner.threads'] = 3;
  cleaner.restart();
  expect(said).toHaveLength(1);
});

describe('the loop', () => {
  test('cleans a log that is dirty enough after the back-off, and remembers how far', async () => {
    const { world, offsets } = await start();
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'b=1', 'a=2', 'a=3');
    await partition.log.roll();
    write(world, partition, 'b=2');
    await world.clock.advance(backoffMs - 1);
    expect(contentOf(world, partition)).toHaveLength(5);
    await world.clock.advance(1);
    expect(contentOf(world, partition)).toEqual(['1 b=1', '3 a=3', '4 b=2']);
    expect(offsets.get('articles', 0)).toBe(4);
    expect(world.files.readFileSync('/data/cleaner-offset-checkpoint').toString()).toBe(
      '0\n1\narticles 0 4\n',
    );
  });

  test('leaves a log alone that is not dirty enough, or has only an active segment, or is not compacted', async () => {
    const { world, offsets } = await start();
    const lazy = await world.topic('lazy', 1, { ...compacted, 'min.cleanable.dirty.ratio': '1' });
    const single = await world.topic('single', 1, compacted);
    const plain = await world.topic('plain');
    for (const partition of [lazy, single, plain]) write(world, partition, 'a=1', 'a=2');
    await lazy.log.roll();
    await plain.log.roll();
    await world.clock.advance(backoffMs);
    for (const partition of [lazy, single, plain]) expect(contentOf(world, partition)).toHaveLength(2);
    expect(offsets.get('lazy', 0)).toBeNull();
  });

  test('takes the dirtiest first, one after the other in one round', async () => {
    const seen: string[] = [];
    const { world, cleaner } = await start({ createThread: () => recording(seen) });
    for (const [name, dirty] of [
      ['half', 3],
      ['all', 5],
    ] as const) {
      const partition = await world.topic(name, 1, { ...compacted, 'min.cleanable.dirty.ratio': '0.1' });
      write(world, partition, 'a=1', 'a=2', 'a=3');
      await partition.log.roll();
      if (name === 'half') await cleaner.offsets.set(name, 0, 3);
      for (let n = 0; n < dirty; n++) write(world, partition, `b=${n}`);
      await partition.log.roll();
    }
    await world.clock.advance(backoffMs);
    expect(seen.slice(0, 2)).toEqual(['all-0', 'half-0']);
  });

  test('a log that max.compaction.lag.ms demands is cleaned however clean it is', async () => {
    const { world } = await start();
    const lagMs = 60_000;
    const partition = await world.topic('articles', 1, {
      ...compacted,
      'min.cleanable.dirty.ratio': '1',
      'max.compaction.lag.ms': String(lagMs),
    });
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    await world.clock.advance(lagMs);
    expect(contentOf(world, partition)).toHaveLength(2);
    await world.clock.advance(backoffMs);
    expect(contentOf(world, partition)).toEqual(['1 a=2']);
  });

  test('log.cleaner.enable=false: nothing is cleaned by itself', async () => {
    const { world } = await start({ settings: { 'log.cleaner.enable': false } });
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    await world.clock.advance(backoffMs);
    expect(contentOf(world, partition)).toHaveLength(2);
  });

  test('log.cleaner.threads may change: two logs at the same time, then none', async () => {
    const running: string[] = [];
    const { world, cleaner } = await start({ createThread: () => hanging(running) });
    for (const name of ['a', 'b', 'c']) {
      const partition = await world.topic(name, 1, compacted);
      write(world, partition, 'k=1', 'k=2');
      await partition.log.roll();
    }
    await world.clock.advance(backoffMs);
    expect(running).toHaveLength(1);
    world.settings['log.cleaner.threads'] = 2;
    cleaner.restart();
    await world.clock.advance(backoffMs);
    expect(running).toHaveLength(2);
    expect(cleaner.status.running.map(({ topic }) => topic)).toHaveLength(2);
    world.settings['log.cleaner.threads'] = 0;
    cleaner.restart();
    await world.clock.settle();
    expect(running).toEqual([]);
    expect(cleaner.status.running).toEqual([]);
  });

  test('a changed back-off counts at once, and a pass that runs begins anew with what its settings are now', async () => {
    const jobs: CleanJob[] = [];
    const running: string[] = [];
    const { world, cleaner } = await start({ createThread: () => hanging(running, jobs) });
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    world.settings['log.cleaner.backoff.ms'] = 100;
    cleaner.restart();
    await world.clock.advance(100);
    expect(running).toEqual(['articles-0']);
    world.settings['log.cleaner.io.max.bytes.per.second'] = 1_000_000;
    cleaner.restart();
    await world.clock.advance(100);
    expect(running).toEqual(['articles-0']);
    expect(jobs.map(({ limits }) => limits.ioBytesPerSecond)).toEqual([Number.MAX_VALUE, 1_000_000]);
  });

  test('compact,delete: old segments go on the rounds of the cleaner', async () => {
    const { world } = await start();
    const partition = await world.topic('events', 1, {
      'cleanup.policy': 'compact,delete',
      'retention.ms': '10000',
    });
    write(world, partition, 'a=1', 'b=1');
    await partition.log.roll();
    write(world, partition, 'c=1');
    await world.clock.advance(backoffMs);
    expect(partition.logStartOffset).toBe(3);
  });

  test('a checkpoint outside of the log is put right', async () => {
    const { world, offsets } = await start();
    const partition = await world.topic('articles', 1, { ...compacted, 'min.cleanable.dirty.ratio': '1' });
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    await offsets.set('articles', 0, 99);
    await world.clock.advance(backoffMs);
    expect(offsets.get('articles', 0)).toBe(0);
  });
});

describe('a log that cannot be cleaned', () => {
  test('is left alone with the reason, while others are cleaned; is tried again later and later; and recovers', async () => {
    const { world, cleaner } = await start();
    const bad = await world.topic('bad', 1, compacted);
    const good = await world.topic('good', 1, compacted);
    for (const partition of [bad, good]) {
      write(world, partition, 'a=1', 'a=2', 'a=3');
      await partition.log.roll();
    }
    const flip = (): void => {
      const file = world.files.openSync('/data/bad-0/00000000000000000000.log', 'update');
      const byte = Buffer.alloc(1);
      file.readSync(byte, 0, 1, valueAt);
      byte[0]! ^= 0xff;
      file.writeSync([byte], valueAt);
      file.close();
    };
    flip();
    await world.clock.advance(2 * backoffMs);
    expect(contentOf(world, good)).toEqual(['2 a=3']);
    const [first] = cleaner.status.troubles;
    expect(first).toMatchObject({ topic: 'bad', partition: 0, failures: 1 });
    expect(first!.why).toContain('checksum');
    expect(world.files.listSync('/data/bad-0').filter((name) => /cleaned|swap/.test(name))).toEqual([]);
    await world.clock.advance(firstRetryMs + backoffMs);
    expect(cleaner.status.troubles[0]).toMatchObject({ failures: 2, sinceMs: first!.sinceMs });
    expect(cleaner.status.troubles[0]!.retryMs - world.clock.nowMs()).toBeGreaterThan(firstRetryMs);
    flip();
    await world.clock.advance(2 * firstRetryMs + backoffMs);
    expect(cleaner.status.troubles).toEqual([]);
    expect(contentOf(world, bad)).toEqual(['2 a=3']);
  });

  test('a missing file of its makes it one too', async () => {
    const { world, cleaner } = await start();
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    world.files.removeFileSync('/data/articles-0/00000000000000000000.log');
    await world.clock.advance(backoffMs);
    expect(cleaner.status.troubles).toMatchObject([{ topic: 'articles', failures: 1 }]);
  });

  test('a thread that dies costs a retry', async () => {
    let calls = 0;
    const { world, cleaner } = await start({
      createThread: () => ({
        runsIn: 'thread',
        clean: async () => {
          calls++;
          throw new CleanerLost('the thread of the cleaner ended with code 1');
        },
        close: async () => {},
      }),
    });
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    await world.clock.advance(backoffMs);
    expect(cleaner.status.troubles).toMatchObject([{ why: 'the thread of the cleaner ended with code 1' }]);
    await world.clock.advance(firstRetryMs + backoffMs);
    expect(calls).toBe(2);
  });

  test('one that is deleted is forgotten', async () => {
    const { world, cleaner } = await start();
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    world.files.removeFileSync('/data/articles-0/00000000000000000000.log');
    await world.clock.advance(backoffMs);
    await world.clock.until(world.deleteTopic('articles'));
    cleaner.review();
    expect(cleaner.status.troubles).toEqual([]);
  });
});

describe('a pass is told to stop', () => {
  test.each([
    ['when its topic is deleted', (world: CleaningWorld['world']) => world.deleteTopic('articles')],
    [
      'when its topic is not compacted any more',
      async (world: CleaningWorld['world']) => {
        const { log } = world.partitions.get('articles', 0)!;
        log.updateSettings({ ...log.settings, 'cleanup.policy': ['delete'] });
      },
    ],
  ])('%s', async (_, change) => {
    const running: string[] = [];
    const { world, cleaner } = await start({ createThread: () => hanging(running) });
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    await world.clock.advance(backoffMs);
    expect(running).toEqual(['articles-0']);
    await world.clock.until(change(world));
    cleaner.review();
    await world.clock.settle();
    expect(running).toEqual([]);
    expect(cleaner.status.troubles).toEqual([]);
  });

  test('when the broker stops', async () => {
    const running: string[] = [];
    const { world, cleaner } = await start({ createThread: () => hanging(running) });
    const partition = await world.topic('articles', 1, compacted);
    write(world, partition, 'a=1', 'a=2');
    await partition.log.roll();
    await world.clock.advance(backoffMs);
    await world.clock.until(cleaner.stop());
    expect(running).toEqual([]);
    expect(world.clock.pendingTimers).toBeGreaterThanOrEqual(0);
  });
});

/** Notes the logs, does nothing with them. */
function recording(seen: string[]): CleanerThread {
  return {
    runsIn: 'process',
    clean: async (job) => {
      seen.push(nameOf(job));
      return { ...nothingDone, endOffset: job.firstUncleanableOffset };
    },
    close: async () => {},
  };
}

/** A pass that ends only when it is told to. */
function hanging(running: string[], jobs: CleanJob[] = []): CleanerThread {
  const ends = new Set<() => void>();
  return {
    runsIn: 'process',
    clean: (job, { signal } = {}) =>
      new Promise<CleanResult>((_, reject) => {
        running.push(nameOf(job));
        jobs.push(job);
        const end = (): void => {
          running.splice(running.indexOf(nameOf(job)), 1);
          ends.delete(end);
          reject(new CleanAborted());
        };
        ends.add(end);
        signal?.addEventListener('abort', end);
      }),
    close: async () => {
      for (const end of ends) end();
    },
  };
}

function nameOf(job: CleanJob): string {
  return job.directory.split('/').at(-1)!;
}

const nothingDone: CleanResult = {
  endOffset: 0,
  groups: [],
  records: {
    newest: 0,
    tombstones: 0,
    markers: 0,
    beyondMap: 0,
    superseded: 0,
    tombstonesExpired: 0,
    aborted: 0,
    markersExpired: 0,
    nullKeys: 0,
  },
  emptyBatches: 0,
  bytesBefore: 0,
  bytesAfter: 0,
  nextHorizonMs: -1,
  uncleanable: { lag: 0, 'open-transaction': 0, active: 0 },
  mapEntries: 0,
  mapCapacity: 0,
  memoryBytes: 0,
  bytesRead: 0,
  durationMs: 0,
  times: null,
};
