/**
 * A whole file system in memory: `--memory`, most tests, and the ground under test/simulation/faulty-files.ts.
 *
 * Directories are maps from names to nodes; a file's node owns its bytes (sparse-bytes.ts), handles point at nodes, so
 * they follow every rename. A removed file gives its room back at once, or with the last `release` if it is retained.
 *
 * `memoryLimitBytes` counts what is allocated for the bytes of all files, retained removed ones included: whole chunks
 * of 64 KiB, less in a small file. A write that would pass it throws EMEMORYLIMIT and changes nothing. Files that `isBulk`
 * names leave a little of it to the others, with which room is made: a deletion is written down too.
 * Paths are POSIX paths below an imagined root; nothing here reaches a disk.
 */
import { posix } from 'node:path';
import type { Clock } from './clock.ts';
import type { FileLock, FileStat, FileSystem, LockHolder, OpenMode, VolumeStat } from './files.ts';
import { FileError } from './files.ts';
import { MemoryFile, promised } from './memory-file.ts';
import type { MemoryNode } from './memory-nodes.ts';
import { MemoryDirectoryNode, MemoryFileNode, namesIn, refuseReplacement } from './memory-nodes.ts';
import { Replacements } from './replace-file.ts';
import { type Budget, MemoryBudget, SparseBytes } from './sparse-bytes.ts';

export interface MemoryFileSystemOptions {
  /** Gives files their modification times. */
  readonly clock: Pick<Clock, 'nowMs'>;
  /** No limit when left out. */
  readonly memoryLimitBytes?: number;
  /** Named in the error when the limit is reached. */
  readonly memoryLimitOption?: string;
  /** By the path under which a file is made. Left out: none is. */
  readonly isBulk?: (path: string) => boolean;
  readonly deletesAtOnce?: boolean;
}

/** Of the limit, for files that are not bulk. */
const reserveShare = 1 / 16;
const reserveBytesMax = 1024 * 1024;

export class MemoryFileSystem implements FileSystem {
  readonly deletesAtOnce: boolean;
  readonly budget: MemoryBudget;
  readonly root: MemoryDirectoryNode;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #limitOption: string;
  readonly #isBulk: (path: string) => boolean;
  readonly #bulkBudget: Budget;
  readonly #replacements = new Replacements(this);

  constructor(options: MemoryFileSystemOptions) {
    this.#clock = options.clock;
    this.#limitOption = options.memoryLimitOption ?? 'memoryLimitBytes';
    this.deletesAtOnce = options.deletesAtOnce ?? false;
    this.#isBulk = options.isBulk ?? (() => false);
    this.budget = new MemoryBudget(options.memoryLimitBytes);
    const reserveBytes = Math.min(Math.floor(this.budget.limitBytes * reserveShare), reserveBytesMax);
    this.#bulkBudget = this.budget.leaving(reserveBytes);
    this.root = new MemoryDirectoryNode(null, '', options.clock.nowMs());
  }

  join(...parts: string[]): string {
    return posix.join(...parts);
  }

  isCaseInsensitive(_directory: string): boolean {
    return false;
  }

