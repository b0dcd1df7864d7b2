import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DiskFileSystem } from '../../../storage/environment/disk-files.ts';
import { FileLocks } from '../../../storage/environment/file-locks.ts';
import type { SystemCalls } from '../../../storage/environment/system-calls.ts';
import { codeOf } from '../../suites/file-system.ts';

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt-disk-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

interface Made {
  readonly files: DiskFileSystem;
  readonly pauses: number[];
}

/** The real calls, some of them replaced. */
function diskFiles(
  changed: Partial<SystemCalls> = {},
  options: { max?: number; windowsRules?: boolean } = {},
): Made {
  const calls: SystemCalls = { ...fs, ...changed };
  const pauses: number[] = [];
  const locks = new FileLocks({
    calls,
    platform: process.platform,
    loadBinding: () => null,
    bindSocket: () => null,
  });
  const { max: openFilesMax = 512, windowsRules = false } = options;
  const pauseSync = (ms: number): void => void pauses.push(ms);
  return { files: new DiskFileSystem({ calls, locks, openFilesMax, windowsRules, pauseSync }), pauses };
}

function failing(code: string, times = Number.POSITIVE_INFINITY): { calls: number; fail(): void } {
  const state = {
    calls: 0,
    fail() {
      if (state.calls++ < times) throw Object.assign(new Error(code), { code });
    },
  };
  return state;
}

describe('descriptors', () => {
  test('2,000 files are used with at most 64 descriptors', () => {
    const { files } = diskFiles({}, { max: 64 });
    const handles = Array.from({ length: 2000 }, (_, index) => {
      const file = files.openSync(path.join(directory, `${index}.log`), 'create-new');
      file.writeSync([Buffer.from(`file ${index}`)], 0);
      expect(files.descriptors.openCount).toBeLessThanOrEqual(64);
      return file;
    });
    for (const [index, file] of handles.entries()) {
      const target = Buffer.alloc(file.size);
      file.readSync(target, 0, target.length, 0);
      expect(target.toString()).toBe(`file ${index}`);
      expect(files.descriptors.openCount).toBeLessThanOrEqual(64);
    }
    files.closeIdle();
    expect(files.descriptors.openCount).toBe(0);
    for (const file of handles) file.close();
  });

  test('one that is used all the time stays open', () => {
    let opens = 0;
    const openSync: SystemCalls['openSync'] = (name, flags, permissions) => {
      if (name.endsWith('busy.log')) opens++;
      return fs.openSync(name, flags, permissions);
    };
    const { files } = diskFiles({ openSync }, { max: 8 });
    const busy = files.openSync(path.join(directory, 'busy.log'), 'create-new');
    const others = Array.from({ length: 100 }, (_, index) =>
      files.openSync(path.join(directory, `${index}`), 'create'),
    );
    for (const other of others) {
      busy.writeSync([Buffer.from('x')], busy.size);
      other.writeSync([Buffer.from('y')], 0);
    }
    // Creating the others pushed it out once before its first use.
    expect(opens).toBeLessThanOrEqual(2);
    for (const file of [busy, ...others]) file.close();
    expect(files.descriptors.openCount).toBe(0);
  });

  test('a call in flight keeps its descriptor', async () => {
    const { files } = diskFiles({}, { max: 2 });
    const handles = Array.from({ length: 20 }, (_, index) =>
      files.openSync(path.join(directory, `${index}`), 'create'),
    );
    for (const file of handles) file.writeSync([Buffer.from('abc')], 0);
    const target = Buffer.alloc(3 * handles.length);
    await Promise.all(handles.map((file, index) => file.read(target, index * 3, 3, 0)));
    expect(target.toString()).toBe('abc'.repeat(20));
    await Promise.all(handles.map((file) => file.sync()));
    files.closeIdle();
    expect(files.descriptors.openCount).toBe(0);
    for (const file of handles) file.close();
  });

  test('when the process has none left, idle ones are closed and the open is tried again', () => {
    const trouble = failing('EMFILE', 1);
    let armed = false;
    const openSync: SystemCalls['openSync'] = (name, flags, permissions) => {
      if (armed) trouble.fail();
      return fs.openSync(name, flags, permissions);
    };
    const { files } = diskFiles({ openSync });
    const idle = files.openSync(path.join(directory, 'idle'), 'create');
    armed = true;
    const file = files.openSync(path.join(directory, 'new'), 'create');
    expect(trouble.calls).toBe(2);
    expect(files.descriptors.openCount).toBe(1);
    idle.close();
    file.close();
  });

  test('a file opened for reading first can be opened for writing meanwhile', async () => {
    const { files } = diskFiles();
    fs.writeFileSync(path.join(directory, 'log'), 'abc');
    const reader = files.openSync(path.join(directory, 'log'), 'read');
    const target = Buffer.alloc(3);
    const read = reader.read(target, 0, 3, 0);
    const writer = files.openSync(path.join(directory, 'log'), 'update');
    writer.writeSync([Buffer.from('d')], 3);
    await read;
    expect(target.toString()).toBe('abc');
    reader.close();
    writer.close();
    expect(files.descriptors.openCount).toBe(0);
  });
});

