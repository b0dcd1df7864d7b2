/**
 * The names of a disk, and which of our open files stands behind which.
 *
 * Every handle on a path shares one OpenFile (open-files.ts), so that a size is counted once and a rename, of the file
 * or of a directory above it, carries all handles along.
 *
 * What differs between platforms:
 *   - POSIX: a removed file lives on in its descriptor. One that is retained gets a descriptor before its name goes.
 *   - Windows: a directory with an open file in it is not renamed, and the name of an open file that is removed stays.
 *     Our idle descriptors are closed first; a removal of a retained file waits for its release; what someone else
 *     holds for a moment (a virus scanner) is tried again for about 100 ms. Directories cannot be synced, and need not.
 */
import path from 'node:path';
import { probeCase } from './case-probe.ts';
import { copyDurably, copyFile, linkFile } from './copy-file.ts';
import { DirectorySyncs } from './directory-syncs.ts';
import type { DiskFileHost } from './disk-file.ts';
import { DiskFile } from './disk-file.ts';
import type { FileLocks } from './file-locks.ts';
import { FileNames } from './file-names.ts';
import type { FileLock, FileStat, FileSystem, LockHolder, OpenMode, VolumeStat } from './files.ts';
import { FileError } from './files.ts';
import type { OpenFile } from './open-files.ts';
import { DescriptorCache, openFile } from './open-files.ts';
import { Replacements } from './replace-file.ts';
import type { SystemCalls } from './system-calls.ts';
import { awaited, called, fileErrorFrom, systemCode } from './system-calls.ts';

export interface DiskFileSystemOptions {
  readonly calls: SystemCalls;
  readonly locks: FileLocks;
  /** Descriptors open at a time; pinned files may exceed it. */
  readonly openFilesMax: number;
  /** True on Windows: see the head of this file. */
  readonly windowsRules: boolean;
  /** Waits without leaving the event loop; for the few retries on Windows. */
  readonly pauseSync: (ms: number) => void;
  readonly blocksRead?: () => number;
}

const windowsBusyCodes: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EBUSY']);
const windowsRetriesMs = [1, 4, 10, 30, 60];

export class DiskFileSystem implements FileSystem, DiskFileHost {
  readonly deletesAtOnce = false;
  readonly calls: SystemCalls;
  readonly descriptors: DescriptorCache;
  readonly blocksRead?: () => number;
  readonly #options: DiskFileSystemOptions;
  readonly #names = new FileNames();
  /** Windows: directories whose removal waits for a file below them. */
  readonly #treesToRemove = new Set<string>();
  readonly #caseInsensitive = new Map<string, boolean>();
  readonly #replacements = new Replacements(this);
  readonly #directorySyncs: DirectorySyncs;

  constructor(options: DiskFileSystemOptions) {
    this.#options = options;
    this.calls = options.calls;
    if (options.blocksRead !== undefined) this.blocksRead = options.blocksRead;
    this.descriptors = new DescriptorCache(options.calls, options.openFilesMax);
    this.#directorySyncs = new DirectorySyncs(options.calls);
  }

  join(...parts: string[]): string {
    return path.join(...parts);
  }

  isCaseInsensitive(directory: string): boolean {
    const absolute = path.resolve(directory);
    let answer = this.#caseInsensitive.get(absolute);
    if (answer === undefined) {
      answer = probeCase(this, absolute);
      this.#caseInsensitive.set(absolute, answer);
    }
    return answer;
  }

  openSync(name: string, mode: OpenMode, options: { permissions?: number } = {}): DiskFile {
    const absolute = path.resolve(name);
    const writable = mode !== 'read';
    const file = this.#existing(absolute, mode) ?? this.#create(absolute, mode, options.permissions ?? 0o666);
    if (writable && !file.writable) {
      file.writable = true;
      this.descriptors.drop(file);
    }
    this.#names.remember(file);
    return new DiskFile(this, file, writable);
  }

  statSync(name: string): FileStat | null {
    try {
      const stat = this.calls.statSync(name, { throwIfNoEntry: false });
      if (stat === undefined) return null;
      const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
      return { kind, size: kind === 'file' ? stat.size : 0, modifiedMs: Math.round(stat.mtimeMs) };
    } catch (error) {
      if (systemCode(error) === 'ENOTDIR') return null;
      throw fileErrorFrom(error, name, 'stat');
    }
  }

  listSync(directory: string): string[] {
    return called(directory, 'list', () => this.calls.readdirSync(directory)).sort();
  }

