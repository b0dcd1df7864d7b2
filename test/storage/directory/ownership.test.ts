import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DirectoryOwnership, DirectoryRefused } from '../../../storage/directory/ownership.ts';
import { acquireDirectory, lockFile, ownerFile } from '../../../storage/directory/ownership.ts';
import type { FileSystem, LockHolder } from '../../../storage/environment/files.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';

let parent: string;
let directory: string;
const { files } = createNodeEnvironment();

beforeEach(() => {
  parent = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt owner '));
  directory = path.join(parent, 'data für uns');
});
afterEach(() => fs.rmSync(parent, { recursive: true, force: true }));

function owned(outcome: DirectoryOwnership | DirectoryRefused): DirectoryOwnership {
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome;
}

function refused(outcome: DirectoryOwnership | DirectoryRefused): DirectoryRefused {
  if (outcome.ok) throw new Error('was not refused');
  expect(outcome.message).not.toContain('\n');
  return outcome;
}

test('a missing or empty directory is ours to format, one with meta.properties is formatted', () => {
  const first = owned(acquireDirectory(files, directory, 1));
  expect(first).toMatchObject({ isFormatted: false, keepsKafkaOut: true });
  first.release();
  expect(fs.readdirSync(directory)).toEqual([lockFile]);
  fs.writeFileSync(path.join(directory, 'meta.properties'), '');
  const second = owned(acquireDirectory(files, directory, 1));
  expect(second.isFormatted).toBe(true);
  expect(fs.statSync(path.join(directory, lockFile)).size).toBe(0);
  second.release();
});

test('a start that was cut short left nothing that is in the way of the next', () => {
  fs.mkdirSync(directory);
  for (const name of [lockFile, ownerFile, 'meta.properties.tmp', '.DS_Store']) {
    fs.writeFileSync(path.join(directory, name), 'x');
  }
  owned(acquireDirectory(files, directory, 1)).release();
});

test("someone else's directory is refused and left as it was", () => {
  fs.mkdirSync(path.join(directory, 'photos'), { recursive: true });
  fs.writeFileSync(path.join(directory, 'thesis.tex'), 'x');
  const { reason, message } = refused(acquireDirectory(files, directory, 1));
  expect(reason).toBe('not-ours');
  expect(message).toContain('it is not empty (photos and 1 more)');
  expect(fs.readdirSync(directory)).toEqual(['photos', 'thesis.tex']);
  const file = path.join(directory, 'thesis.tex');
  expect(refused(acquireDirectory(files, file, 1)).message).toContain('is not a directory');
});

test('a second broker of this process is refused until the first lets go', () => {
  const first = owned(acquireDirectory(files, directory, 4711));
  const other = createNodeEnvironment().files;
  const { reason, message } = refused(acquireDirectory(other, directory, 4711));
  expect(reason).toBe('held-by-kompakt');
  expect(message).toContain('in use by another broker of this process');
  first.release();
  first.release();
  owned(acquireDirectory(other, directory, 4711)).release();
});

test.each<[LockHolder, string, string]>([
  [{ kind: 'kompakt', processId: null }, 'held-by-kompakt', 'is in use by another Kompakt (process 4711)'],
  [{ kind: 'other', processId: 99 }, 'held-by-kafka', 'is in use by Apache Kafka (process 99)'],
  [{ kind: 'unknown', processId: null }, 'held', 'another process; the latest Kompakt here was process 4711'],
])('who holds it is told as far as it is known: %j', (holder, reason, text) => {
  const first = owned(acquireDirectory(files, directory, 4711));
  const asSeen: FileSystem = Object.assign(Object.create(files) as FileSystem, {
    tryLock: () => null,
    lockHolderSync: () => holder,
    statSync: (name: string) => files.statSync(name),
    listSync: (name: string) => files.listSync(name),
    makeDirectorySync: () => {},
    join: (...parts: string[]) => files.join(...parts),
    readFileSync: (name: string) => files.readFileSync(name),
  });
  const refusal = refused(acquireDirectory(asSeen, directory, 1));
  expect(refusal.reason).toBe(reason);
  expect(refusal.message).toContain(text);
  first.release();
});

test.each(['make directory', 'lock', 'open'] as const)(
  'where %s fails, one line says that it cannot be written',
  (operation) => {
    const faulty = new FaultyFileSystem({ clock: new VirtualClock() });
    const rule = faulty.fail(operation).with('EROFS');
    const { reason, message } = refused(acquireDirectory(faulty, '/data', 1));
    expect(reason).toBe('unwritable');
    expect(message).toContain('the data directory /data cannot be written: ');
    expect(message).toContain('EROFS');
    rule.stop();
    owned(acquireDirectory(faulty, '/data', 1)).release();
  },
);
