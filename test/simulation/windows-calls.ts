/**
 * The calls of an operating system that behaves like Windows, over those of the one that we run on:
 *
 *   - what is open is neither replaced nor removed, and no directory with something open in it is renamed: EPERM or EBUSY
 *   - what was closed is looked into by a virus scanner, which is in the way of the next few attempts on it
 *   - a directory is not opened, hence not synced; a file that was opened for reading is not synced, cut or stamped: EPERM
 *
 * An open file may have its own name changed, because libuv opens all with FILE_SHARE_DELETE. Newer Windows lets more of this pass.
 */
import fs from 'node:fs';
import path from 'node:path';
import { DiskFileSystem } from '../../storage/environment/disk-files.ts';
import { FileLocks } from '../../storage/environment/file-locks.ts';
import type { SystemCalls } from '../../storage/environment/system-calls.ts';

export interface WindowsDisk {
  readonly files: DiskFileSystem;
  /** Attempts that failed because of what was open: mistakes, but for those that the caller expected. */
  readonly refusals: readonly string[];
  /** Times that the scanner was in the way. */
  scans(): number;
}

/** A file system on the real disk under such rules. The scanner is in the way of up to `scannerAttempts` attempts on a name. */
export function windowsDisk(options: { openFilesMax?: number; scannerAttempts?: number } = {}): WindowsDisk {
  const { openFilesMax = 512, scannerAttempts = 3 } = options;
  const kernel = new WindowsKernel(scannerAttempts);
  const { calls } = kernel;
  // The real lock of the file, whatever the platform: not what is tested here.
  const locks = new FileLocks({
    calls: fs,
    platform: 'win32',
    loadBinding: () => ({ tryLock: () => true }),
    bindSocket: () => null,
  });
  const files = new DiskFileSystem({ calls, locks, openFilesMax, windowsRules: true, pauseSync: () => {} });
  return { files, refusals: kernel.refusals, scans: () => kernel.scans };
}

interface Descriptor {
  path: string;
  readonly writable: boolean;
}

class WindowsKernel {
  readonly refusals: string[] = [];
  scans = 0;
  readonly #scannerAttempts: number;
  readonly #open = new Map<number, Descriptor>();
  /** Name → attempts that the scanner will still be in the way of. */
  readonly #scanned = new Map<string, number>();
  /** Varies how often and with which code, always alike. */
  #turn = 0;

  constructor(scannerAttempts: number) {
    this.#scannerAttempts = scannerAttempts;
  }

  readonly calls: SystemCalls = {
    ...fs,
    openSync: (name, flags, permissions) => {
      this.#refuseDirectory(name);
      const descriptor = fs.openSync(name, flags, permissions);
      this.#opened(descriptor, name, flags);
      return descriptor;
    },
    open: (name, flags, permissions, done) => {
      fs.open(name, flags, permissions, (error, descriptor) => {
        if (error === null) this.#opened(descriptor, name, flags);
        done(error, descriptor);
      });
    },
    closeSync: (descriptor) => {
      this.#closed(descriptor);
      fs.closeSync(descriptor);
    },
    close: (descriptor, done) => {
      this.#closed(descriptor);
      fs.close(descriptor, done);
    },
    fdatasyncSync: (descriptor) => {
      this.#needsWritable(descriptor, 'fdatasync');
      fs.fdatasyncSync(descriptor);
    },
    fdatasync: (descriptor, done) => {
      try {
        this.#needsWritable(descriptor, 'fdatasync');
      } catch (error) {
        return setImmediate(() => done(error as NodeJS.ErrnoException)) as unknown as undefined;
      }
      fs.fdatasync(descriptor, done);
    },
    fsyncSync: () => this.#refuse('EPERM', 'fsync of a directory'),
    fsync: (_, done) => done(errorOf('EPERM', 'fsync of a directory')),
    ftruncateSync: (descriptor, size) => {
      this.#needsWritable(descriptor, 'ftruncate');
      fs.ftruncateSync(descriptor, size);
    },
    futimesSync: (descriptor, accessed, modified) => {
      this.#needsWritable(descriptor, 'futimes');
      fs.futimesSync(descriptor, accessed, modified);
    },
    renameSync: (from, to) => {
      this.#mustBeFree(from, `rename ${from}`, 'below');
      this.#mustBeFree(to, `replace ${to}`);
      this.#scan(from);
      fs.renameSync(from, to);
      for (const open of this.#open.values())
        if (open.path === path.resolve(from)) open.path = path.resolve(to);
    },
    unlinkSync: (name) => {
      this.#mustBeFree(name, `unlink ${name}`);
      this.#scan(name);
      fs.unlinkSync(name);
    },
    unlink: (name, done) => {
      try {
        this.calls.unlinkSync(name);
        done(null);
      } catch (error) {
        done(error as NodeJS.ErrnoException);
      }
    },
    // Node tries again by itself while a scanner is in the way.
    rmSync: (name, options) => {
      this.#mustBeFree(name, `remove tree ${name}`);
      fs.rmSync(name, options);
    },
  };

  #opened(descriptor: number, name: string, flags: number): void {
    this.#open.set(descriptor, { path: path.resolve(name), writable: (flags & fs.constants.O_RDWR) !== 0 });
  }

  #closed(descriptor: number): void {
    const closed = this.#open.get(descriptor);
    this.#open.delete(descriptor);
    if (closed === undefined || !closed.writable || this.#scannerAttempts === 0) return;
    this.#scanned.set(closed.path, this.#turn++ % (this.#scannerAttempts + 1));
  }

  #refuseDirectory(name: string): void {
    if (fs.statSync(name, { throwIfNoEntry: false })?.isDirectory())
      throw errorOf('EPERM', `open directory ${name}`);
  }

  #needsWritable(descriptor: number, what: string): void {
    if (this.#open.get(descriptor)?.writable === false)
      this.#refuse('EPERM', `${what} of a read-only handle`);
  }

  #mustBeFree(name: string, what: string, where: 'at or below' | 'below' = 'at or below'): void {
    const absolute = path.resolve(name);
    for (const { path: open } of this.#open.values())
      if ((open === absolute && where !== 'below') || open.startsWith(absolute + path.sep))
        this.#refuse(this.#turn++ % 2 === 0 ? 'EPERM' : 'EBUSY', `${what} while ${open} is open`);
  }

  #scan(name: string): void {
    const absolute = path.resolve(name);
    const left = this.#scanned.get(absolute) ?? 0;
    if (left === 0) return;
    this.#scanned.set(absolute, left - 1);
    this.scans += 1;
    throw errorOf(left % 2 === 0 ? 'EBUSY' : 'EPERM', `scanner at ${name}`);
  }

  #refuse(code: string, what: string): never {
    this.refusals.push(`${code}: ${what}`);
    throw errorOf(code, what);
  }
}

function errorOf(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