  openSync(path: string, mode: OpenMode, _options?: { permissions?: number }): MemoryFile {
    const node = this.nodeAt(path, 'open');
    if (node === undefined) {
      if (mode === 'read' || mode === 'update') throw new FileError('ENOENT', path, 'open');
      return new MemoryFile(this, this.#createFile(path, 'open'), true);
    }
    if (mode === 'create-new') throw new FileError('EEXIST', path, 'open');
    if (node.kind === 'directory') throw new FileError('EISDIR', path, 'open');
    return new MemoryFile(this, node, mode !== 'read');
  }

  statSync(path: string): FileStat | null {
    const node = this.#nodeOrNothing(path);
    if (node === undefined) return null;
    const size = node.kind === 'file' ? node.bytes.size : 0;
    return { kind: node.kind, size, modifiedMs: node.modifiedMs };
  }

  listSync(directory: string): string[] {
    return [...this.#directoryAt(directory, 'list').entries.keys()].sort();
  }

  makeDirectorySync(path: string): boolean {
    let isMade = false;
    let directory = this.root;
    const names = namesIn(path);
    for (const [index, name] of names.entries()) {
      const next = directory.entries.get(name);
      if (next === undefined) {
        const made = new MemoryDirectoryNode(directory, name, this.#clock.nowMs());
        directory.entries.set(name, made);
        directory = made;
        isMade = true;
      } else if (next.kind === 'directory') directory = next;
      else throw new FileError(index === names.length - 1 ? 'EEXIST' : 'ENOTDIR', path, 'make directory');
    }
    return isMade;
  }

  renameSync(from: string, to: string): void {
    const node = this.nodeAt(from, 'rename');
    if (node === undefined) throw new FileError('ENOENT', from, 'rename');
    this.renameNode(node, to);
  }

  /** The rename that `renameSync` and `File.renameTo` share. */
  renameNode(node: MemoryNode, to: string): void {
    const { parent, name } = this.#placeOf(to, 'rename');
    const target = parent.entries.get(name);
    if (target === node) return;
    if (target !== undefined) refuseReplacement(node, target, to);
    for (let above: MemoryDirectoryNode | null = parent; above !== null; above = above.parent) {
      if (above === node) throw new FileError('EOTHER', to, 'rename', { detail: 'into itself' });
    }
    if (target !== undefined) this.removeNode(target);
    node.parent?.entries.delete(node.name);
    node.parent = parent;
    node.name = name;
    parent.entries.set(name, node);
  }

  /** Puts a file of such a file system here too; what either side writes afterwards the other does not see. */
  adoptSync(source: MemoryFileSystem, from: string, to: string): void {
    const node = source.nodeAt(from, 'read');
    if (node?.kind !== 'file') throw new FileError('ENOENT', from, 'read');
    const bytes = node.bytes.fork(this.#isBulk(to) ? this.#bulkBudget : this.budget);
    if (bytes === null) throw this.outOfMemory(to);
    const { parent, name } = this.#placeOf(to, 'make');
    parent.entries.set(name, new MemoryFileNode(bytes, parent, name, node.modifiedMs));
  }

  removeFileSync(path: string): void {
    const node = this.#nodeOrNothing(path);
    if (node === undefined) return;
    if (node.kind === 'directory') throw new FileError('EISDIR', path, 'remove');
    this.removeNode(node);
  }

  removeFile(path: string): Promise<void> {
    return promised(() => this.removeFileSync(path));
  }

  removeTreeSync(path: string): void {
    const node = this.#nodeOrNothing(path);
    if (node !== undefined) this.removeNode(node);
  }

  syncDirectory(path: string): Promise<void> {
    return promised(() => this.syncDirectorySync(path));
  }

  syncDirectorySync(path: string): void {
    this.#directoryAt(path, 'sync');
  }

  readFileSync(path: string): Buffer {
    const node = this.nodeAt(path, 'read');
    if (node === undefined) throw new FileError('ENOENT', path, 'read');
    if (node.kind === 'directory') throw new FileError('EISDIR', path, 'read');
    const content = Buffer.alloc(node.bytes.size);
    node.bytes.read(content, 0, content.length, 0);
    return content;
  }

  replaceFile(path: string, content: Uint8Array): Promise<void> {
    return this.#replacements.replace(path, content);
  }

  replaceFileSync(path: string, content: Uint8Array): void {
    this.#replacements.replaceSync(path, content);
  }

  tryLock(path: string): FileLock | null {
    const existing = this.nodeAt(path, 'lock');
    const node = existing ?? this.#createFile(path, 'lock');
    if (node.kind === 'directory') throw new FileError('EISDIR', path, 'lock');
    if (node.locked) return null;
    node.locked = true;
    let held = true;
    return {
      // Nobody outside this process can see these files.
      keepsKafkaOut: true,
      release() {
        if (held) node.locked = false;
        held = false;
      },
    };
  }

  /** There are no other processes here. */
  trySharedLock(path: string): FileLock | null {
    return this.tryLock(path);
  }

  lockHolderSync(path: string): LockHolder {
    const node = this.#nodeOrNothing(path);
    const kind = node?.kind === 'file' && node.locked ? 'this-process' : 'unknown';
    return { kind, processId: null };
  }

  volumeSync(_path: string): VolumeStat | null {
    const { limitBytes, usedBytes } = this.budget;
    if (limitBytes === Number.POSITIVE_INFINITY) return null;
    return { totalBytes: limitBytes, usableBytes: limitBytes - usedBytes };
  }

  closeIdle(): void {}

  /** What is at a path; undefined when nothing is. Throws ENOTDIR when the way leads through a file. */
  nodeAt(path: string, operation: string): MemoryNode | undefined {
    let node: MemoryNode = this.root;
    for (const name of namesIn(path)) {
      if (node.kind === 'file') throw new FileError('ENOTDIR', path, operation);
      const next = node.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  outOfMemory(path: string): FileError {
    const detail = `the files in memory have reached ${this.#limitOption}=${this.budget.limitBytes}`;
    return new FileError('EMEMORYLIMIT', path, 'write', { detail });
  }

  #nodeOrNothing(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.root;
    for (const name of namesIn(path)) node = node?.kind === 'directory' ? node.entries.get(name) : undefined;
    return node;
  }

  #directoryAt(path: string, operation: string): MemoryDirectoryNode {
    const node = this.nodeAt(path, operation);
    if (node === undefined) throw new FileError('ENOENT', path, operation);
    if (node.kind === 'file') throw new FileError('ENOTDIR', path, operation);
    return node;
  }

  #placeOf(path: string, operation: string): { parent: MemoryDirectoryNode; name: string } {
    const name = namesIn(path).at(-1);
    if (name === undefined) throw new FileError('EISDIR', path, operation);
    return { parent: this.#directoryAt(posix.dirname(posix.resolve('/', path)), operation), name };
  }

  #createFile(path: string, operation: string): MemoryFileNode {
    const { parent, name } = this.#placeOf(path, operation);
    const budget = this.#isBulk(path) ? this.#bulkBudget : this.budget;
    const node = new MemoryFileNode(new SparseBytes(budget), parent, name, this.nowMs());
    parent.entries.set(name, node);
    return node;
  }

  /** Takes a node, with all below it, out of the tree and gives back what nobody retains. */
  removeNode(node: MemoryNode): void {
    if (node.kind === 'directory') for (const child of [...node.entries.values()]) this.removeNode(child);
    node.parent?.entries.delete(node.name);
    // The root itself stays.
    if (node !== this.root) node.parent = null;
    if (node.kind === 'file' && node.retained === 0) node.bytes.clear();
  }
}
