import { describe, expect, it } from 'vitest';
import { CleanerOffsets } from '../../../storage/directory/cleaner-offsets.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { RecordedLogger } from '../log/log-fixture.ts';

const path = '/data/cleaner-offset-checkpoint';

function world() {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  files.syncDirectorySync('/');
  const logger = new RecordedLogger();
  const open = (on: FaultyFileSystem = files) => new CleanerOffsets(on, '/data', logger);
  const text = () => files.readFileSync(path).toString();
  return { clock, files, logger, open, text };
}

describe('how far each log is clean', () => {
  it('is written as Apache Kafka writes it, and read again', async () => {
    const { open, text } = world();
    const offsets = open();
    expect(offsets.get('orders', 3)).toBe(null);
    await offsets.set('orders', 3, 120);
    await offsets.set('with-dash', 10, 7);
    await offsets.set('orders', 3, 130);
    expect(text()).toBe('0\n2\norders 3 130\nwith-dash 10 7\n');
    expect(open().get('orders', 3)).toBe(130);
    expect(open().get('with-dash', 10)).toBe(7);
    expect(open().get('with', 10)).toBe(null);
  });

  it('is durable once it is said to be', async () => {
    const { files, open } = world();
    await open().set('orders', 3, 120);
    const left = files.afterCrash(new SeededRandom(1));
    expect(open(left).get('orders', 3)).toBe(120);
  });

  it('is forgotten with its topic, which may be made again', async () => {
    const { open, text } = world();
    const offsets = open();
    await offsets.set('orders', 0, 1);
    await offsets.set('orders', 1, 2);
    await offsets.set('orders-2', 0, 3);
    await offsets.forget('orders');
    expect(text()).toBe('0\n1\norders-2 0 3\n');
    expect(offsets.get('orders', 1)).toBe(null);
  });

  it('is kept only of what is there, and not above the end of its log', async () => {
    const { open, text } = world();
    const offsets = open();
    await offsets.set('orders', 0, 10);
    await offsets.set('orders', 1, 11);
    await offsets.set('gone', 0, 2);
    await offsets.keepWithin((topic) => (topic === 'orders' ? 10 : null));
    expect(text()).toBe('0\n1\norders 0 10\n');
    expect(offsets.get('orders', 1)).toBe(null);
  });

  it('of a topic that is gone does not stay in a file that could not be written', async () => {
    const { files, open, text } = world();
    const offsets = open();
    await offsets.set('orders', 0, 1000);
    files.limitSpace(0);
    await offsets.forget('orders');
    expect(text()).toContain('orders');
    await offsets.retry();
    expect(text()).toContain('orders');
    files.limitSpace(10_000);
    await offsets.retry();
    expect(text()).toBe('0\n0\n');
  });

  it('is written once for all that changes while a write is under way', async () => {
    const { clock, files, open, text } = world();
    const offsets = open();
    files.delay('sync', 10);
    const writes = [1, 2, 3, 4].map((n) => offsets.set('orders', n, n));
    await clock.until(Promise.all(writes));
    expect(text()).toBe('0\n4\norders 1 1\norders 2 2\norders 3 3\norders 4 4\n');
    const renames = files.operations.filter(({ operation }) => operation === 'rename');
    expect(renames.length).toBeLessThanOrEqual(2);
  });

  it('that cannot be written is said in the log, and written with the next one', async () => {
    const { files, logger, open, text } = world();
    const offsets = open();
    files.fail('write').on('cleaner-offset-checkpoint*').with('ENOSPC').times(1);
    await offsets.set('orders', 0, 1);
    expect(logger.count('error')).toBe(1);
    expect(offsets.get('orders', 0)).toBe(1);
    await offsets.set('orders', 1, 2);
    expect(text()).toBe('0\n2\norders 0 1\norders 1 2\n');
  });

  it('counts as not known where the file is damaged', async () => {
    const { files, logger, open } = world();
    const file = files.openSync(path, 'create');
    file.writeSync([Buffer.from('0\n2\norders 3 130\n')], 0);
    const offsets = open();
    expect(offsets.get('orders', 3)).toBe(null);
    expect(logger.count('warn')).toBe(1);
    await offsets.set('orders', 3, 5);
    expect(open().get('orders', 3)).toBe(5);
  });
});
