/**
 * The calls of the operating system that files on a disk are made of, in the shape node:fs has them. node.ts passes
 * the real ones in; a test passes some that write short or fail. What they throw becomes a FileError here.
 */

import type { FileErrorCode } from './files.ts';
import { FileError } from './files.ts';

export interface StatResult {
  readonly size: number;
  readonly mtimeMs: number;
  readonly dev: number;
  readonly ino: number;
  readonly nlink: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

export type SystemError = Error & { readonly code?: string };
type Done = (error: SystemError | null) => void;
type DoneWithCount = (error: SystemError | null, count: number) => void;

export interface SystemCalls {
  readonly constants: {
    readonly O_RDONLY: number;
    readonly O_RDWR: number;
    readonly O_CREAT: number;
    readonly O_EXCL: number;
    readonly O_TRUNC: number;
    readonly COPYFILE_EXCL: number;
    readonly COPYFILE_FICLONE: number;
  };
  openSync(path: string, flags: number, permissions?: number): number;
  open(path: string, flags: number, permissions: number, done: DoneWithCount): void;
  closeSync(descriptor: number): void;
  close(descriptor: number, done: Done): void;
  fstatSync(descriptor: number): StatResult;
  statSync(path: string, options: { throwIfNoEntry: false }): StatResult | undefined;
  writeSync(descriptor: number, bytes: Uint8Array, start: number, length: number, position: number): number;
  writevSync(descriptor: number, parts: readonly Uint8Array[], position: number): number;
  write(
    descriptor: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: DoneWithCount,
  ): void;
  writev(descriptor: number, parts: readonly Uint8Array[], position: number, done: DoneWithCount): void;
  readSync(descriptor: number, target: Uint8Array, start: number, length: number, position: number): number;
  read(
    descriptor: number,
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: DoneWithCount,
  ): void;
  fdatasyncSync(descriptor: number): void;
  fdatasync(descriptor: number, done: Done): void;
  fsyncSync(descriptor: number): void;
  fsync(descriptor: number, done: Done): void;
  ftruncateSync(descriptor: number, size: number): void;
  futimesSync(descriptor: number, accessed: number, modified: number): void;
  renameSync(from: string, to: string): void;
  linkSync(from: string, to: string): void;
  copyFileSync(from: string, to: string, mode: number): void;
  chmodSync(path: string, permissions: number): void;
  unlinkSync(path: string): void;
  unlink(path: string, done: Done): void;
  rmSync(
    path: string,
    options: { recursive: true; force: true; maxRetries: number; retryDelay: number },
  ): void;
  mkdirSync(path: string): unknown;
  readdirSync(path: string): string[];
  readFileSync(path: string): Buffer;
  realpathSync(path: string): string;
  statfsSync(path: string): { readonly bsize: number; readonly blocks: number; readonly bavail: number };
}

const known: ReadonlyMap<string, FileErrorCode> = new Map<string, FileErrorCode>([
  ['ENOENT', 'ENOENT'],
  ['EEXIST', 'EEXIST'],
  ['ENOSPC', 'ENOSPC'],
  ['EDQUOT', 'ENOSPC'],
  ['EFBIG', 'ENOSPC'],
  ['EACCES', 'EACCES'],
  ['EPERM', 'EACCES'],
  ['EROFS', 'EROFS'],
  ['EIO', 'EIO'],
  ['EMFILE', 'EMFILE'],
  ['ENFILE', 'EMFILE'],
  ['ENOTDIR', 'ENOTDIR'],
  ['EISDIR', 'EISDIR'],
  ['ENOTEMPTY', 'ENOTEMPTY'],
  ['EBUSY', 'EBUSY'],
]);

/** The system's code of an error, '' when it has none. */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

export function fileErrorFrom(error: unknown, path: string, operation: string): FileError {
  if (error instanceof FileError) return error;
  const name = systemCode(error);
  const code = known.get(name) ?? 'EOTHER';
  const detail = code === name ? {} : { detail: error instanceof Error ? error.message : String(error) };
  return new FileError(code, path, operation, { cause: error, ...detail });
}

/** Runs a call whose failure becomes a FileError. */
export function called<Result>(path: string, operation: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw fileErrorFrom(error, path, operation);
  }
}

/** The same for a call that answers later. */
export function awaited(path: string, operation: string, start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error) reject(fileErrorFrom(error, path, operation));
      else resolve();
    });
  });
}

export function awaitedCount(
  path: string,
  operation: string,
  start: (done: DoneWithCount) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    start((error, count) => {
      if (error) reject(fileErrorFrom(error, path, operation));
      else resolve(count);
    });
  });
}
