/** Where a broker that begins with the state of another has its files. */
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { lockFile, ownerFile } from '../../storage/directory/ownership.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { FileError, type FileSystem } from '../../storage/environment/files.ts';
import { checkEmpty, checkSource, type ForkSource, fork } from '../snapshots/fork.ts';
import { Snapshot } from '../snapshots/snapshot.ts';

export interface PlannedFork {
  readonly directory?: string;
  readonly prepareDirectory: (directory: string) => void;
  readonly afterwards?: () => void;
}

/** `directory`: where the data is to be, null for nowhere in particular. Throws an OptionError. */
export function planFork(
  from: string | Snapshot,
  environment: Environment,
  directory: string | null,
): PlannedFork {
  const { files } = environment;
  const source = sourceOf(from, files);
  checkSource(source);
  if (directory !== null) checkEmpty(files, directory, 'dataDir');
  if (directory !== null || from instanceof Snapshot)
    return { prepareDirectory: (target) => beginWith(from, environment, target, directory !== null) };
  const temporary = makeTemporary(environment, source.directory);
  return {
    directory: temporary,
    prepareDirectory: (target) => fork(source, files, target, false),
    afterwards: () => files.removeTreeSync(temporary),
  };
}

/** `isKept`: the directory outlives the broker. */
export function beginWith(
  from: string | Snapshot,
  { files }: Environment,
  directory: string,
  isKept: boolean,
): void {
  fork(sourceOf(from, files), files, directory, isKept);
}

function sourceOf(from: string | Snapshot, files: FileSystem): ForkSource {
  return from instanceof Snapshot ? from : { files, directory: resolve(from) };
}

/** Beside the source, where hard links reach; elsewhere if nothing may be made there. */
function makeTemporary({ files, random }: Environment, source: string): string {
  const suffix = `${forkInfix}${random.bytes(8).toString('hex')}`;
  const beside = `${source}${suffix}`;
  try {
    removeLeftovers(files, source);
    files.makeDirectorySync(beside);
    return beside;
  } catch (error) {
    if (!(error instanceof FileError) || !['EACCES', 'EROFS'].includes(error.code)) throw error;
    const elsewhere = join(tmpdir(), basename(source));
    removeLeftovers(files, elsewhere);
    files.makeDirectorySync(`${elsewhere}${suffix}`);
    return `${elsewhere}${suffix}`;
  }
}

const forkInfix = '.fork-';
const forkName = /^[0-9a-f]{16}$/;

/** Forks whose process was killed: a broker has had them, for it writes who it is under the lock, and none has them now. */
function removeLeftovers(files: FileSystem, source: string): void {
  const prefix = `${basename(source)}${forkInfix}`;
  for (const name of files.listSync(dirname(source))) {
    if (!name.startsWith(prefix) || !forkName.test(name.slice(prefix.length))) continue;
    const leftover = join(dirname(source), name);
    if (files.statSync(join(leftover, ownerFile)) === null) continue;
    const lock = files.tryLock(join(leftover, lockFile));
    if (lock === null) continue;
    lock.release();
    files.removeTreeSync(leftover);
  }
}
