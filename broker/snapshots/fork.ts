/** Beginning with the state that a directory, or a snapshot in memory, holds. Neither is changed by it, then or later. */
import {
  finishImage,
  imageOfDirectory,
  PlacedImage,
  placeImage,
} from '../../storage/directory/directory-image.ts';
import { metaPropertiesFile } from '../../storage/directory/meta-properties.ts';
import { insignificantNames, lockFile } from '../../storage/directory/ownership.ts';
import { FileError, type FileSystem } from '../../storage/environment/files.ts';
import { suffixes } from '../../storage/log/segment-files.ts';
import { OptionError } from '../options/option-error.ts';
import { metadataDirectoryName } from './live-image.ts';

export interface ForkSource {
  readonly files: FileSystem;
  readonly directory: string;
}

/** Throws an OptionError unless the directory can be begun with. */
export function checkSource({ files, directory }: ForkSource): void {
  if (files.statSync(directory)?.kind !== 'directory')
    throw new OptionError('from', `from: there is no directory ${directory}`);
  if (files.statSync(files.join(directory, metaPropertiesFile)) === null)
    throw new OptionError(
      'from',
      `from: ${directory} is not a data directory of Kompakt or Apache Kafka: it has no ${metaPropertiesFile}`,
    );
}

/** Throws an OptionError that names `option` unless the directory is empty, or not there yet. */
export function checkEmpty(files: FileSystem, directory: string, option: string): void {
  const stat = files.statSync(directory);
  if (stat === null) return;
  if (stat.kind !== 'directory') throw new OptionError(option, `${option}: ${directory} is not a directory`);
  const [first] = files.listSync(directory).filter((name) => !insignificantNames.has(name));
  if (first !== undefined)
    throw new OptionError(option, `${option}: the directory ${directory} is not empty, there is ${first}`);
}

/** `isKept`: it outlives the broker, so that a loss of power must not leave less than it says. */
export function fork(source: ForkSource, files: FileSystem, directory: string, isKept: boolean): void {
  checkSource(source);
  holdingSource(source, () => {
    const image = imageOfDirectory(source.files, source.directory, metadataDirectoryName);
    const placed = new PlacedImage(files, directory);
    try {
      placeImage(image, placed);
      if (isKept) makeDurable(placed);
      finishImage(image, files, directory);
    } catch (error) {
      placed.remove();
      throw error;
    }
  });
}

/** Indexes and snapshots of producers are made again where they are damaged; records are not. */
function makeDurable({ files, directories, copied }: PlacedImage): void {
  for (const path of copied) if (path.endsWith(suffixes.log)) syncFile(files, path);
  for (const path of directories) files.syncDirectorySync(path);
}

/** Open for writing, though nothing is written: Windows syncs no file that is open for reading alone. */
function syncFile(files: FileSystem, path: string): void {
  const file = files.openSync(path, 'update');
  try {
    file.syncSync();
  } finally {
    file.close();
  }
}

/**
 * Nobody may write to it meanwhile; several processes may begin with it at once, as the workers of a test suite do. Where there is no
 * lock nobody has ever begun with it, and where it cannot be written nobody can.
 */
function holdingSource({ files, directory }: ForkSource, work: () => void): void {
  const path = files.join(directory, lockFile);
  let lock: ReturnType<FileSystem['tryLock']> | undefined;
  try {
    if (files.statSync(path) !== null) lock = files.trySharedLock(path);
  } catch (error) {
    if (!(error instanceof FileError) || !['EACCES', 'EROFS'].includes(error.code)) throw error;
  }
  if (lock === null)
    throw new OptionError(
      'from',
      `from: ${directory} is in use by a broker; stop it, or begin with a snapshot that it takes`,
    );
  try {
    work();
  } finally {
    lock?.release();
  }
}
