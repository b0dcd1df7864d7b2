/** One handle on a file of faulty-files.ts. It gives no views: it stands for a file on a disk. */
import type { File } from '../../storage/environment/files.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { MemoryFile } from '../../storage/environment/memory-file.ts';
import { mustBePaged } from '../../storage/environment/paged-in.ts';
import { areShared } from './durability.ts';
import type { FailRule } from './fault-rules.ts';
import type { FaultyFileSystem } from './faulty-files.ts';

export class FaultyFile implements File {
  readonly #host: FaultyFileSystem;
  #file: MemoryFile;

  constructor(host: FaultyFileSystem, file: MemoryFile) {
    this.#host = host;
    this.#file = file;
  }

  get path(): string {
    return this.#file.path;
  }

  get size(): number {
    return this.#file.size;
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#store(parts, position, this.#host.strike('write', this.path));
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return this.#host.later('write', this.path, () => (rule) => this.#store(parts, position, rule));
  }

  readSync(target: Uint8Array, targetStart: number, length: number, position: number): number {
    mustBePaged(this, position, length);
    this.#host.enter('read', this.path);
    return this.#file.readSync(target, targetStart, length, position);
  }

  read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number> {
    return this.#host.later('read', this.path, () => {
      this.retain();
      return (rule) => {
        try {
          if (rule !== null) throw rule.errorOf(this.path);
          return this.#file.readSync(target, targetStart, length, position);
        } finally {
          this.release();
        }
      };
    });
  }

  sync(): Promise<void> {
    return this.#host.later('sync', this.path, () => {
      const settle = this.#beginSync();
      return (rule) => {
        if (rule !== null) throw rule.errorOf(this.path);
        settle();
      };
    });
  }

  syncSync(): void {
    this.#host.enter('sync', this.path);
    this.#beginSync()();
  }

  truncateSync(size: number): void {
    this.#host.enter('truncate', this.path);
    const before = this.size;
    this.#file.truncateSync(size);
    this.#host.durability.truncated(this.#file.node, size);
    if (size < before) this.#host.takeRoom(size - before);
  }

  ownSync(): void {
    const { path } = this;
    if (!areShared(this.#file.node.bytes)) return;
    const copy = `${path}.own.tmp`;
    this.#host.removeFileSync(copy);
    this.#host.copySync(path, copy);
    const file = this.#host.openSync(copy, 'update');
    file.syncSync();
    file.renameTo(path);
    this.#host.syncDirectorySync(this.#host.join(path, '..'));
    this.#file.close();
    this.#file = this.#host.memory.openSync(path, 'update');
  }

  renameTo(path: string): void {
    const { node } = this.#file;
    if (node.parent === null) throw new FileError('ENOENT', this.path, 'rename');
    this.#host.rename(node, this.path, path);
  }

  setModifiedMs(modifiedMs: number): void {
    this.#file.setModifiedMs(modifiedMs);
  }

  retain(): void {
    this.#file.retain();
  }

  release(): void {
    // After a kill or crash there is no process left that could hold anything.
    if (this.#host.isStopped) return;
    this.#file.release();
    this.#host.released();
  }

  close(): void {
    this.#file.close();
  }

  #beginSync(): () => void {
    this.#file.syncSync();
    const settleBytes = this.#host.durability.beginSync(this.#file.node);
    const settleNames = this.#host.windowsRules ? this.#host.durability.beginSyncNames(null) : () => {};
    return () => {
      settleBytes();
      settleNames();
    };
  }

  /** Writes what a rule and the room left allow, and throws if that is not all. */
  #store(parts: readonly Uint8Array[], position: number, rule: FailRule | null): void {
    const bytes = Buffer.concat(parts);
    const growth = Math.max(position + bytes.length - this.size, 0);
    const missing = Math.max(growth - this.#host.roomBytes, 0);
    let arrived = Math.max(bytes.length - missing, 0);
    if (rule !== null) arrived = Math.min(arrived, rule.shortBytes);
    const before = this.size;
    const written = bytes.subarray(0, arrived);
    this.#file.writeSync([written], position);
    this.#host.takeRoom(this.size - before);
    this.#host.durability.wrote(this.#file.node, position, written);
    if (rule !== null) throw rule.errorOf(this.path);
    if (missing > 0) throw new FileError('ENOSPC', this.path, 'write');
  }
}
