/**
 * What every FileSystem promises (storage/environment/files.ts). Run it against an implementation:
 *
 *     describeFileSystem('in memory', () => ({ files, directory: '/data', dispose() {} }));
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { File, FileErrorCode, FileSystem } from '../../storage/environment/files.ts';
import { FileError } from '../../storage/environment/files.ts';

export interface FileSystemUnderTest {
  readonly files: FileSystem;
  /** An existing empty directory; everything happens in it. */
  readonly directory: string;
  dispose(): void;
}

export function describeFileSystem(name: string, create: () => FileSystemUnderTest): void {
  describe(`a file system ${name}`, () => {
    let subject: FileSystemUnderTest;
    let files: FileSystem;
    const at = (...names: string[]): string => files.join(subject.directory, ...names);

    beforeEach(() => {
      subject = create();
      files = subject.files;
    });
    afterEach(() => subject.dispose());

    describeBytes(() => ({ files, at }));
    describeNames(() => ({ files, at }));
    describeLinks(() => ({ files, at }));
    describeRetained(() => ({ files, at }));
    describeWholeFiles(() => ({ files, at }));
  });
}

type Subject = () => { files: FileSystem; at(...names: string[]): string };

function describeLinks(subject: Subject): void {
  test('a further name stands for the same bytes until one of them gets its own', () => {
    const { files, at } = subject();
    // Some have no links, nor copies.
    if (files.linkSync === undefined) return;
    const file = files.openSync(at('log'), 'create-new');
    file.writeSync([Buffer.from('one')], 0);
    file.close();
    expect(files.linkSync(at('log'), at('linked'))).toBe(true);
    files.copySync!(at('log'), at('copied'));
    for (const make of [files.linkSync, files.copySync!])
      expect(() => make.call(files, at('log'), at('copied'))).toThrow(/EEXIST/);

    const own = files.openSync(at('log'), 'update');
    own.ownSync!();
    own.writeSync([Buffer.from('two')], own.size);
    expect(text(own)).toBe('onetwo');
    own.close();
    expect(files.readFileSync(at('log')).toString()).toBe('onetwo');
    expect(files.readFileSync(at('linked')).toString()).toBe('one');
    expect(files.readFileSync(at('copied')).toString()).toBe('one');
    files.removeFileSync(at('log'));
    expect(files.listSync(at())).toEqual(['copied', 'linked']);
    expect(files.readFileSync(at('linked')).toString()).toBe('one');
  });
}

