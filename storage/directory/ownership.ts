/**
 * Who may use a data directory. One broker at a time: `.lock` is locked as Apache Kafka locks it (file-locks.ts), so the
 * two exclude each other, and a process that dies owns nothing.
 *
 *     missing or empty               → ours to format
 *     has meta.properties            → a data directory of Kompakt or Apache Kafka
 *     anything else in it            → not ours: refused, nothing touched
 *     locked, no directory, unwritable → refused
 *
 * `.kompakt-owner` tells the process of the latest owner, for the message that another one gets. It is no lock.
 */
import { dirname } from 'node:path';
import type { FileLock, FileSystem, LockHolder } from '../environment/files.ts';
import { FileError } from '../environment/files.ts';
import { metaPropertiesFile } from './meta-properties.ts';

export const lockFile = '.lock';
export const ownerFile = '.kompakt-owner';

/** May lie in a directory that nobody has formatted: ours from a start that was cut short, and a desktop's. */
export const insignificantNames: ReadonlySet<string> = new Set([
  lockFile,
  ownerFile,
  `${metaPropertiesFile}.tmp`,
  '.DS_Store',
  'Thumbs.db',
  'desktop.ini',
]);

export interface DirectoryOwnership {
  readonly ok: true;
  readonly directory: string;
  /** False: there is nothing in it yet. */
  readonly isFormatted: boolean;
  /** False where the platform has no lock that Apache Kafka respects. */
  readonly keepsKafkaOut: boolean;
  release(): void;
}

export type RefusalReason = 'held-by-kompakt' | 'held-by-kafka' | 'held' | 'not-ours' | 'unwritable';

export interface DirectoryRefused {
  readonly ok: false;
  readonly reason: RefusalReason;
  /** One line for the person who started us. */
  readonly message: string;
}

/** Takes the directory, creating it if need be, until `release`. */
export function acquireDirectory(
  files: FileSystem,
  directory: string,
  processId: number,
): DirectoryOwnership | DirectoryRefused {
  try {
    const before = stateOf(files, directory);
    if (typeof before !== 'boolean') return before;
    makeDurably(files, directory);
    const lock = files.tryLock(files.join(directory, lockFile));
    if (lock === null) return heldRefusal(files, directory);
    return ownershipUnderLock(files, directory, processId, lock);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return refuse('unwritable', `the data directory ${directory} cannot be written: ${error.message}`);
  }
}

/** Creates what is missing of a path, each name synced: a power cut must not take the whole directory away again. */
function makeDurably(files: FileSystem, directory: string): void {
  if (files.statSync(directory) !== null) return;
  const parent = dirname(directory);
  if (parent !== directory) makeDurably(files, parent);
  files.makeDirectorySync(directory);
  try {
    files.syncDirectorySync(parent);
  } catch (error) {
    // A directory that may be written but not read can only be trusted.
    if (!(error instanceof FileError) || error.code !== 'EACCES') throw error;
  }
}

function ownershipUnderLock(
  files: FileSystem,
  directory: string,
  processId: number,
  lock: FileLock,
): DirectoryOwnership | DirectoryRefused {
  const ownerPath = files.join(directory, ownerFile);
  try {
    // Again: whoever had the lock a moment ago may have formatted it.
    const isFormatted = stateOf(files, directory);
    if (typeof isFormatted !== 'boolean') {
      lock.release();
      return isFormatted;
    }
    writeOwner(files, ownerPath, processId);
    const release = (): void => {
      removeQuietly(files, ownerPath);
      lock.release();
    };
    return { ok: true, directory, isFormatted, keepsKafkaOut: lock.keepsKafkaOut, release };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Whether the directory is formatted; a refusal when it is something else. */
function stateOf(files: FileSystem, directory: string): boolean | DirectoryRefused {
  const stat = files.statSync(directory);
  if (stat === null) return false;
  if (stat.kind !== 'directory')
    return refuse('not-ours', `the data directory ${directory} is not a directory`);
  const names = files.listSync(directory);
  if (names.includes(metaPropertiesFile)) return true;
  const foreign = names.filter((name) => !insignificantNames.has(name));
  if (foreign.length === 0) return false;
  const [first, ...others] = foreign;
  const what = others.length === 0 ? first : `${first} and ${others.length} more`;
  const why = `it is not empty (${what}) and has no ${metaPropertiesFile}`;
  return refuse(
    'not-ours',
    `${directory} is not a data directory of Kompakt or Apache Kafka: ${why}; left untouched`,
  );
}

function heldRefusal(files: FileSystem, directory: string): DirectoryRefused {
  const holder = files.lockHolderSync(files.join(directory, lockFile));
  const known = readOwner(files, files.join(directory, ownerFile));
  const held = `the data directory ${directory} is in use by`;
  switch (holder.kind) {
    case 'this-process':
      return refuse('held-by-kompakt', `${held} another broker of this process`);
    case 'kompakt':
      return refuse('held-by-kompakt', `${held} another Kompakt${processText(known)}`);
    case 'other':
      return refuse('held-by-kafka', `${held} Apache Kafka${processText(holder.processId)}`);
    default:
      return refuse('held', `${held} another process${latestText(known)}`);
  }
}

function processText(processId: LockHolder['processId']): string {
  return processId === null ? '' : ` (process ${processId})`;
}

function latestText(processId: number | null): string {
  return processId === null
    ? ', Kompakt or Apache Kafka'
    : `; the latest Kompakt here was process ${processId}`;
}

function refuse(reason: RefusalReason, message: string): DirectoryRefused {
  return { ok: false, reason, message };
}

function writeOwner(files: FileSystem, path: string, processId: number): void {
  const file = files.openSync(path, 'create');
  try {
    file.truncateSync(0);
    file.writeSync([Buffer.from(`${JSON.stringify({ processId })}\n`)], 0);
  } finally {
    file.close();
  }
}

function readOwner(files: FileSystem, path: string): number | null {
  try {
    const { processId } = JSON.parse(files.readFileSync(path).toString('utf8')) as { processId?: unknown };
    return typeof processId === 'number' ? processId : null;
  } catch {
    // It only makes a message better.
    return null;
  }
}

function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.removeFileSync(path);
  } catch {
    // The directory may be gone; the next owner writes its own.
  }
}
