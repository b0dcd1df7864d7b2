/** Where a broker that begins with the state of another has its files. */
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
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
  const suffix = `.fork-${random.bytes(8).toString('hex')}`;
  const beside = `${source}${suffix}`;
  try {
    files.makeDirectorySync(beside);
    return beside;
  } catch (error) {
    if (!(error instanceof FileError) || !['EACCES', 'EROFS'].includes(error.code)) throw error;
    const elsewhere = join(tmpdir(), `${basename(source)}${suffix}`);
    files.makeDirectorySync(elsewhere);
    return elsewhere;
  }
}