function describeBytes(subject: Subject): void {
  test('writes several parts one after the other and reads them back, short only at the end', () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    file.writeSync([Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')], 0);
    file.writeSync([Buffer.from('!')], 6);
    expect(file.size).toBe(7);
    expect(text(file)).toBe('onetwo!');
    const target = Buffer.alloc(10, '.');
    expect(file.readSync(target, 2, 20 - 12, 3)).toBe(4);
    expect(target.toString()).toBe('..two!....');
    expect(file.readSync(target, 0, 5, 100)).toBe(0);
    file.close();
  });

  test('the asynchronous calls do the same', async () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    await file.write([Buffer.from('one'), Buffer.from('two')], 0);
    await file.write([Buffer.from('three')], 6);
    await file.sync();
    const target = Buffer.alloc(20);
    expect(await file.read(target, 1, 19, 0)).toBe(11);
    expect(target.subarray(1, 12).toString()).toBe('onetwothree');
    expect(file.size).toBe(11);
    file.close();
  });

  test('a gap is zeros, and so is what a truncation adds', () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    file.writeSync([Buffer.from('ab')], 4);
    expect([...content(file)]).toEqual([0, 0, 0, 0, 97, 98]);
    file.truncateSync(5);
    file.truncateSync(7);
    expect([...content(file)]).toEqual([0, 0, 0, 0, 97, 0, 0]);
    file.truncateSync(10 * 1024 * 1024);
    expect(file.size).toBe(10 * 1024 * 1024);
    expect(files.statSync(at('log'))?.size).toBe(10 * 1024 * 1024);
    file.close();
  });

  test('a large write arrives whole', async () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    const parts = Array.from({ length: 1500 }, (_, index) => Buffer.alloc(1000, index));
    file.writeSync(parts, 0);
    await file.write(parts, file.size);
    expect(content(file).equals(Buffer.concat([...parts, ...parts]))).toBe(true);
    file.close();
  });

  test('two handles on one file agree on its size', () => {
    const { files, at } = subject();
    const writer = files.openSync(at('log'), 'create-new');
    const reader = files.openSync(at('log'), 'read');
    writer.writeSync([Buffer.from('abc')], 0);
    expect(reader.size).toBe(3);
    expect(text(reader)).toBe('abc');
    expect(codeOf(() => reader.writeSync([Buffer.from('x')], 0))).toBe('EACCES');
    writer.close();
    expect(text(reader)).toBe('abc');
    reader.close();
  });

  test('a closed handle throws, however often it was closed', async () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    file.close();
    file.close();
    expect(codeOf(() => file.writeSync([Buffer.from('x')], 0))).toBe('ECLOSED');
    expect(codeOf(() => text(file))).toBe('ECLOSED');
    await expect(file.sync()).rejects.toMatchObject({ code: 'ECLOSED' });
    await expect(file.read(Buffer.alloc(1), 0, 1, 0)).rejects.toMatchObject({ code: 'ECLOSED' });
  });

  test('views, where there are any, are the bytes', () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    file.writeSync([Buffer.alloc(100_000, 'a'), Buffer.from('tail')], 0);
    const views = file.viewSync?.(99_999, 50);
    if (views !== undefined) expect(Buffer.concat(views).toString()).toBe('atail');
    file.close();
  });
}

