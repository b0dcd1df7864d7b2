import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FileError } from '../../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { chunkBytes } from '../../../storage/environment/sparse-bytes.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

/** Positions near chunk borders find what positions anywhere do not. */
const position = fc.oneof(
  fc.nat(2000),
  fc.integer({ min: chunkBytes - 40, max: chunkBytes + 40 }),
  fc.integer({ min: 2 * chunkBytes - 40, max: 3 * chunkBytes + 40 }),
);
const length = fc.oneof(fc.nat(100), fc.integer({ min: chunkBytes - 20, max: 2 * chunkBytes + 20 }));

const step = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    position,
    lengths: fc.array(length, { maxLength: 3 }),
    fill: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ kind: fc.constant('truncate' as const), size: position }),
  fc.record({ kind: fc.constant('read' as const), position, length }),
);

test('a file in memory is an array of bytes, whatever is written, cut and grown', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const files = new MemoryFileSystem({ clock: new VirtualClock() });
      const file = files.openSync('/file', 'create-new');
      let model = Buffer.alloc(0);
      for (const now of steps) {
        if (now.kind === 'write') {
          const parts = now.lengths.map((count, index) => Buffer.alloc(count, now.fill + index));
          const bytes = Buffer.concat(parts);
          file.writeSync(parts, now.position);
          if (bytes.length > 0) {
            const grown = Buffer.alloc(Math.max(model.length, now.position + bytes.length));
            model.copy(grown);
            bytes.copy(grown, now.position);
            model = grown;
          }
        } else if (now.kind === 'truncate') {
          const cut = Buffer.alloc(now.size);
          model.copy(cut);
          model = cut;
          file.truncateSync(now.size);
        } else {
          const expected = model.subarray(now.position, now.position + now.length);
          const target = Buffer.alloc(now.length + 2, 0xee);
          expect(file.readSync(target, 1, now.length, now.position)).toBe(expected.length);
          expect(target.subarray(1, 1 + expected.length).equals(expected)).toBe(true);
          expect(target[0]).toBe(0xee);
          expect(target[1 + expected.length]).toBe(0xee);
          expect(Buffer.concat(file.viewSync(now.position, now.length)).equals(expected)).toBe(true);
        }
        expect(file.size).toBe(model.length);
      }
      expect(files.readFileSync('/file').equals(model)).toBe(true);
      file.close();
      files.removeFileSync('/file');
      expect(files.budget.usedBytes).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test('what many files use is never above the limit, and all of it comes back', () => {
  const limitBytes = 5 * chunkBytes;
  const action = fc.record({
    file: fc.nat(4),
    kind: fc.constantFrom(
      'write' as const,
      'write' as const,
      'truncate' as const,
      'remove' as const,
      'release' as const,
    ),
    at: position,
    length,
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const files = new MemoryFileSystem({ clock: new VirtualClock(), memoryLimitBytes: limitBytes });
      const retained: { release(): void }[] = [];
      for (const { file: number, kind, at, length: count } of actions) {
        const path = `/f${number}`;
        if (kind === 'remove') {
          files.removeFileSync(path);
          continue;
        }
        if (kind === 'release') {
          retained.pop()?.release();
          continue;
        }
        const file = files.openSync(path, 'create');
        const before = file.size;
        if (count % 3 === 0) {
          file.retain();
          retained.push(file);
        }
        try {
          if (kind === 'truncate') file.truncateSync(at);
          else file.writeSync([Buffer.alloc(count, 7), Buffer.alloc(10, 8)], at);
        } catch (error) {
          expect((error as FileError).code).toBe('EMEMORYLIMIT');
          expect(file.size).toBe(before);
        }
        file.close();
        expect(files.budget.usedBytes).toBeLessThanOrEqual(limitBytes);
      }
      for (const name of files.listSync('/')) files.removeFileSync(`/${name}`);
      for (const file of retained) file.release();
      expect(files.budget.usedBytes).toBe(0);
    }),
    { numRuns: 200 },
  );
});
