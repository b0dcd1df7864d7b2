/**
 * One handle on a file of a disk. The bytes go through the descriptor that open-files.ts keeps or opens; names are the
 * business of disk-files.ts. A write that the system cuts short is continued, so that fewer bytes than asked for means
 * an error, and `size` counts what arrived before it.
 */

import type { File } from './files.ts';
import { FileError } from './files.ts';
import type { DescriptorCache, OpenFile } from './open-files.ts';
import { mustBePaged } from './paged-in.ts';
import type { SystemCalls } from './system-calls.ts';
import { awaited, awaitedCount, called, fileErrorFrom } from './system-calls.ts';

/** What a handle needs from its file system. */
export interface DiskFileHost {
  readonly calls: SystemCalls;
  readonly descriptors: DescriptorCache;
  renameFile(file: OpenFile, path: string): void;
  giveOwnBytes(file: OpenFile): void;
  /** A pin, a retain or a handle is gone: closes and removes what waited for it. */
  settle(file: OpenFile): void;
}

export class DiskFile implements File {
  readonly #host: DiskFileHost;
  readonly #file: OpenFile;
  readonly #writable: boolean;
  #retained = 0;
  #closed = false;

  constructor(host: DiskFileHost, file: OpenFile, writable: boolean) {
    this.#host = host;
    this.#file = file;
    this.#writable = writable;
    file.handles++;
  }

  get path(): string {
    return this.#file.path;
  }

  get size(): number {
    return this.#file.size;
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#mustBeWritable('write');
    const { calls } = this.#host;
    try {
      const descriptor = this.#host.descriptors.descriptorOf(this.#file);
      let rest = parts.length === 1 ? parts : parts.filter((part) => part.length > 0);
      let at = position;
      while (rest.length > 0) {
        const first = rest[0]!;
        const isOnly = rest.length === 1;
        const written = isOnly
          ? calls.writeSync(descriptor, first, 0, first.length, at)
          : calls.writevSync(descriptor, rest, at);
        at += written;
        this.#grewTo(at, written);
        if (isOnly && written === first.length && written > 0) return;
        rest = afterBytes(rest, written);
        if (written === 0 && rest.length > 0)
          throw new FileError('EIO', this.path, 'write', { detail: 'no bytes taken' });
      }
    } catch (error) {
      throw fileErrorFrom(error, this.path, 'write');
    }
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.#mustBeWritable('write');
    const { calls } = this.#host;
    const descriptor = this.#pin();
    try {
      let rest = parts.length === 1 ? parts : parts.filter((part) => part.length > 0);
      let at = position;
      while (rest.length > 0) {
        const [first] = rest;
        const written = await awaitedCount(this.path, 'write', (done) => {
          if (rest.length === 1) calls.write(descriptor, first!, 0, first!.length, at, done);
          else calls.writev(descriptor, rest, at, done);
        });
        at += written;
        this.#grewTo(at, written);
        rest = afterBytes(rest, written);
        if (written === 0 && rest.length > 0)
          throw new FileError('EIO', this.path, 'write', { detail: 'no bytes taken' });
      }
    } finally {
      this.#unpin();
    }
  }

  readSync(target: Uint8Array, targetStart: number, length: number, position: number): number {
    this.#mustBeReadable('read');
    mustBePaged(this, position, length);
    const { calls } = this.#host;
    try {
      const descriptor = this.#host.descriptors.descriptorOf(this.#file);
      let done = 0;
      while (done < length) {
        const count = calls.readSync(descriptor, target, targetStart + done, length - done, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    } catch (error) {
      throw fileErrorFrom(error, this.path, 'read');
    }
  }

  async read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number> {
    this.#mustBeReadable('read');
    const { calls } = this.#host;
    const descriptor = this.#pin();
    try {
      let total = 0;
      while (total < length) {
        const from = total;
        const count = await awaitedCount(this.path, 'read', (done) => {
          calls.read(descriptor, target, targetStart + from, length - from, position + from, done);
        });
        if (count === 0) break;
        total += count;
      }
      return total;
    } finally {
      this.#unpin();
    }
  }

  async sync(): Promise<void> {
    this.#mustBeReadable('sync');
    const descriptor = this.#pin();
    try {
      await awaited(this.path, 'sync', (done) => this.#host.calls.fdatasync(descriptor, done));
    } finally {
      this.#unpin();
    }
  }

  syncSync(): void {
    this.#mustBeReadable('sync');
    called(this.path, 'sync', () =>
      this.#host.calls.fdatasyncSync(this.#host.descriptors.descriptorOf(this.#file)),
    );
  }

  truncateSync(size: number): void {
    this.#mustBeWritable('truncate');
    called(this.path, 'truncate', () => {
      this.#host.calls.ftruncateSync(this.#host.descriptors.descriptorOf(this.#file), size);
    });
    this.#file.size = size;
  }

  renameTo(path: string): void {
    this.#mustBeReadable('rename');
    if (this.#file.removed) throw new FileError('ENOENT', this.path, 'rename');
    this.#host.renameFile(this.#file, path);
  }

  ownSync(): void {
    this.#mustBeWritable('copy');
    if (this.#file.hasOtherNames) this.#host.giveOwnBytes(this.#file);
  }

  setModifiedMs(modifiedMs: number): void {
    this.#mustBeReadable('set the time of');
    const seconds = modifiedMs / 1000;
    called(this.path, 'set the time of', () => {
      this.#host.calls.futimesSync(this.#host.descriptors.descriptorOf(this.#file), seconds, seconds);
    });
  }

  retain(): void {
    this.#mustBeReadable('retain');
    this.#retained++;
    this.#file.retained++;
  }

  release(): void {
    if (this.#retained === 0) throw new FileError('EOTHER', this.path, 'release', { detail: 'not retained' });
    this.#retained--;
    this.#file.retained--;
    this.#host.settle(this.#file);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.handles--;
    this.#host.settle(this.#file);
  }

  #pin(): number {
    return this.#host.descriptors.pin(this.#file);
  }

  #unpin(): void {
    this.#host.descriptors.unpin(this.#file);
    this.#host.settle(this.#file);
  }

  #grewTo(end: number, written: number): void {
    if (written > 0 && end > this.#file.size) this.#file.size = end;
  }

  #mustBeReadable(operation: string): void {
    if (this.#closed && this.#retained === 0) throw new FileError('ECLOSED', this.path, operation);
    if (this.#file.removed && this.#file.retained === 0) throw new FileError('ENOENT', this.path, operation);
  }

  #mustBeWritable(operation: string): void {
    if (this.#closed) throw new FileError('ECLOSED', this.path, operation);
    if (!this.#writable)
      throw new FileError('EACCES', this.path, operation, { detail: 'opened for reading' });
    this.#mustBeReadable(operation);
  }
}

/** `parts` without their first `count` bytes. */
function afterBytes(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let rest = count;
  let index = 0;
  while (index < parts.length && rest >= parts[index]!.length) rest -= parts[index++]!.length;
  if (index === parts.length) return [];
  if (rest === 0) return index === 0 ? parts : parts.slice(index);
  return [parts[index]!.subarray(rest), ...parts.slice(index + 1)];
}