function describeNames(subject: Subject): void {
  test('the four ways to open', () => {
    const { files, at } = subject();
    for (const mode of ['read', 'update'] as const)
      expect(codeOf(() => files.openSync(at('x'), mode))).toBe('ENOENT');
    put(files, at('x'), 'abc');
    expect(codeOf(() => files.openSync(at('x'), 'create-new'))).toBe('EEXIST');
    const kept = files.openSync(at('x'), 'create');
    expect(text(kept)).toBe('abc');
    const update = files.openSync(at('x'), 'update');
    update.writeSync([Buffer.from('d')], 3);
    expect(text(kept)).toBe('abcd');
    kept.close();
    update.close();
    files.makeDirectorySync(at('directory'));
    for (const mode of ['read', 'update', 'create'] as const) {
      expect(codeOf(() => files.openSync(at('directory'), mode))).toBe('EISDIR');
    }
    expect(codeOf(() => files.openSync(at('nowhere', 'x'), 'create'))).toBe('ENOENT');
  });

  test('lists, stats, makes and removes', () => {
    const { files, at } = subject();
    files.makeDirectorySync(at('a b', 'Füße', 'c'));
    files.makeDirectorySync(at('a b', 'Füße', 'c'));
    put(files, at('a b', 'Füße', 'z'), '12345');
    put(files, at('a b', 'Füße', 'y'), '');
    expect(files.listSync(at('a b', 'Füße'))).toEqual(['c', 'y', 'z']);
    expect(files.statSync(at('a b', 'Füße', 'z'))).toMatchObject({ kind: 'file', size: 5 });
    expect(files.statSync(at('a b'))).toMatchObject({ kind: 'directory' });
    expect(files.statSync(at('none'))).toBeNull();
    expect(files.statSync(at('a b', 'Füße', 'z', 'below a file'))).toBeNull();
    expect(codeOf(() => files.listSync(at('none')))).toBe('ENOENT');
    files.removeFileSync(at('a b', 'Füße', 'z'));
    files.removeFileSync(at('a b', 'Füße', 'z'));
    expect(files.listSync(at('a b', 'Füße'))).toEqual(['c', 'y']);
    files.removeTreeSync(at('a b'));
    files.removeTreeSync(at('a b'));
    expect(files.statSync(at('a b'))).toBeNull();
  });

  test('a rename replaces a file, and the handle follows', () => {
    const { files, at } = subject();
    put(files, at('target'), 'old');
    const file = files.openSync(at('source.swap'), 'create-new');
    file.writeSync([Buffer.from('new')], 0);
    file.renameTo(at('target'));
    expect(file.path).toBe(files.openSync(at('target'), 'read').path);
    expect(files.listSync(at())).toEqual(['target']);
    file.writeSync([Buffer.from('er')], 3);
    expect(files.readFileSync(at('target')).toString()).toBe('newer');
    files.renameSync(at('target'), at('moved'));
    expect(text(file)).toBe('newer');
    files.closeIdle();
    expect(text(file)).toBe('newer');
    file.close();
    expect(codeOf(() => files.renameSync(at('none'), at('x')))).toBe('ENOENT');
  });

  test('handles follow when a directory above them is renamed', async () => {
    const { files, at } = subject();
    files.makeDirectorySync(at('orders-0'));
    const file = files.openSync(at('orders-0', 'log'), 'create-new');
    file.writeSync([Buffer.from('abc')], 0);
    files.renameSync(at('orders-0'), at('orders-0.1234-delete'));
    files.closeIdle();
    expect(text(file)).toBe('abc');
    file.writeSync([Buffer.from('d')], 3);
    await file.sync();
    expect(files.readFileSync(at('orders-0.1234-delete', 'log')).toString()).toBe('abcd');
    expect(file.path.endsWith(files.join('orders-0.1234-delete', 'log'))).toBe(true);
    expect(files.statSync(at('orders-0'))).toBeNull();
    file.close();
  });

  test('a modification time can be set', () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    file.setModifiedMs(1_700_000_000_123);
    expect(files.statSync(at('log'))?.modifiedMs).toBe(1_700_000_000_123);
    file.close();
  });

  test('a directory can be synced; a missing one cannot, where that means anything', async () => {
    const { files, at } = subject();
    put(files, at('x'), '');
    await files.syncDirectory(at());
    files.syncDirectorySync(at());
  });

  test('a lock has one holder', () => {
    const { files, at } = subject();
    const lock = files.tryLock(at('.lock'));
    expect(lock).not.toBeNull();
    expect(files.tryLock(at('.lock'))).toBeNull();
    expect(files.lockHolderSync(at('.lock')).kind).toBe('this-process');
    lock!.release();
    lock!.release();
    const again = files.tryLock(at('.lock'));
    expect(again).not.toBeNull();
    again!.release();
    expect(files.statSync(at('.lock'))).toMatchObject({ size: 0 });
  });
}

