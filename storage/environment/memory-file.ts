/** One handle on a file of memory-files.ts; several share the file's node, and with it size and bytes. */

import type { File } from './files.ts';
import { FileError } from './files.ts';
import type { MemoryFileNode, MemoryNode } from './memory-nodes.ts';
import { pathOf } from './memory-nodes.ts';

/** What a handle needs from its file system. */
export interface MemoryFileHost {
  nowMs(): number;
  renameNode(node: MemoryNode, path: string): void;
  outOfMemory(path: string): FileError;
}

export class MemoryFile implements File {
  readonly node: MemoryFileNode;
  readonly #files: MemoryFileHost;
  readonly #writable: boolean;
  #retained = 0;
  #closed = false;
  #lastPath: string;

  constructor(files: MemoryFileHost, node: MemoryFileNode, writable: boolean) {
    this.#files = files;
    this.node = node;
    this.#writable = writable;
    this.#lastPath = pathOf(node);
  }

  get path(): string {
    if (this.node.parent !== null) this.#lastPath = pathOf(this.node);
    return this.#lastPath;
  }

  get size(): number {
    return this.node.bytes.size;
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#mustBeWritable('write');
    let end = position;
    for (const part of parts) end += part.length;
    if (!this.node.bytes.reserve(position, end)) throw this.#files.outOfMemory(this.path);
    let at = position;
    for (const part of parts) {
      this.node.bytes.write(part, at);
      at += part.length;
    }
    this.node.modifiedMs = this.#files.nowMs();
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return promised(() => this.writeSync(parts, position));
  }

  readSync(target: Uint8Array, targetStart: number, length: number, position: number): number {
    this.#mustBeReadable('read');
    return this.node.bytes.read(target, targetStart, length, position);
  }

  read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number> {
    return promised(() => this.readSync(target, targetStart, length, position));
  }

  viewSync(position: number, length: number): Buffer[] {
    this.#mustBeReadable('read');
    return this.node.bytes.views(position, length);
  }

  sync(): Promise<void> {
    return promised(() => this.syncSync());
  }

  syncSync(): void {
    this.#mustBeReadable('sync');
  }

  truncateSync(size: number): void {
    this.#mustBeWritable('truncate');
    this.node.bytes.truncate(size);
    this.node.modifiedMs = this.#files.nowMs();
  }

  renameTo(path: string): void {
    this.#mustBeReadable('rename');
    if (this.node.parent === null) throw new FileError('ENOENT', this.path, 'rename');
    this.#files.renameNode(this.node, path);
  }

  setModifiedMs(modifiedMs: number): void {
    this.#mustBeReadable('set the time of');
    this.node.modifiedMs = modifiedMs;
  }

  retain(): void {
    this.#mustBeReadable('retain');
    this.#retained++;
    this.node.retained++;
  }

  release(): void {
    if (this.#retained === 0) throw new FileError('EOTHER', this.path, 'release', { detail: 'not retained' });
    this.#retained--;
    this.node.retained--;
    if (this.node.retained === 0 && this.node.parent === null) this.node.bytes.clear();
  }

  close(): void {
    this.#closed = true;
  }

  #mustBeReadable(operation: string): void {
    if (this.#closed && this.#retained === 0) throw new FileError('ECLOSED', this.path, operation);
    if (this.node.parent === null && this.node.retained === 0)
      throw new FileError('ENOENT', this.path, operation);
  }

  #mustBeWritable(operation: string): void {
    if (this.#closed) throw new FileError('ECLOSED', this.path, operation);
    if (!this.#writable)
      throw new FileError('EACCES', this.path, operation, { detail: 'opened for reading' });
    this.#mustBeReadable(operation);
  }
}

/** The outcome of a synchronous call as a promise: what it throws becomes the rejection. */
export function promised<Result>(call: () => Result): Promise<Result> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return Promise.reject(error);
  }
}
