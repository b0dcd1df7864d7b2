import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FileSystem } from '../../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { placeFile } from '../../../storage/environment/place-file.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kompakt-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const clock = { nowMs: () => 0 };
const memory = (memoryLimitBytes?: number) =>
  new MemoryFileSystem({ clock, ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }) });
const disk = () => createNodeEnvironment().files;

function write(files: FileSystem, path: string, bytes: Buffer, position: number): void {
  const file = files.openSync(path, 'create');
  file.writeSync([bytes], position);
  file.close();
}

test.each([
  ['memory to memory', memory, memory],
  ['memory to disk', memory, disk],
  ['disk to memory', disk, memory],
  ['disk to disk', disk, disk],
])('%s: the beginning that counts, and what is written to one is not seen in the other', (_, from, to) => {
  const [source, target] = [from(), to()];
  for (const files of [source, target]) files.makeDirectorySync(directory);
  const [path, copy] = [join(directory, 'a'), join(directory, 'b')];
  const bytes = Buffer.alloc(200_000, 'abcdefg');
  write(source, path, bytes, 0);
  placeFile({ files: source, path, sizeBytes: 150_000, isShared: false }, target, copy);
  write(source, path, Buffer.from('original'), 140_000);
  write(target, copy, Buffer.from('copy'), 70_000);
  const expected = Buffer.from(bytes.subarray(0, 150_000));
  expected.write('copy', 70_000);
  expect(target.readFileSync(copy).equals(expected)).toBe(true);
  bytes.write('original', 140_000);
  expect(source.readFileSync(path).equals(bytes)).toBe(true);
});

test.each([
  ['memory to memory', memory, memory],
  ['memory to disk', memory, disk],
  ['disk to memory', disk, memory],
  ['disk to disk', disk, disk],
])('%s: a whole file keeps its time, by which segments without time stamps are retained', (_, from, to) => {
  const [source, target] = [from(), to()];
  for (const files of [source, target]) files.makeDirectorySync(directory);
  const [path, copy] = [join(directory, 'a'), join(directory, 'b')];
  write(source, path, Buffer.from('sealed'), 0);
  const file = source.openSync(path, 'update');
  file.setModifiedMs(1_600_000_000_000);
  file.close();
  placeFile({ files: source, path, sizeBytes: 6, isShared: false }, target, copy);
  expect(target.statSync(copy)!.modifiedMs).toBe(1_600_000_000_000);
});

test('what nobody writes to is one file on a disk, and a copy where there are no links', () => {
  const files = disk();
  const path = join(directory, 'a');
  write(files, path, Buffer.from('sealed'), 0);
  placeFile({ files, path, sizeBytes: 6, isShared: true }, files, join(directory, 'b'));
  expect(statSync(path).nlink).toBe(2);
  const linkless = Object.create(files, { linkSync: { value: () => false } }) as FileSystem;
  placeFile({ files, path, sizeBytes: 6, isShared: true }, linkless, join(directory, 'c'));
  expect(statSync(path).nlink).toBe(2);
  expect(files.readFileSync(join(directory, 'c')).toString()).toBe('sealed');
});

test('files in memory that share chunks: whatever happens to one, the others stay, and all room is given back', () => {
  const change = fc.record({
    file: fc.nat(2),
    position: fc.nat(200_000),
    length: fc.integer({ min: 1, max: 70_000 }),
    cuts: fc.boolean(),
  });
  const body = (changes: { file: number; position: number; length: number; cuts: boolean }[]): void => {
    const systems = [memory(), memory(), memory()];
    const models: Buffer[] = [];
    write(systems[0]!, '/f', Buffer.alloc(150_000, 'sealed '), 0);
    for (const target of systems.slice(1))
      placeFile({ files: systems[0]!, path: '/f', sizeBytes: 150_000, isShared: true }, target, '/f');
    for (const files of systems) models.push(files.readFileSync('/f'));
    for (const { file: n, position, length, cuts } of changes) {
      const file = systems[n]!.openSync('/f', 'update');
      const end = cuts
        ? Math.min(position, models[n]!.length)
        : Math.max(models[n]!.length, position + length);
      const model = Buffer.alloc(end);
      models[n]!.copy(model, 0, 0, Math.min(end, models[n]!.length));
      if (cuts) file.truncateSync(end);
      else {
        model.fill(n + 1, position, position + length);
        file.writeSync([Buffer.alloc(length, n + 1)], position);
      }
      models[n] = model;
    }
    for (const [n, files] of systems.entries()) {
      expect(files.readFileSync('/f').equals(models[n]!)).toBe(true);
      files.removeFileSync('/f');
      expect(files.budget.usedBytes).toBe(0);
    }
  };
  fc.assert(fc.property(fc.array(change, { maxLength: 8 }), body), { seed: 7, numRuns: 60 });
});

test('in memory a shared file counts in full against the limit of whoever takes it', () => {
  const source = memory();
  write(source, '/f', Buffer.alloc(200_000, 1), 0);
  const target = memory(100_000);
  const place = () =>
    placeFile({ files: source, path: '/f', sizeBytes: 200_000, isShared: true }, target, '/f');
  expect(place).toThrow(/EMEMORYLIMIT/);
  expect(target.statSync('/f')).toBe(null);
});