function describeRetained(subject: Subject): void {
  test('a retained file is readable after its removal, until it is released', async () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    file.writeSync([Buffer.from('being sent')], 0);
    file.retain();
    file.retain();
    files.closeIdle();
    files.removeFileSync(at('log'));
    files.closeIdle();
    expect(text(file)).toBe('being sent');
    file.close();
    const target = Buffer.alloc(4);
    expect(await file.read(target, 0, 4, 6)).toBe(4);
    expect(target.toString()).toBe('sent');
    file.release();
    expect(text(file)).toBe('being sent');
    file.release();
    expect(codeOf(() => text(file))).toBe('ECLOSED');
    expect(files.statSync(at('log'))).toBeNull();
    expect(codeOf(() => file.release())).toBe('EOTHER');
  });

  test('a removal on the thread pool does the same', async () => {
    const { files, at } = subject();
    const file = files.openSync(at('log'), 'create-new');
    file.writeSync([Buffer.from('being sent')], 0);
    const other = files.openSync(at('other'), 'create-new');
    file.retain();
    files.closeIdle();
    await Promise.all([
      files.removeFile(at('log')),
      files.removeFile(at('other')),
      files.removeFile(at('none')),
    ]);
    files.closeIdle();
    expect(text(file)).toBe('being sent');
    file.close();
    file.release();
    expect(files.listSync(at())).toEqual([]);
    expect(codeOf(() => text(other))).toBe('ENOENT');
    other.close();
  });

  test('retained files outlive the tree they were in', () => {
    const { files, at } = subject();
    files.makeDirectorySync(at('orders-0'));
    const handles = ['a', 'b', 'c'].map((name) => {
      const file = files.openSync(at('orders-0', name), 'create-new');
      file.writeSync([Buffer.from(`content of ${name}`)], 0);
      file.retain();
      return file;
    });
    files.closeIdle();
    files.removeTreeSync(at('orders-0'));
    expect(handles.map(text)).toEqual(['content of a', 'content of b', 'content of c']);
    for (const file of handles) file.close();
    for (const file of handles) file.release();
    expect(files.statSync(at('orders-0'))).toBeNull();
  });

  test('without that, a handle whose file was removed or replaced throws', () => {
    const { files, at } = subject();
    const removed = files.openSync(at('removed'), 'create-new');
    const replaced = files.openSync(at('replaced'), 'create-new');
    files.removeFileSync(at('removed'));
    put(files, at('other'), 'new');
    files.renameSync(at('other'), at('replaced'));
    expect(codeOf(() => text(removed))).toBe('ENOENT');
    expect(codeOf(() => replaced.writeSync([Buffer.from('x')], 0))).toBe('ENOENT');
    expect(files.readFileSync(at('replaced')).toString()).toBe('new');
    removed.close();
    replaced.close();
    const again = files.openSync(at('removed'), 'create-new');
    expect(again.size).toBe(0);
    again.close();
  });
}

function describeWholeFiles(subject: Subject): void {
  test('a whole file is replaced, and its old handles are handles on nothing', async () => {
    const { files, at } = subject();
    await files.replaceFile(at('checkpoint'), Buffer.from('first'));
    const old = files.openSync(at('checkpoint'), 'read');
    files.replaceFileSync(at('checkpoint'), Buffer.from('second'));
    expect(files.readFileSync(at('checkpoint')).toString()).toBe('second');
    expect(codeOf(() => text(old))).toBe('ENOENT');
    old.close();
    expect(files.listSync(at())).toEqual(['checkpoint']);
    expect(codeOf(() => files.readFileSync(at('none')))).toBe('ENOENT');
    await expect(files.replaceFile(at('none', 'x'), Buffer.from(''))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('of replacements that overlap the last one asked for stays', async () => {
    const { files, at } = subject();
    const several = ['a', 'b', 'c'].map((name) => files.replaceFile(at('checkpoint'), Buffer.from(name)));
    files.replaceFileSync(at('checkpoint'), Buffer.from('d'));
    expect(files.readFileSync(at('checkpoint')).toString()).toBe('d');
    await Promise.all(several);
    expect(files.readFileSync(at('checkpoint')).toString()).toBe('d');
    expect(files.listSync(at())).toEqual(['checkpoint']);
    await files.replaceFile(at('checkpoint'), Buffer.from('e'));
    expect(files.readFileSync(at('checkpoint')).toString()).toBe('e');
  });
}

function put(files: FileSystem, path: string, bytes: string): void {
  const file = files.openSync(path, 'create');
  file.writeSync([Buffer.from(bytes)], 0);
  file.close();
}

function content(file: File): Buffer {
  const target = Buffer.alloc(file.size);
  expect(file.readSync(target, 0, target.length, 0)).toBe(target.length);
  return target;
}

function text(file: File): string {
  return content(file).toString();
}

/** The code of the FileError that a call throws. */
export function codeOf(call: () => unknown): FileErrorCode | 'nothing thrown' {
  try {
    call();
    return 'nothing thrown';
  } catch (error) {
    if (error instanceof FileError) return error.code;
    throw error;
  }
}
