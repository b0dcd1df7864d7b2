import { describe, expect, it } from 'vitest';
import { defaultTopicSettings } from '../../../storage/config/topic-settings.ts';
import { LogDirectory, type LogDirectoryOptions } from '../../../storage/directory/log-directory.ts';
import type { Log } from '../../../storage/log/log.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { appendNow, asClient, batchOf, RecordedLogger, readAll } from '../log/log-fixture.ts';

const topicId = 'sf0KkVQDRf6C6V3cBWHl0A';
const otherId = '9gkKkVQDRf6C6V3cBWHl0A';
const settings = { ...defaultTopicSettings, 'internal.segment.bytes': 200, 'retention.ms': -1 };

class World {
  readonly clock: VirtualClock;
  readonly random = new SeededRandom(1);
  readonly logger = new RecordedLogger();
  files: FaultyFileSystem;

  constructor(clock = new VirtualClock()) {
    this.clock = clock;
    this.files = new FaultyFileSystem({ clock });
    this.files.makeDirectorySync('/data');
    this.files.syncDirectorySync('/');
  }

  open(options: Partial<LogDirectoryOptions> = {}): LogDirectory {
    return LogDirectory.open({
      environment: { clock: this.clock, random: this.random, files: this.files },
      path: '/data',
      logger: this.logger,
      durability: { kind: 'page-cache' },
      producerIdExpirationMs: () => Number.MAX_SAFE_INTEGER,
      deleteDelayMs: 60_000,
      reserved: ['__cluster_metadata-0'],
      ...options,
    });
  }

  names(): string[] {
    return this.files.listSync('/data');
  }

  text(name: string): string {
    return this.files.readFileSync(`/data/${name}`).toString();
  }
}

function fill(log: Log, count = 5): void {
  for (let n = 0; n < count; n++) appendNow(log, batchOf([`${log.name} ${n}`]));
}