  makeDirectorySync(name: string): boolean {
    return called(name, 'make directory', () => this.#makeDirectory(path.resolve(name)));
  }

  renameSync(from: string, to: string): void {
    const source = path.resolve(from);
    const target = path.resolve(to);
    if (source === target) return;
    const below = this.#names.atOrBelow(source);
    const replaced = this.#names.at(target);
    if (this.#options.windowsRules) this.#prepareRenameOnWindows(source, below, replaced);
    this.#removing(replaced === undefined ? [] : [replaced], () => {
      this.#withRetries(from, 'rename', () => this.calls.renameSync(source, target));
    });
    for (const file of below) {
      this.#names.forget(file);
      file.path = target + file.path.slice(source.length);
      this.#names.remember(file);
    }
  }

  renameFile(file: OpenFile, to: string): void {
    this.renameSync(file.path, to);
  }

  giveOwnBytes(file: OpenFile): void {
    const { path: name } = file;
    const copy = `${name}.own.tmp`;
    this.#unlink(copy);
    try {
      called(copy, 'copy', () => copyDurably(this.calls, name, copy));
    } catch (error) {
      this.#unlink(copy);
      throw error;
    }
    // It is opened anew under its name when it is needed next.
    this.descriptors.drop(file);
    this.#withRetries(name, 'rename', () => this.calls.renameSync(copy, name));
    this.syncDirectorySync(path.dirname(name));
    file.hasOtherNames = false;
  }

  linkSync(from: string, to: string): boolean {
    return linkFile(this.calls, from, to);
  }

  copySync(from: string, to: string): void {
    copyFile(this.calls, from, to);
  }

  removeFileSync(name: string): void {
    const absolute = path.resolve(name);
    const file = this.#names.at(absolute);
    if (file !== undefined && this.#defersRemoval(file)) {
      file.removed = true;
      file.removeWhenFree = true;
      return;
    }
    this.#removing(file === undefined ? [] : [file], () => this.#unlink(absolute));
  }