describe('writes that fall short', () => {
  test('are continued', async () => {
    const writeSync: SystemCalls['writeSync'] = (descriptor, bytes, start, length, position) =>
      fs.writeSync(descriptor, bytes, start, Math.min(length, 3), position);
    const writevSync: SystemCalls['writevSync'] = (descriptor, parts, position) =>
      fs.writeSync(descriptor, parts[0]!, 0, Math.min(parts[0]!.length, 4), position);
    const write: SystemCalls['write'] = (descriptor, bytes, start, length, position, done) =>
      fs.write(descriptor, bytes, start, Math.min(length, 2), position, done);
    const writev: SystemCalls['writev'] = (descriptor, parts, position, done) =>
      fs.write(descriptor, parts[0]!, 0, Math.min(parts[0]!.length, 5), position, done);
    const { files } = diskFiles({ writeSync, writevSync, write, writev });
    const file = files.openSync(path.join(directory, 'log'), 'create');
    const parts = ['one', 'twenty-two', '', 'three hundred'].map((text) => Buffer.from(text));
    file.writeSync(parts, 0);
    await file.write(parts, file.size);
    expect(fs.readFileSync(path.join(directory, 'log'), 'utf8')).toBe('onetwenty-twothree hundred'.repeat(2));
    expect(file.size).toBe(52);
    file.close();
  });

  test('and end in an error leave a size that tells how far they came', async () => {
    const full = failing('ENOSPC');
    const writeSync: SystemCalls['writeSync'] = (descriptor, bytes, start, length, position) => {
      if (position >= 4) full.fail();
      return fs.writeSync(descriptor, bytes, start, Math.min(length, 4), position);
    };
    const write: SystemCalls['write'] = (descriptor, bytes, start, length, position, done) => {
      if (position >= 8) done(Object.assign(new Error('full'), { code: 'EDQUOT' }), 0);
      else fs.write(descriptor, bytes, start, Math.min(length, 4), position, done);
    };
    const { files } = diskFiles({ writeSync, write });
    const file = files.openSync(path.join(directory, 'log'), 'create');
    expect(codeOf(() => file.writeSync([Buffer.alloc(10)], 0))).toBe('ENOSPC');
    expect(file.size).toBe(4);
    await expect(file.write([Buffer.alloc(10)], 4)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(file.size).toBe(8);
    file.close();
  });
});

test('errors of the system keep their code, or are told in words', () => {
  const { files } = diskFiles({
    mkdirSync: () => failing('EROFS').fail(),
    unlinkSync: () => failing('EIO').fail(),
    readdirSync: () => {
      throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
    },
  });
  expect(codeOf(() => files.makeDirectorySync('x'))).toBe('EROFS');
  expect(codeOf(() => files.removeFileSync('x'))).toBe('EIO');
  expect(() => files.listSync('x')).toThrow(/list x: EOTHER \(too many links\)/);
});

test('a directory is made with what is missing above it, by as many calls as there are names', () => {
  let made = 0;
  const mkdirSync: SystemCalls['mkdirSync'] = (name) => {
    if (++made > 10) throw new Error('endless');
    // As /proc does, which has no room for directories.
    if (path.dirname(name) === path.join(directory, 'proc'))
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return fs.mkdirSync(name);
  };
  const { files } = diskFiles({ mkdirSync });
  files.makeDirectorySync(path.join(directory, 'a', 'b', 'c'));
  files.makeDirectorySync(path.join(directory, 'a', 'b', 'c'));
  expect(fs.statSync(path.join(directory, 'a', 'b', 'c')).isDirectory()).toBe(true);
  made = 0;
  fs.mkdirSync(path.join(directory, 'proc'));
  expect(codeOf(() => files.makeDirectorySync(path.join(directory, 'proc', 'data')))).toBe('ENOENT');
});

test('a directory that cannot be synced by its nature counts as synced; one that fails does not', async () => {
  const trouble = (code: string): Partial<SystemCalls> => ({
    fsync: (_descriptor, done) => done(Object.assign(new Error(code), { code })),
    fsyncSync: () => failing(code).fail(),
  });
  const odd = diskFiles(trouble('EINVAL')).files;
  await odd.syncDirectory(directory);
  odd.syncDirectorySync(directory);
  const broken = diskFiles(trouble('EIO')).files;
  await expect(broken.syncDirectory(directory)).rejects.toMatchObject({ code: 'EIO' });
  expect(codeOf(() => broken.syncDirectorySync(directory))).toBe('EIO');
});

test('permissions apply to a file that is created', () => {
  const { files } = diskFiles();
  files.openSync(path.join(directory, 'token'), 'create-new', { permissions: 0o600 }).close();
  expect(fs.statSync(path.join(directory, 'token')).mode & 0o777).toBe(0o600);
});

test('a file that someone else removed is gone; opening it creates a new one', () => {
  const { files } = diskFiles();
  const file = files.openSync(path.join(directory, 'log'), 'create');
  file.writeSync([Buffer.from('abc')], 0);
  fs.unlinkSync(path.join(directory, 'log'));
  const again = files.openSync(path.join(directory, 'log'), 'create');
  expect(again.size).toBe(0);
  expect(codeOf(() => file.readSync(Buffer.alloc(3), 0, 3, 0))).toBe('ENOENT');
  file.close();
  again.close();
});

test('whether a directory tells upper case from lower is asked of the directory', () => {
  const { files } = diskFiles();
  expect(files.isCaseInsensitive(directory)).toBe(false);
  expect(fs.readdirSync(directory)).toEqual([]);

  fs.writeFileSync(path.join(directory, 'meta.properties'), '');
  const statSync: SystemCalls['statSync'] = (name, options) =>
    fs.statSync(name.replace('META.PROPERTIES', 'meta.properties'), options);
  expect(diskFiles({ statSync }).files.isCaseInsensitive(directory)).toBe(true);
  expect(diskFiles().files.isCaseInsensitive(directory)).toBe(false);
});

describe('under the rules of Windows', () => {
  test('syncing a directory is nothing to do', async () => {
    const { files } = diskFiles({ fsyncSync: () => failing('EPERM').fail() }, { windowsRules: true });
    await files.syncDirectory(directory);
    files.syncDirectorySync(directory);
  });

  test('a descriptor is closed before its name changes', () => {
    const openAtRename: number[] = [];
    const renameSync: SystemCalls['renameSync'] = (from, to) => {
      openAtRename.push(made.files.descriptors.openCount);
      fs.renameSync(from, to);
    };
    const made = diskFiles({ renameSync }, { windowsRules: true });
    fs.mkdirSync(path.join(directory, 'orders-0'));
    const file = made.files.openSync(path.join(directory, 'orders-0', 'log'), 'create');
    file.writeSync([Buffer.from('abc')], 0);
    file.retain();
    made.files.renameSync(path.join(directory, 'orders-0'), path.join(directory, 'orders-0-delete'));
    expect(openAtRename).toEqual([0]);
    expect(file.readSync(Buffer.alloc(3), 0, 3, 0)).toBe(3);
    file.release();
    file.close();
  });

  test('a rename that a scanner is in the way of is tried again, then given up as busy', () => {
    const passing = failing('EPERM', 3);
    const { files, pauses } = diskFiles({ renameSync: () => passing.fail() }, { windowsRules: true });
    files.renameSync(path.join(directory, 'a'), path.join(directory, 'b'));
    expect(pauses).toEqual([1, 4, 10]);
    const stubborn = failing('EBUSY');
    const { files: others } = diskFiles({ renameSync: () => stubborn.fail() }, { windowsRules: true });
    expect(codeOf(() => others.renameSync(path.join(directory, 'a'), path.join(directory, 'b')))).toBe(
      'EBUSY',
    );
  });

  test('a directory is not renamed while a file in it is being read', async () => {
    const { files } = diskFiles({}, { windowsRules: true });
    fs.mkdirSync(path.join(directory, 'orders-0'));
    const file = files.openSync(path.join(directory, 'orders-0', 'log'), 'create');
    file.writeSync([Buffer.from('abc')], 0);
    const read = file.read(Buffer.alloc(3), 0, 3, 0);
    const rename = (): void =>
      files.renameSync(path.join(directory, 'orders-0'), path.join(directory, 'gone'));
    expect(codeOf(rename)).toBe('EBUSY');
    await read;
    rename();
    file.close();
  });

  test('a retained file, or a tree with one, is removed with the release', () => {
    const { files } = diskFiles({}, { windowsRules: true });
    fs.mkdirSync(path.join(directory, 'tree'));
    const single = files.openSync(path.join(directory, 'single'), 'create');
    const inTree = files.openSync(path.join(directory, 'tree', 'log'), 'create');
    fs.writeFileSync(path.join(directory, 'tree', 'other'), '');
    for (const file of [single, inTree]) {
      file.writeSync([Buffer.from('abc')], 0);
      file.retain();
    }
    files.removeFileSync(path.join(directory, 'single'));
    files.removeTreeSync(path.join(directory, 'tree'));
    expect(fs.readdirSync(directory)).toEqual(['single', 'tree']);
    for (const file of [single, inTree]) {
      expect(file.readSync(Buffer.alloc(3), 0, 3, 0)).toBe(3);
      file.close();
      file.release();
    }
    expect(fs.readdirSync(directory)).toEqual([]);
    expect(files.descriptors.openCount).toBe(0);
  });
});
