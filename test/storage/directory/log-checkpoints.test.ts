import { describe, expect, it } from 'vitest';
import { defaultTopicSettings } from '../../../storage/config/topic-settings.ts';
import { LogDirectory } from '../../../storage/directory/log-directory.ts';
import type { Log } from '../../../storage/log/log.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { appendNow, batchOf, RecordedLogger, readAll } from '../log/log-fixture.ts';

const [oldId, newId] = ['sf0KkVQDRf6C6V3cBWHl0A', '9gkKkVQDRf6C6V3cBWHl0A'];
const settings = { ...defaultTopicSettings, 'internal.segment.bytes': 200, 'retention.ms': -1 };

class World {
  readonly clock = new VirtualClock();
  readonly logger = new RecordedLogger();
  files = new FaultyFileSystem({ clock: this.clock });

  constructor() {
    this.files.makeDirectorySync('/data');
    this.files.syncDirectorySync('/');
  }

  open(): LogDirectory {
    return LogDirectory.open({
      environment: { clock: this.clock, random: new SeededRandom(1), files: this.files },
      path: '/data',
      logger: this.logger,
      durability: { kind: 'page-cache' },
      producerIdExpirationMs: () => Number.MAX_SAFE_INTEGER,
      deleteDelayMs: 60_000,
      reserved: [],
    });
  }

  /** Five records, of which the first four are deleted. */
  async oldLog(directory: LogDirectory): Promise<Log> {
    const log = directory.openLog('orders', 0, oldId, settings);
    fill(log, 5);
    expect(await this.clock.until(log.deleteRecordsBefore(4))).toMatchObject({ ok: true });
    return log;
  }

  text(name: string): string {
    return this.files.readFileSync(`/data/${name}`).toString();
  }
}

function fill(log: Log, count: number): void {
  for (let n = 0; n < count; n++) appendNow(log, batchOf([`${n}`]));
}

describe('what the checkpoints say of a deleted topic', () => {
  it('costs the next one of its name no record, whenever the process is killed', async () => {
    const world = new World();
    const directory = world.open();
    directory.deleteLog(await world.oldLog(directory));
    fill(directory.openLog('orders', 0, newId, settings), 3);
    world.files = world.files.afterKill();
    const again = world.open().openLog('orders', 0, newId, settings);
    expect([again.logStartOffset, readAll(again).length]).toEqual([0, 3]);
  });

  it('nor where a kill came before its directory was taken away', async () => {
    const world = new World();
    await world.oldLog(world.open());
    world.files = world.files.afterKill();
    fill(world.open().openLog('orders', 0, newId, settings), 3);
    world.files = world.files.afterKill();
    const again = world.open().openLog('orders', 0, newId, settings);
    expect([again.logStartOffset, readAll(again).length]).toEqual([0, 3]);
  });

  it('is overtaken where it is just being written', async () => {
    const world = new World();
    const directory = world.open();
    const log = directory.openLog('orders', 0, oldId, settings);
    fill(log, 5);
    world.files.delay('sync', 100).on('log-start*');
    const deleted = log.deleteRecordsBefore(4);
    await world.clock.advance(50);
    directory.deleteLog(log);
    fill(directory.openLog('orders', 0, newId, settings), 3);
    await world.clock.until(deleted);
    await world.clock.advance(1_000);
    world.files = world.files.afterKill();
    expect(readAll(world.open().openLog('orders', 0, newId, settings))).toHaveLength(3);
  });

  it('is soon gone without that, in one write for all its partitions', async () => {
    const world = new World();
    const directory = world.open();
    const logs = Array.from({ length: 10 }, (_, n) => directory.openLog('orders', n, oldId, settings));
    for (const log of logs) fill(log, 5);
    await world.clock.until(Promise.all(logs.map((log) => log.deleteRecordsBefore(4))));
    await world.clock.until(directory.checkpoint());
    const syncs = () => world.files.operations.filter(({ operation }) => operation === 'sync').length;
    const before = syncs();
    for (const log of logs) directory.deleteLog(log);
    await world.clock.advance(1_000);
    expect(world.text('log-start-offset-checkpoint')).toBe('0\n0\n');
    expect(world.text('recovery-point-offset-checkpoint')).toBe('0\n0\n');
    expect(syncs() - before).toBe(2);
    // Nothing is left to be said at once.
    directory.openLog('orders', 0, newId, settings);
    expect(syncs() - before).toBe(2);
  });

  it('keeps no deletion of records from being durable that was under way', async () => {
    const world = new World();
    const directory = world.open();
    directory.deleteLog(await world.oldLog(directory));
    const other = directory.openLog('photos', 0, oldId, settings);
    fill(other, 5);
    world.files.delay('sync', 100).on('log-start*');
    const deleted = other.deleteRecordsBefore(2);
    await world.clock.advance(50);
    // There is no room for what is to be written at once.
    world.files.fail('write').on('log-start*').with('ENOSPC').times(1);
    directory.openLog('orders', 0, newId, settings);
    expect(world.logger.count('error')).toBe(1);
    expect(await world.clock.until(deleted)).toMatchObject({ ok: true });
    world.files = world.files.afterCrash(new SeededRandom(1));
    expect(world.text('log-start-offset-checkpoint')).toBe('0\n1\nphotos 0 2\n');
  });
});