  async removeFile(name: string): Promise<void> {
    const absolute = path.resolve(name);
    const file = this.#names.at(absolute);
    // On Windows unlinking may have to be tried again, and is a quick change of the directory.
    if (this.#options.windowsRules) return this.removeFileSync(absolute);
    const isRetained = file !== undefined && file.retained > 0;
    if (isRetained) this.descriptors.pin(file);
    if (file !== undefined) this.#markRemoved(file);
    try {
      await awaited(name, 'remove', (done) => this.calls.unlink(absolute, done));
    } catch (error) {
      if (!isNothingThere(error)) throw error;
    } finally {
      if (isRetained) {
        this.descriptors.unpin(file);
        this.settle(file);
      }
    }
  }

  removeTreeSync(name: string): void {
    const absolute = path.resolve(name);
    const below = this.#names.atOrBelow(absolute);
    if (below.some((file) => this.#defersRemoval(file))) {
      for (const file of below) file.removed = true;
      this.#treesToRemove.add(absolute);
      return;
    }
    this.#removing(below, () => {
      called(name, 'remove', () => {
        this.calls.rmSync(absolute, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
      });
    });
  }

  async syncDirectory(name: string): Promise<void> {
    if (!this.#options.windowsRules) await this.#directorySyncs.sync(name);
  }

  syncDirectorySync(name: string): void {
    if (!this.#options.windowsRules) this.#directorySyncs.syncSync(name);
  }

  readFileSync(name: string): Buffer {
    return called(name, 'read', () => this.calls.readFileSync(name));
  }

  replaceFile(name: string, content: Uint8Array): Promise<void> {
    return this.#replacements.replace(path.resolve(name), content);
  }

  replaceFileSync(name: string, content: Uint8Array): void {
    this.#replacements.replaceSync(path.resolve(name), content);
  }

  tryLock(name: string): FileLock | null {
    return this.#options.locks.tryLock(path.resolve(name));
  }

  trySharedLock(name: string): FileLock | null {
    return this.#options.locks.tryLock(path.resolve(name), true);
  }

  lockHolderSync(name: string): LockHolder {
    return this.#options.locks.holderOf(path.resolve(name));
  }

  volumeSync(name: string): VolumeStat | null {
    const stat = called(name, 'stat the volume of', () => this.calls.statfsSync(name));
    return { totalBytes: stat.blocks * stat.bsize, usableBytes: stat.bavail * stat.bsize };
  }

  closeIdle(): void {
    this.descriptors.closeIdle();
  }

  settle(file: OpenFile): void {
    if (file.pins > 0 || file.retained > 0) return;
    if (file.removeWhenFree) {
      this.descriptors.drop(file);
      file.removeWhenFree = false;
      this.#names.forget(file);
      this.#unlink(file.path);
    }
    if (file.removed || file.handles === 0) {
      this.descriptors.drop(file);
      this.#names.forget(file);
    }
    if (this.#treesToRemove.size > 0) this.#removeFreedTrees();
  }

  /** The file for an open of something that is there already; undefined when it must be created. */
  #existing(absolute: string, mode: OpenMode): OpenFile | undefined {
    let known = this.#names.at(absolute);
    // The system says by itself whether it was there, and Windows what a directory is only when it is asked.
    if (known === undefined && mode.startsWith('create') && !this.#options.windowsRules) return undefined;
    const stat = called(absolute, 'open', () => this.calls.statSync(absolute, { throwIfNoEntry: false }));
    if (known !== undefined && stat === undefined) {
      // Someone else removed it; our handles on it are handles on nothing.
      this.#markRemoved(known);
      known = undefined;
    }
    if (stat === undefined) {
      if (mode === 'read' || mode === 'update') throw new FileError('ENOENT', absolute, 'open');
      return undefined;
    }
    if (mode === 'create-new') throw new FileError('EEXIST', absolute, 'open');
    if (stat.isDirectory()) throw new FileError('EISDIR', absolute, 'open');
    const file = known ?? openFile(absolute, stat.size, mode !== 'read');
    file.hasOtherNames = stat.nlink > 1;
    return file;
  }

  /** Also one that is there, unless it must be new. */
  #create(absolute: string, mode: OpenMode, permissions: number): OpenFile {
    const { O_RDWR, O_CREAT, O_EXCL } = this.calls.constants;
    const isNew = mode === 'create-new';
    const flags = O_RDWR | O_CREAT | (isNew ? O_EXCL : 0);
    const descriptor = called(absolute, 'open', () =>
      this.descriptors.openWithRetry(() => this.calls.openSync(absolute, flags, permissions)),
    );
    const stat = isNew ? null : this.calls.fstatSync(descriptor);
    const file = openFile(absolute, stat?.size ?? 0, true);
    file.hasOtherNames = stat !== null && stat.nlink > 1;
    this.descriptors.adopt(file, descriptor);
    return file;
  }

  /** By hand: Node's own recursion has no end where the system says ENOENT though the parent is there, as in /proc. */
  #makeDirectory(absolute: string): boolean {
    try {
      this.calls.mkdirSync(absolute);
      return true;
    } catch (error) {
      if (this.statSync(absolute)?.kind === 'directory') return false;
      const parent = path.dirname(absolute);
      if (systemCode(error) !== 'ENOENT' || this.statSync(parent) !== null) throw error;
      this.#makeDirectory(parent);
      return this.#makeDirectory(absolute);
    }
  }

  #defersRemoval(file: OpenFile): boolean {
    return this.#options.windowsRules && (file.retained > 0 || file.pins > 0);
  }

  #prepareRenameOnWindows(source: string, below: readonly OpenFile[], replaced: OpenFile | undefined): void {
    const isInUse = below.some((file) => file.path !== source && file.pins > 0);
    if (isInUse || (replaced !== undefined && this.#defersRemoval(replaced))) {
      throw new FileError('EBUSY', source, 'rename', { detail: 'a file is being read' });
    }
    for (const file of below) this.descriptors.drop(file);
  }

  /** Takes names away. Retained files get, while they have a name, the descriptor that will outlive it. */
  #removing(files: readonly OpenFile[], takeAway: () => void): void {
    const pinned: OpenFile[] = [];
    try {
      for (const file of files) {
        if (this.#options.windowsRules) this.descriptors.drop(file);
        else if (file.retained > 0) {
          this.descriptors.pin(file);
          pinned.push(file);
        }
      }
      takeAway();
      for (const file of files) this.#markRemoved(file);
    } finally {
      for (const file of pinned) this.descriptors.unpin(file);
    }
  }

  #markRemoved(file: OpenFile): void {
    file.removed = true;
    this.#names.forget(file);
    this.settle(file);
  }

  #unlink(absolute: string): void {
    try {
      this.#withRetries(absolute, 'remove', () => this.calls.unlinkSync(absolute));
    } catch (error) {
      if (!isNothingThere(error)) throw error;
    }
  }

  #removeFreedTrees(): void {
    for (const tree of this.#treesToRemove) {
      const below = this.#names.atOrBelow(tree);
      if (below.some((file) => this.#defersRemoval(file))) continue;
      this.#treesToRemove.delete(tree);
      this.removeTreeSync(tree);
    }
  }

  #withRetries(name: string, operation: string, call: () => void): void {
    for (const pauseMs of [...windowsRetriesMs, null]) {
      try {
        call();
        return;
      } catch (error) {
        const busy = this.#options.windowsRules && windowsBusyCodes.has(systemCode(error));
        if (!busy) throw fileErrorFrom(error, name, operation);
        if (pauseMs === null) throw new FileError('EBUSY', name, operation, { cause: error });
        this.#options.pauseSync(pauseMs);
      }
    }
  }
}

function isNothingThere(error: unknown): boolean {
  return error instanceof FileError && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
