/**
 * The file system as Kompakt needs it: positioned reads and writes, explicit durability, and names that are durable
 * only once their directory is synced. Implementations: node.ts (the real one), memory-files.ts (`--memory`, tests),
 * and test/simulation/faulty-files.ts (crash, torn write, full disk, slow disk). All pass test/suites/file-system.ts.
 *
 * What a crash (power loss) keeps:
 *   - of a file's bytes: all that were written before the last completed `sync`; of the rest any part, torn at sector
 *     boundaries, the length possibly longer than the bytes that arrived (zeros);
 *   - of a directory's names: all created, renamed or removed before the last completed `syncDirectory`; of the later
 *     ones any subset in order. `rename` is atomic: the new name is the old or the new file, never neither.
 * A kill of the process alone (kill -9) keeps everything written.
 *
 * Calls that end in `Sync` are made on the event loop; they are for the page cache (writes, warm reads, small
 * metadata). What waits for the device (`sync`, `read` of cold data, large `write`) is asynchronous.
 * Every failure is a `FileError`.
 */

/** A logical file: its descriptor is opened on demand and may be closed behind its back to bound open files. */
export interface File {
  /** Where the file is now, absolute; follows every rename made through its FileSystem, also of a directory above it. */
  readonly path: string;
  /** Bytes in the file; kept in memory, no system call; the same for every handle on the file. */
  readonly size: number;
  /** Writes all bytes of `parts` one after the other at `position`; throws if fewer arrived (`size` then tells what may have). */
  writeSync(parts: readonly Uint8Array[], position: number): void;
  /** The same on the thread pool. `parts` are borrowed until it resolves. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** Reads up to `length` bytes into `target` at `targetStart`; returns the count, less only at the end of the file. */
  readSync(target: Uint8Array, targetStart: number, length: number, position: number): number;
  read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number>;
  /**
   * Only where the bytes are in memory anyway: up to `length` bytes as views, without a copy. They stay as they are
   * through a truncation, a rename and, if the file is retained, its removal; bytes written over them show.
   */
  viewSync?(position: number, length: number): Buffer[];
  /** Resolves when every byte written before the call is on the device (fdatasync, size included). */
  sync(): Promise<void>;
  syncSync(): void;
  /** Cuts or, with zeros (sparse), grows the file. */
  truncateSync(size: number): void;
  /**
   * Before it is written to: gives it bytes of its own, durably, where it had them in common with a file of another name (`linkSync`), which
   * keeps the old ones. No other handle on it may be open.
   */
  ownSync?(): void;
  /** Atomic rename of this file; the handle follows. Replaces an existing target, whose handles are then as after its removal. */
  renameTo(path: string): void;
  /** Sets the modification time in wall-clock milliseconds (the cleaner copies it). */
  setModifiedMs(modifiedMs: number): void;
  /**
   * Keeps the bytes readable through this handle, whatever happens to the name, until `release` is called as often
   * as `retain`. A file being sent to a client is retained. Without it, a handle whose file was removed throws ENOENT.
   */
  retain(): void;
  release(): void;
  /** Closes the descriptor when the last `retain` is released; until then reads go on. Idempotent. Other use throws ECLOSED. */
  close(): void;
}

export type OpenMode =
  /** Must exist. */
  | 'read'
  /** Must exist; readable and writable. */
  | 'update'
  /** Created if missing; readable and writable, content kept. */
  | 'create'
  /** Must not exist. */
  | 'create-new';

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
  readonly modifiedMs: number;
}

/** Disk use of the file system that holds a path (DescribeLogDirs v4). */
export interface VolumeStat {
  readonly totalBytes: number;
  readonly usableBytes: number;
}

