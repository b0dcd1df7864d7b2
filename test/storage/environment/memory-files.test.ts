import { expect, test } from 'vitest';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { chunkBytes } from '../../../storage/environment/sparse-bytes.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

const mebibyte = 1024 * 1024;

function memoryFiles(memoryLimitBytes?: number): MemoryFileSystem {
  const limit = memoryLimitBytes === undefined ? {} : { memoryLimitBytes, memoryLimitOption: 'memoryLimit' };
  return new MemoryFileSystem({ clock: new VirtualClock(), ...limit });
}

test('1,000 empty partitions with preallocated indexes cost almost nothing', () => {
  const files = memoryFiles();
  for (let partition = 0; partition < 1000; partition++) {
    const directory = files.join('/data', `orders-${partition}`);
    files.makeDirectorySync(directory);
    for (const suffix of ['log', 'index', 'timeindex']) {
      const file = files.openSync(files.join(directory, `00000000000000000000.${suffix}`), 'create-new');
      file.truncateSync(10 * mebibyte);
    }
  }
  expect(files.budget.usedBytes).toBe(0);
});

test('a small file costs a few hundred bytes, not a chunk', () => {
  const files = memoryFiles();
  files.openSync('/small', 'create').writeSync([Buffer.alloc(43)], 0);
  expect(files.budget.usedBytes).toBeLessThanOrEqual(256);
});

test('at the limit a write is refused by name, reads go on, and a removal gives the room back', () => {
  const files = memoryFiles(2 * chunkBytes);
  const log = files.openSync('/log', 'create');
  log.writeSync([Buffer.alloc(2 * chunkBytes, 1)], 0);
  expect(() => log.writeSync([Buffer.alloc(1)], log.size)).toThrow(/EMEMORYLIMIT.*memoryLimit=131072/);
  expect(log.size).toBe(2 * chunkBytes);
  expect(log.readSync(Buffer.alloc(10), 0, 10, 0)).toBe(10);
  files.removeFileSync('/log');
  files.openSync('/other', 'create').writeSync([Buffer.alloc(2 * chunkBytes)], 0);
});

test('bulk files leave a sixteenth to the others', () => {
  const files = new MemoryFileSystem({
    clock: new VirtualClock(),
    memoryLimitBytes: 16 * chunkBytes,
    isBulk: (path) => path.endsWith('.log'),
  });
  const log = files.openSync('/1.log', 'create');
  log.writeSync([Buffer.alloc(15 * chunkBytes)], 0);
  expect(() => log.writeSync([Buffer.alloc(1)], log.size)).toThrow(/EMEMORYLIMIT/);
  files.openSync('/checkpoint', 'create').writeSync([Buffer.alloc(chunkBytes)], 0);
  expect(files.budget.usedBytes).toBe(files.budget.limitBytes);
  files.removeFileSync('/1.log');
  expect(files.budget.usedBytes).toBe(chunkBytes);
});

test('a retained file that was removed counts until it is released', () => {
  const files = memoryFiles();
  const log = files.openSync('/log', 'create');
  log.writeSync([Buffer.from('still being sent')], 0);
  log.retain();
  files.removeFileSync('/log');
  expect(files.budget.usedBytes).toBeGreaterThan(0);
  expect(Buffer.concat(log.viewSync(6, 100)).toString()).toBe('being sent');
  log.release();
  expect(files.budget.usedBytes).toBe(0);
});

test('views of the bytes survive a truncation below them and new bytes in their place', () => {
  const files = memoryFiles();
  const log = files.openSync('/log', 'create');
  log.writeSync([Buffer.alloc(100, 'a')], 0);
  const views = log.viewSync(50, 50);
  log.truncateSync(60);
  log.writeSync([Buffer.alloc(40, 'b')], 60);
  expect(Buffer.concat(views).toString()).toBe('a'.repeat(50));
  expect(Buffer.concat(log.viewSync(50, 50)).toString()).toBe('a'.repeat(10) + 'b'.repeat(40));
});

test('the volume is the limit', () => {
  expect(memoryFiles().volumeSync('/')).toBeNull();
  const files = memoryFiles(mebibyte);
  files.openSync('/log', 'create').writeSync([Buffer.alloc(chunkBytes)], 0);
  expect(files.volumeSync('/')).toEqual({ totalBytes: mebibyte, usableBytes: mebibyte - chunkBytes });
});
