/**
 * A memory file system that fails, is slow, runs full and loses power, to a test's order.
 *
 *   fail, delay        rules: see fault-rules.ts. A delayed call has its effect at its end.
 *   limitSpace         so many more bytes, then writes fall short with ENOSPC; removals and cuts give room back
 *   stopAfter          after so many further operations every call throws: a crash at any chosen place
 *   linkSync           two names for the same bytes, which they have in common after a crash as well
 *   afterKill()        the file system that a new process finds after kill -9: everything written
 *   afterCrash(random) what it finds after a loss of power: see durability.ts
 *   windowsRules       retained files hold up renames (EBUSY) and removals; directories are not synced, the names
 *                      become durable with the next sync of any file, as NTFS's journal does
 *
 * After `afterKill` or `afterCrash` the old one is the past: its calls throw and what was under way never ends.
 */

import type { Clock } from '../../storage/environment/clock.ts';
import { delay } from '../../storage/environment/clock.ts';
import type {
  File,
  FileLock,
  FileStat,
  FileSystem,
  LockHolder,
  OpenMode,
  VolumeStat,
} from '../../storage/environment/files.ts';
import { FileError } from '../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import {
  type MemoryDirectoryNode,
  MemoryFileNode,
  type MemoryNode,
} from '../../storage/environment/memory-nodes.ts';
import { Replacements } from '../../storage/environment/replace-file.ts';
import { areShared, Durability, shareBytes } from './durability.ts';
import type { FileOperation } from './fault-rules.ts';
import { DelayRule, FailRule } from './fault-rules.ts';
import { FaultyFile } from './faulty-file.ts';
import type { SeededRandom } from './random.ts';

export interface FaultyFileSystemOptions {
  readonly clock: Clock;
  readonly windowsRules?: boolean;
  /** By those rules too a sync of a directory brings its names to the device: for tests that are not about what a power cut takes back. */
  readonly windowsSyncsNames?: boolean;
  /** What `isCaseInsensitive` answers; names are compared exactly all the same. */
  readonly caseInsensitive?: boolean;
}

export class FaultyFileSystem implements FileSystem {
  readonly deletesAtOnce = false;
  readonly memory: MemoryFileSystem;
  readonly durability: Durability;
  readonly windowsRules: boolean;
  /** Every operation so far, for assertions about their order. */
  readonly operations: { readonly operation: FileOperation; readonly path: string }[] = [];
  readonly #options: FaultyFileSystemOptions;
  readonly #failRules: FailRule[] = [];
  readonly #delayRules: DelayRule[] = [];
  /** Windows: removals that wait for a release. */
  readonly #deferredRemovals = new Set<MemoryNode>();
  readonly #replacements = new Replacements(this);
  #roomBytes = Number.POSITIVE_INFINITY;
  #operationsLeft = Number.POSITIVE_INFINITY;
  #isPast = false;

  constructor(
    options: FaultyFileSystemOptions,
    state?: { readonly memory: MemoryFileSystem; readonly durability: Durability },
  ) {
    this.#options = options;
    this.windowsRules = options.windowsRules ?? false;
    this.memory = state?.memory ?? new MemoryFileSystem({ clock: options.clock });
    this.durability = state?.durability ?? new Durability();
    if (state === undefined) this.durability.settleAll(this.memory);
  }

  fail(operation: FileOperation): FailRule {
    const rule = new FailRule(operation);
    this.#failRules.push(rule);
    return rule;
  }

  /** Only of calls that answer later. */
  delay(operation: FileOperation, delayMs: number | (() => number)): DelayRule {
    const rule = new DelayRule(operation, delayMs);
    this.#delayRules.push(rule);
    return rule;
  }

  limitSpace(roomBytes: number): void {
    this.#roomBytes = roomBytes;
  }

  /** Bytes that still fit. */
  get roomBytes(): number {
    return this.#roomBytes;
  }

  takeRoom(bytes: number): void {
    this.#roomBytes -= bytes;
  }

  stopAfter(operations: number): void {
    this.#operationsLeft = operations;
  }

  /** True once a call was refused because of `stopAfter`, or the file system is the past. */
  get isStopped(): boolean {
    return this.#isPast || this.#operationsLeft < 0;
  }