describe('a log directory', () => {
  it('finds what is in it and opens it where it stopped', async () => {
    const world = new World();
    const first = world.open();
    fill(first.openLog('orders', 0, topicId, settings));
    fill(first.openLog('orders-dead-letter', 12, otherId, settings), 3);
    expect(await world.clock.until(first.close(41))).toBe(true);
    expect(world.names()).toEqual([
      '.kafka_cleanshutdown',
      'log-start-offset-checkpoint',
      'orders-0',
      'orders-dead-letter-12',
      'recovery-point-offset-checkpoint',
      'replication-offset-checkpoint',
    ]);
    expect(world.text('recovery-point-offset-checkpoint')).toBe(
      '0\n2\norders 0 5\norders-dead-letter 12 3\n',
    );
    expect(world.text('replication-offset-checkpoint')).toBe('0\n2\norders 0 5\norders-dead-letter 12 3\n');
    expect(world.text('log-start-offset-checkpoint')).toBe('0\n0\n');
    world.files = world.files.afterCrash(new SeededRandom(5));
    const second = world.open();
    expect(second.cleanShutdown).toEqual({ brokerEpoch: 41 });
    expect(world.names()).not.toContain('.kafka_cleanshutdown');
    expect(second.unopened).toEqual([
      { topic: 'orders', partition: 0, topicId },
      { topic: 'orders-dead-letter', partition: 12, topicId: otherId },
    ]);
    expect(readAll(second.openLog('orders', 0, topicId, settings))).toHaveLength(5);
    expect(second.log('orders', 0)?.name).toBe('orders-0');
    expect(second.unopened).toHaveLength(1);
  });

  it('starts as after a crash where it was not closed', () => {
    const world = new World();
    fill(world.open().openLog('orders', 0, topicId, settings));
    world.files = world.files.afterKill();
    const again = world.open();
    expect(again.cleanShutdown).toBeNull();
    expect(readAll(again.openLog('orders', 0, topicId, settings))).toHaveLength(5);
  });

  it('writes its checkpoints after 30 s, then every minute, if they have changed', async () => {
    const world = new World();
    const log = world.open().openLog('orders', 0, topicId, settings);
    fill(log);
    await world.clock.advance(29_999);
    expect(world.names()).toEqual(['orders-0']);
    await world.clock.advance(1);
    expect(world.text('recovery-point-offset-checkpoint')).toBe(`0\n1\norders 0 ${log.recoveryPoint}\n`);
    expect(log.recoveryPoint).toBe(4);
    await log.flush();
    await world.clock.advance(59_999);
    expect(world.text('recovery-point-offset-checkpoint')).toBe('0\n1\norders 0 4\n');
    await world.clock.advance(1);
    expect(world.text('recovery-point-offset-checkpoint')).toBe('0\n1\norders 0 5\n');
    const writes = () => world.files.operations.filter(({ path }) => path.includes('checkpoint')).length;
    const before = writes();
    await world.clock.advance(600_000);
    expect(writes()).toBe(before);
  });

  it('keeps deleted records deleted once that was answered', async () => {
    const world = new World();
    const log = world.open().openLog('orders', 0, topicId, settings);
    fill(log);
    expect(await world.clock.until(log.deleteRecordsBefore(2))).toEqual({ ok: true, logStartOffset: 2 });
    await world.clock.until(log.flush());
    world.files = world.files.afterCrash(new SeededRandom(3));
    const again = world.open().openLog('orders', 0, topicId, settings);
    expect(again.logStartOffset).toBe(2);
  });

  it('takes a damaged checkpoint for an empty one', () => {
    const world = new World();
    fill(world.open().openLog('orders', 0, topicId, settings));
    world.files = world.files.afterKill();
    const file = world.files.openSync('/data/recovery-point-offset-checkpoint', 'create');
    file.writeSync([Buffer.from('0\n1\norders zero 4\n')], 0);
    expect(readAll(world.open().openLog('orders', 0, topicId, settings))).toHaveLength(5);
    expect(world.logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('takes a deleted partition away at once and removes it later', async () => {
    const world = new World();
    const directory = world.open();
    const log = directory.openLog('orders', 0, topicId, settings);
    fill(log);
    directory.deleteLog(log);
    expect(log.append(batchOf(['x']), asClient)).toMatchObject({ ok: false, errorCode: 3 });
    expect(world.names()).toEqual([expect.stringMatching(/^orders-0\.[0-9a-f]{32}-delete$/)]);
    const next = directory.openLog('orders', 0, otherId, settings);
    fill(next, 2);
    expect(readAll(next)).toHaveLength(2);
    await world.clock.advance(60_000);
    expect(world.names().filter((name) => name.endsWith('-delete'))).toEqual([]);
    expect(await world.clock.until(directory.close(1))).toBe(true);
    expect(world.text('recovery-point-offset-checkpoint')).toBe('0\n1\norders 0 2\n');
  });

  describe('of which many partitions are deleted at once', () => {
    /** A look at the time takes 1 ms. */
    class SlowClock extends VirtualClock {
      #looks = 0;

      override monotonicMs(): number {
        return super.monotonicMs() + this.#looks++;
      }
    }

    function deleteMany() {
      const world = new World(new SlowClock());
      const directory = world.open();
      const logs = Array.from({ length: 20 }, (_, n) => directory.openLog('orders', n, topicId, settings));
      for (const log of logs) fill(log, 1);
      for (const log of logs) directory.deleteLog(log);
      const left = (): number => world.names().filter((name) => /^orders-\d+$/.test(name)).length;
      return { world, directory, logs, left };
    }

    it('takes a few away in each turn of the event loop, and none is there any more for anybody', async () => {
      const { world, directory, logs, left } = deleteMany();
      expect(left()).toBe(15);
      expect([...directory.logs]).toEqual([]);
      for (const log of logs) {
        expect(log.append(batchOf(['x']), asClient)).toMatchObject({ ok: false, errorCode: 3 });
        const read = log.read(0, { maxBytes: 1000, minOneBatch: true, upTo: 'high-watermark' });
        expect(read).toMatchObject({ ok: false, errorCode: 3 });
      }
      await world.clock.settle();
      expect(left()).toBe(0);
      await world.clock.advance(60_000);
      expect(world.names().filter((name) => name.startsWith('orders'))).toEqual([]);
    });

    it('gives a name that is wanted again at once', async () => {
      const { world, directory, left } = deleteMany();
      const log = directory.openLog('orders', 19, otherId, settings);
      fill(log, 2);
      expect(left()).toBe(15);
      await world.clock.settle();
      expect(left()).toBe(1);
      expect(readAll(log)).toEqual([
        [0, 'orders-19 0'],
        [1, 'orders-19 1'],
      ]);
    });

    it('waits for them before it closes', async () => {
      const { world, directory, left } = deleteMany();
      expect(await world.clock.until(directory.close(1))).toBe(true);
      expect(left()).toBe(0);
    });

    it('takes away after a crash what the metadata knows as deleted, and keeps what it does not know', async () => {
      const { world, directory, left } = deleteMany();
      fill(directory.openLog('unknown', 0, otherId, settings), 1);
      world.files = world.files.afterKill();
      const second = world.open({ wasDeleted: (id) => id === topicId });
      expect(readAll(second.openLog('orders', 7, otherId, settings))).toEqual([]);
      expect(second.setStraysAside()).toContain('unknown-0');
      expect(left()).toBe(0);
      await world.clock.advance(60_000);
      const kept = world.names().filter((name) => !name.endsWith('checkpoint'));
      expect(kept).toEqual([expect.stringMatching(/^unknown-0\.[0-9a-f]{32}-stray$/)]);
    });
  });

  it('goes on with removing what an earlier process had deleted', async () => {
    const world = new World();
    const directory = world.open();
    const log = directory.openLog('orders', 0, topicId, settings);
    fill(log);
    directory.deleteLog(log);
    world.files = world.files.afterKill();
    world.open();
    await world.clock.advance(59_999);
    expect(world.names().filter((name) => name.endsWith('-delete'))).toHaveLength(1);
    await world.clock.advance(1);
    expect(world.names().filter((name) => name.endsWith('-delete'))).toHaveLength(0);
  });

  it('tries again where a file that is being sent holds up the renaming (Windows)', async () => {
    const world = new World();
    world.files = new FaultyFileSystem({ clock: world.clock, windowsRules: true });
    world.files.makeDirectorySync('/data');
    const directory = world.open();
    const log = directory.openLog('orders', 0, topicId, settings);
    fill(log, 1);
    const read = log.read(0, { maxBytes: 1000, minOneBatch: true, upTo: 'high-watermark' });
    directory.deleteLog(log);
    expect(world.names()).toEqual(['orders-0']);
    if (read.ok) for (const region of read.regions) region.release();
    await world.clock.advance(1000);
    expect(world.names()).toEqual([expect.stringMatching(/-delete$/)]);
  });

  it('sets aside what the metadata does not know, and what belongs to another topic of the same name', () => {
    const world = new World();
    const first = world.open();
    fill(first.openLog('orders', 0, topicId, settings));
    fill(first.openLog('unknown', 0, topicId, settings));
    world.files = world.files.afterKill();
    const second = world.open();
    expect(readAll(second.openLog('orders', 0, otherId, settings))).toEqual([]);
    expect(second.setStraysAside()).toEqual(['unknown-0']);
    expect(world.names()).toEqual([
      expect.stringMatching(/^orders-0\.[0-9a-f]{32}-stray$/),
      expect.stringMatching(/^unknown-0\.[0-9a-f]{32}-stray$/),
    ]);
    expect(world.open().unopened).toEqual([]);
  });

  it('begins a new topic at 0, whatever the checkpoints say of an old one of its name', async () => {
    const world = new World();
    const first = world.open();
    for (const partition of [0, 1]) {
      const log = first.openLog('orders', partition, topicId, settings);
      fill(log);
      expect(await world.clock.until(log.deleteRecordsBefore(3))).toMatchObject({ ok: true });
    }
    world.files = world.files.afterKill();
    const second = world.open();
    const old = second.openLog('orders', 0, topicId, settings);
    expect(old.logStartOffset).toBe(3);
    second.deleteLog(old);
    expect(second.openLog('orders', 0, otherId, settings).endOffset).toBe(0);
    // One that was set aside, and one of which nothing is left.
    expect(second.openLog('orders', 1, otherId, settings).endOffset).toBe(0);
    expect(second.openLog('orders', 2, otherId, settings).endOffset).toBe(0);
  });

  it('acknowledges a deletion only when its checkpoint is written, to whoever asks for it', async () => {
    const world = new World();
    const log = world.open().openLog('orders', 0, topicId, settings);
    fill(log);
    world.files.delay('sync', 100).on('log-start*');
    const answers: string[] = [];
    for (const offset of [3, 3, 2])
      void log
        .deleteRecordsBefore(offset)
        .then(() => void answers.push(`${offset} at ${world.clock.monotonicMs()}`));
    await world.clock.advance(99);
    expect(answers).toEqual([]);
    await world.clock.advance(1);
    expect(answers).toEqual(['3 at 100', '3 at 100', '2 at 100']);
    world.files = world.files.afterCrash(new SeededRandom(1));
    expect(world.text('log-start-offset-checkpoint')).toContain('orders 0 3');
  });

  it('refuses a deletion that it cannot write down, and gives room back all the same', async () => {
    const world = new World();
    const directory = world.open();
    const log = directory.openLog('orders', 0, topicId, { ...settings, 'file.delete.delay.ms': 0 });
    fill(log);
    const [first, second] = log.segments().map(({ baseOffset }) => baseOffset);
    world.files.limitSpace(0);
    expect(await world.clock.until(log.deleteRecordsBefore(-1))).toMatchObject({ ok: false, errorCode: 56 });
    // One segment at a time: a crash must not leave a hole between those that it brings back.
    const before = log.segmentCount;
    expect(await world.clock.until(directory.applyRetention(world.clock.nowMs()))).toBe(1);
    expect([first, log.segments()[0]!.baseOffset]).toEqual([0, second]);
    await world.clock.settle();
    expect(await world.clock.until(directory.applyRetention(world.clock.nowMs()))).toBe(before - 2);
    expect(await world.clock.until(log.deleteRecordsBefore(-1))).toMatchObject({
      ok: true,
      logStartOffset: 5,
    });
  });

  it('gives a partition its topic id again where the file is lost', () => {
    const world = new World();
    fill(world.open().openLog('orders', 0, topicId, settings));
    world.files = world.files.afterKill();
    world.files.openSync('/data/orders-0/partition.metadata', 'update').truncateSync(0);
    const log = world.open().openLog('orders', 0, topicId, settings);
    expect(readAll(log)).toHaveLength(5);
    expect(world.text('orders-0/partition.metadata')).toBe(`version: 0\ntopic_id: ${topicId}`);
  });

  it('leaves alone what is not its own', () => {
    const world = new World();
    for (const name of ['__cluster_metadata-0', 'orders-0.0123456789abcdef0123456789abcdef-future', 'photos'])
      world.files.makeDirectorySync(`/data/${name}`);
    world.files.openSync('/data/notes.txt', 'create').close();
    expect(world.open().unopened).toEqual([]);
    expect(world.names()).toHaveLength(4);
    expect(world.logger.lines.map(({ fields }) => fields)).toEqual([{ path: '/data/photos' }]);
  });

  it('does not call a stop clean in which a log failed', async () => {
    const world = new World();
    const directory = world.open();
    fill(directory.openLog('orders', 0, topicId, settings));
    fill(directory.openLog('orders', 1, topicId, settings));
    world.files.fail('sync').on('/data/orders-1/*.log');
    expect(await world.clock.until(directory.close(1))).toBe(false);
    expect(world.names()).not.toContain('.kafka_cleanshutdown');
    expect(directory.isOffline).toBe(true);
    world.files = world.files.afterKill();
    expect(readAll(world.open().openLog('orders', 0, topicId, settings))).toHaveLength(5);
  });

  it('goes on with the others when one log cannot be opened, and keeps its checkpoint', async () => {
    const world = new World();
    const first = world.open();
    for (const partition of [0, 1]) fill(first.openLog('orders', partition, topicId, settings));
    await world.clock.until(first.checkpoint());
    await world.clock.settle();
    await world.clock.until(first.checkpoint());
    world.files = world.files.afterKill();
    const second = world.open();
    world.files.fail('read').on('/data/orders-1/*.log').times(1);
    expect(() => second.openLog('orders', 1, topicId, settings)).toThrow('EIO');
    const log = second.openLog('orders', 0, topicId, settings);
    fill(log, 2);
    expect(await world.clock.until(second.close(1))).toBe(false);
    expect(world.text('recovery-point-offset-checkpoint')).toBe('0\n2\norders 0 7\norders 1 4\n');
  });

  it('applies retention to all its logs', async () => {
    const world = new World();
    const directory = world.open();
    const bounded = { ...settings, 'retention.bytes': 100 };
    const logs = [0, 1, 2].map((partition) => directory.openLog('orders', partition, topicId, bounded));
    for (const log of logs) fill(log);
    expect(await world.clock.until(directory.applyRetention(world.clock.nowMs()))).toBe(3);
    expect(logs.map((log) => log.logStartOffset)).toEqual([2, 2, 2]);
  });

  it('leaves no timer behind when it is closed', async () => {
    const world = new World();
    const directory = world.open();
    const log = directory.openLog('orders', 0, topicId, {
      ...settings,
      'flush.ms': 5000,
      'retention.bytes': 0,
    });
    fill(log);
    await world.clock.until(directory.applyRetention(world.clock.nowMs()));
    fill(log);
    directory.deleteLog(directory.openLog('orders', 1, topicId, settings));
    await world.clock.until(directory.close(1));
    expect(world.clock.pendingTimers).toBe(0);
  });
});