export interface FileSystem {
  /**
   * Where nobody else sees the files and room is dear, as in memory, what is deleted goes at once instead of after
   * `file.delete.delay.ms`.
   */
  readonly deletesAtOnce: boolean;
  /** How paths are joined and split here; data directories may have spaces and any letters. */
  join(...parts: string[]): string;
  /** True when `Orders` and `orders` would be the same file in this directory. */
  isCaseInsensitive(directory: string): boolean;
  /** `mode` (POSIX permission bits) applies to a file that is created. */
  openSync(path: string, mode: OpenMode, options?: { permissions?: number }): File;
  /** null when nothing is there. */
  statSync(path: string): FileStat | null;
  /** Names in a directory, sorted; throws ENOENT. */
  listSync(directory: string): string[];
  /** With its parents; false, and no error, if it exists. */
  makeDirectorySync(path: string): boolean;
  /**
   * Files and directories; open handles follow. Replaces an existing file or an empty directory. On Windows it may
   * throw EBUSY for a directory with a retained file in it and for a retained target: try again after the release.
   */
  renameSync(from: string, to: string): void;
  /** Only where files have several names: a further one of a file that nobody writes to any more. False where that cannot be. */
  linkSync?(from: string, to: string): boolean;
  /** Only where the system copies files: into one that is not there yet. */
  copySync?(from: string, to: string): void;
  /**
   * No error if nothing is there. The room of a retained open file is given back when it is released; on Windows its
   * name stays until then too.
   */
  removeFileSync(path: string): void;
  /** The same on the thread pool: a large file takes its time. The name is not to be used again before it resolves. */
  removeFile(path: string): Promise<void>;
  /** Removes a directory and all in it; no error if nothing is there. */
  removeTreeSync(path: string): void;
  /** Makes the names in a directory durable; nothing where the platform has no such thing (Windows). */
  syncDirectory(path: string): Promise<void>;
  syncDirectorySync(path: string): void;
  /** Whole small files (checkpoints, properties). */
  readFileSync(path: string): Buffer;
  /** `<path>.tmp`, sync, rename, sync of the directory: a reader sees the old or the new content, whole. */
  replaceFile(path: string, content: Uint8Array): Promise<void>;
  replaceFileSync(path: string, content: Uint8Array): void;
  /** Exclusive lock on the whole of a file (created if missing) that Apache Kafka's own FileLock respects; null if another process or this one holds it. */
  tryLock(path: string): FileLock | null;
  /**
   * The same, but other processes may share it, and nobody has it exclusively meanwhile. Where the platform has no such lock it is
   * exclusive.
   */
  trySharedLock(path: string): FileLock | null;
  /** Who keeps `tryLock` of a path from succeeding, as far as the platform tells. */
  lockHolderSync(path: string): LockHolder;
  volumeSync(path: string): VolumeStat | null;
  /** Blocks that disks have read for this process so far; left out: nobody counts them. */
  readonly blocksRead?: () => number;
  /** Closes idle descriptors; handles stay usable. */
  closeIdle(): void;
}

export interface LockHolder {
  /**
   * 'this-process': taken here. 'kompakt': by another process in the way we do it. 'other': in the way Java, hence
   * Apache Kafka, does it. 'unknown': held or not, this platform does not say.
   */
  readonly kind: 'this-process' | 'kompakt' | 'other' | 'unknown';
  readonly processId: number | null;
}

export interface FileLock {
  /** True when Apache Kafka, started on the same directory, would be refused by this lock. */
  readonly keepsKafkaOut: boolean;
  release(): void;
}

export type FileErrorCode =
  | 'ENOENT'
  | 'EEXIST'
  | 'ENOSPC'
  | 'EACCES'
  | 'EROFS'
  | 'EIO'
  | 'EMFILE'
  | 'ENOTDIR'
  | 'EISDIR'
  | 'ENOTEMPTY'
  /** Windows: someone has the file open. */
  | 'EBUSY'
  | 'ECLOSED'
  /** `--memory`: the limit named by the option is reached. */
  | 'EMEMORYLIMIT'
  | 'EOTHER';

/** Every failure of a FileSystem or File. */
export class FileError extends Error {
  readonly code: FileErrorCode;
  readonly path: string;

  constructor(
    code: FileErrorCode,
    path: string,
    operation: string,
    options?: { cause?: unknown; detail?: string },
  ) {
    super(`${operation} ${path}: ${code}${options?.detail ? ` (${options.detail})` : ''}`, {
      cause: options?.cause,
    });
    this.name = 'FileError';
    this.code = code;
    this.path = path;
  }
}
