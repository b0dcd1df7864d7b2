import { describe, expect, test } from 'vitest';
import {
  cleanShutdownFile,
  takeCleanShutdown,
  writeCleanShutdown,
} from '../../../storage/directory/clean-shutdown.ts';
import {
  parsePartitionDirectory,
  partitionDirectoryName,
  sidelinedDirectoryName,
} from '../../../storage/directory/partition-directories.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

const random = new SeededRandom(7);
const randomBytes = (count: number): Buffer => random.bytes(count);

describe('names of partition directories', () => {
  test.each([
    ['orders-3', { kind: 'partition', topic: 'orders', partition: 3 }],
    ['a-b-c-0', { kind: 'partition', topic: 'a-b-c', partition: 0 }],
    ['my.topic-delete-1', { kind: 'partition', topic: 'my.topic-delete', partition: 1 }],
    ['__cluster_metadata-0', { kind: 'partition', topic: '__cluster_metadata', partition: 0 }],
    ['a.b-1.0f8c-delete', { kind: 'delete', topic: 'a.b', partition: 1 }],
    ['a-1.0f8c-stray', { kind: 'stray', topic: 'a', partition: 1 }],
    ['a-1.0f8c-future', { kind: 'future', topic: 'a', partition: 1 }],
  ])('%s', (name, expected) => {
    expect(parsePartitionDirectory(name)).toEqual(expected);
  });

  test.each([
    'orders',
    'orders-',
    '-3',
    'orders-x',
    'lost+found',
    'a-b-delete',
    'orders-delete',
    'a-2147483648',
  ])('%s is none', (name) => {
    expect(parsePartitionDirectory(name)).toBeNull();
  });

  test('a sidelined name is read back, and is never longer than a file name may be', () => {
    const name = sidelinedDirectoryName('delete', 'orders', 3, randomBytes);
    expect(name).toMatch(/^orders-3\.[0-9a-f]{32}-delete$/);
    expect(parsePartitionDirectory(name)).toEqual({ kind: 'delete', topic: 'orders', partition: 3 });
    const long = sidelinedDirectoryName('stray', 't'.repeat(249), 12345, randomBytes);
    expect(long).toHaveLength(255);
    expect(parsePartitionDirectory(long)).toMatchObject({ kind: 'stray', partition: 12345 });
    expect(partitionDirectoryName('orders', 3)).toBe('orders-3');
  });
});

describe('the mark of a clean stop', () => {
  function setUp(): FaultyFileSystem {
    const files = new FaultyFileSystem({ clock: new VirtualClock() });
    files.makeDirectorySync('/data');
    files.syncDirectorySync('/');
    return files;
  }

  test("is Kafka's, is taken once, and stays away after a crash", () => {
    for (let seed = 0; seed < 40; seed++) {
      const files = setUp();
      expect(takeCleanShutdown(files, '/data')).toBeNull();
      writeCleanShutdown(files, '/data', 12);
      const stopped = files.afterCrash(new SeededRandom(seed));
      expect(stopped.readFileSync(`/data/${cleanShutdownFile}`).toString()).toBe(
        '{"version":0,"brokerEpoch":12}',
      );
      expect(takeCleanShutdown(stopped, '/data')).toEqual({ brokerEpoch: 12 });
      expect(takeCleanShutdown(stopped.afterCrash(new SeededRandom(seed)), '/data')).toBeNull();
    }
  });

  test.each(['', '{"version":0}', 'nonsense'])('counts without an epoch too: %j', (text) => {
    const files = setUp();
    files.replaceFileSync(`/data/${cleanShutdownFile}`, Buffer.from(text));
    expect(takeCleanShutdown(files, '/data')).toEqual({ brokerEpoch: null });
  });
});