  afterKill(): FaultyFileSystem {
    this.#isPast = true;
    for (const node of this.#deferredRemovals) this.#detach(node);
    letGo(this.memory.root);
    return new FaultyFileSystem(this.#options, { memory: this.memory, durability: this.durability });
  }

  afterCrash(random: SeededRandom): FaultyFileSystem {
    this.#isPast = true;
    const memory = new MemoryFileSystem({ clock: this.#options.clock });
    this.durability.crashInto(memory, this.memory.root, random);
    const durability = new Durability();
    durability.settleAll(memory);
    return new FaultyFileSystem(this.#options, { memory, durability });
  }

  join(...parts: string[]): string {
    return this.memory.join(...parts);
  }

  isCaseInsensitive(_directory: string): boolean {
    return this.#options.caseInsensitive ?? false;
  }

  openSync(path: string, mode: OpenMode, options?: { permissions?: number }): File {
    this.enter('open', path);
    const isNew = this.memory.statSync(path) === null;
    const file = this.memory.openSync(path, mode, options);
    if (isNew) this.#named(file.node);
    return new FaultyFile(this, file);
  }

  statSync(path: string): FileStat | null {
    this.#mustBePresent(path, 'stat');
    return this.memory.statSync(path);
  }

  listSync(directory: string): string[] {
    this.enter('list', directory);
    return this.memory.listSync(directory);
  }

  makeDirectorySync(path: string): boolean {
    this.enter('make directory', path);
    const missing: string[] = [];
    for (let at = this.join(path); this.memory.statSync(at) === null; at = this.join(at, '..'))
      missing.unshift(at);
    this.memory.makeDirectorySync(path);
    for (const made of missing) this.#named(this.memory.nodeAt(made, 'make directory')!);
    return missing.length > 0;
  }

  renameSync(from: string, to: string): void {
    const node = this.memory.nodeAt(from, 'rename');
    if (node === undefined) throw new FileError('ENOENT', from, 'rename');
    this.rename(node, from, to);
  }

  rename(node: MemoryNode, from: string, to: string): void {
    this.enter('rename', from);
    const replaced = this.memory.nodeAt(to, 'rename');
    const isHeld =
      (node.kind === 'directory' && isRetained(node)) || (replaced !== undefined && isRetained(replaced));
    if (this.windowsRules && isHeld) throw new FileError('EBUSY', from, 'rename');
    const before = { directory: node.parent!, name: node.name, node: null };
    this.memory.renameNode(node, to);
    if (replaced === node) return;
    if (replaced?.kind === 'file' && !areShared(replaced.bytes)) this.#roomBytes += replaced.bytes.size;
    this.durability.renamed(before, { directory: node.parent!, name: node.name, node });
  }

  /** A rule that says EACCES: this file system has no such links. */
  linkSync(from: string, to: string): boolean {
    const rule = this.strike('link', to);
    if (rule?.code === 'EACCES') return false;
    if (rule !== null) throw rule.errorOf(to);
    const source = this.#fileAt(from, 'link');
    const { parent, name } = this.#newName(to, 'link');
    shareBytes(source.bytes);
    const node = new MemoryFileNode(source.bytes, parent, name, source.modifiedMs);
    parent.entries.set(name, node);
    this.#named(node);
    return true;
  }

  copySync(from: string, to: string): void {
    const rule = this.strike('copy', to);
    if (rule !== null) throw rule.errorOf(to);
    this.#newName(to, 'copy');
    const { bytes } = this.#fileAt(from, 'copy');
    const content = Buffer.alloc(bytes.size);
    bytes.read(content, 0, content.length, 0);
    const file = this.openSync(to, 'create-new');
    try {
      file.writeSync([content], 0);
    } finally {
      file.close();
    }
  }

  #fileAt(path: string, operation: FileOperation): MemoryFileNode {
    const node = this.memory.nodeAt(path, operation);
    if (node?.kind !== 'file') throw new FileError('ENOENT', path, operation);
    return node;
  }

  #newName(path: string, operation: FileOperation): { parent: MemoryDirectoryNode; name: string } {
    if (this.memory.statSync(path) !== null) throw new FileError('EEXIST', path, operation);
    const parent = this.memory.nodeAt(this.join(path, '..'), operation);
    if (parent?.kind !== 'directory') throw new FileError('ENOENT', path, operation);
    return { parent, name: path.slice(path.lastIndexOf('/') + 1) };
  }

  removeFileSync(path: string): void {
    this.enter('remove', path);
    this.#removeFile(path);
  }

  removeFile(path: string): Promise<void> {
    return this.later('remove', path, () => (rule) => {
      if (rule !== null) throw rule.errorOf(path);
      this.#removeFile(path);
    });
  }

  removeTreeSync(path: string): void {
    this.enter('remove', path);
    const node = this.memory.nodeAt(path, 'remove');
    if (node !== undefined) this.#remove(node);
  }

  /** A retained file was released: what waited for it may go. */
  released(): void {
    for (const node of this.#deferredRemovals) if (!isRetained(node)) this.#remove(node);
  }

  syncDirectory(path: string): Promise<void> {
    return this.later('sync directory', path, () => {
      const settle = this.#beginSyncDirectory(path);
      return (rule) => {
        if (rule !== null) throw rule.errorOf(path);
        settle();
      };
    });
  }

  syncDirectorySync(path: string): void {
    this.enter('sync directory', path);
    this.#beginSyncDirectory(path)();
  }

  readFileSync(path: string): Buffer {
    this.enter('read', path);
    return this.memory.readFileSync(path);
  }

  replaceFile(path: string, content: Uint8Array): Promise<void> {
    return this.#replacements.replace(path, content);
  }

  replaceFileSync(path: string, content: Uint8Array): void {
    this.#replacements.replaceSync(path, content);
  }

  tryLock(path: string): FileLock | null {
    this.enter('lock', path);
    const isNew = this.memory.statSync(path) === null;
    const lock = this.memory.tryLock(path);
    if (isNew) this.#named(this.memory.nodeAt(path, 'lock')!);
    return lock;
  }

  trySharedLock(path: string): FileLock | null {
    return this.tryLock(path);
  }

  lockHolderSync(path: string): LockHolder {
    return this.memory.lockHolderSync(path);
  }

  volumeSync(_path: string): VolumeStat | null {
    const bytes = Number.isFinite(this.#roomBytes) ? this.#roomBytes : 1e12;
    return { totalBytes: bytes, usableBytes: bytes };
  }

  closeIdle(): void {}

  /** Counts a call and finds the rule that makes it fail, if any; throws when there is nobody left to answer. */
  strike(operation: FileOperation, path: string): FailRule | null {
    this.#mustBePresent(path, operation);
    if (this.#operationsLeft-- <= 0) {
      this.#operationsLeft = -1;
      this.#mustBePresent(path, operation);
    }
    this.operations.push({ operation, path });
    return this.#failRules.find((rule) => rule.strikes(operation, path)) ?? null;
  }

  /** The same, and throws what the rule says. */
  enter(operation: FileOperation, path: string): void {
    const rule = this.strike(operation, path);
    if (rule !== null) throw rule.errorOf(path);
  }

  /**
   * A call that answers later: `begin` takes note of what it covers; what `begin` gives back is its effect at the end,
   * with the rule that makes it fail, if any.
   */
  async later<Result>(
    operation: FileOperation,
    path: string,
    begin: () => (rule: FailRule | null) => Result,
  ): Promise<Result> {
    const rule = this.strike(operation, path);
    const end = begin();
    const delayMs = this.#delayRules.find((slow) => slow.strikes(operation, path))?.delayMs() ?? 0;
    if (delayMs > 0) await delay(this.#options.clock, delayMs);
    if (this.#isPast) return new Promise<never>(() => {});
    return end(rule);
  }

  #beginSyncDirectory(path: string): () => void {
    const node = this.memory.nodeAt(path, 'sync');
    if (node === undefined) throw new FileError('ENOENT', path, 'sync');
    if (node.kind === 'file') throw new FileError('ENOTDIR', path, 'sync');
    if (this.windowsRules && !this.#options.windowsSyncsNames) return () => {};
    return this.durability.beginSyncNames(node);
  }

  #named(node: MemoryNode): void {
    this.durability.renamed({ directory: node.parent!, name: node.name, node });
  }

  #removeFile(path: string): void {
    const node = this.memory.nodeAt(path, 'remove');
    if (node === undefined) return;
    if (node.kind === 'directory') throw new FileError('EISDIR', path, 'remove');
    this.#remove(node);
  }

  #remove(node: MemoryNode): void {
    if (this.windowsRules && isRetained(node)) this.#deferredRemovals.add(node);
    else this.#detach(node);
  }

  #detach(node: MemoryNode): void {
    this.#deferredRemovals.delete(node);
    if (node.parent === null) return;
    if (node.kind === 'directory') for (const child of [...node.entries.values()]) this.#detach(child);
    else if (!areShared(node.bytes)) this.#roomBytes += node.bytes.size;
    this.durability.renamed({ directory: node.parent, name: node.name, node: null });
    this.memory.removeNode(node);
  }

  #mustBePresent(path: string, operation: string): void {
    if (this.isStopped)
      throw new FileError('ECLOSED', path, operation, { detail: 'the simulated machine has stopped' });
  }
}

function isRetained(node: MemoryNode): boolean {
  return node.kind === 'file' ? node.retained > 0 : [...node.entries.values()].some(isRetained);
}

/** A process that died holds and locks nothing. */
function letGo(directory: MemoryDirectoryNode): void {
  for (const node of directory.entries.values()) {
    if (node.kind === 'directory') letGo(node);
    else {
      node.retained = 0;
      node.locked = false;
    }
  }
}
