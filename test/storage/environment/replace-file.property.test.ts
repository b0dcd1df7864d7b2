import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { codeOf } from '../../suites/file-system.ts';

test('whenever the power fails, a replaced file is the old or the new one, and after the answer the new one', () => {
  const seed = fc.integer();
  fc.assert(
    fc.property(seed, fc.nat(12), fc.nat(3000), fc.nat(3000), (seed, stopAfter, oldLength, newLength) => {
      const files = new FaultyFileSystem({ clock: new VirtualClock() });
      files.makeDirectorySync('/data');
      files.syncDirectorySync('/');
      const before = Buffer.alloc(oldLength, 'o');
      const after = Buffer.alloc(newLength, 'n');
      files.replaceFileSync('/data/checkpoint', before);
      files.stopAfter(stopAfter);
      const isAnswered = codeOf(() => files.replaceFileSync('/data/checkpoint', after)) === 'nothing thrown';
      const found = files.afterCrash(new SeededRandom(seed)).readFileSync('/data/checkpoint');
      const allowed = isAnswered ? [after] : [before, after];
      expect(allowed.some((content) => content.equals(found))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('a replacement that fails leaves the old content and no half of the new', async () => {
  for (const operation of ['open', 'write', 'sync', 'rename'] as const) {
    const files = new FaultyFileSystem({ clock: new VirtualClock() });
    files.replaceFileSync('/checkpoint', Buffer.from('old'));
    files.fail(operation).times(2);
    expect(codeOf(() => files.replaceFileSync('/checkpoint', Buffer.from('new')))).toBe('EIO');
    await expect(files.replaceFile('/checkpoint', Buffer.from('new'))).rejects.toMatchObject({ code: 'EIO' });
    expect(files.memory.listSync('/')).toEqual(['checkpoint']);
    expect(files.memory.readFileSync('/checkpoint').toString()).toBe('old');
    await files.replaceFile('/checkpoint', Buffer.from('new'));
    expect(files.memory.readFileSync('/checkpoint').toString()).toBe('new');
  }
});
