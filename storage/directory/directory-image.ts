/**
 * A data directory as it is to be put somewhere else: as a broker that runs would leave it (broker/snapshots), or as one has left it.
 *
 * Shared with where it comes from are `.log` files of sealed segments and nothing else: no broker writes to one again, it is replaced as a
 * whole. Of what an unclean stop has left, only those below the recovery point are: a recovery cuts what is damaged above it.
 */
import { FileError, type FileSystem } from '../environment/files.ts';
import { placeFile } from '../environment/place-file.ts';
import type { ImageFile } from '../log/log-image.ts';
import { offsetOf, suffixes } from '../log/segment-files.ts';
import { cleanShutdownFile } from './clean-shutdown.ts';
import { metaPropertiesFile } from './meta-properties.ts';
import { checkpointFiles, DamagedCheckpoint, OffsetCheckpoint } from './offset-checkpoint.ts';
import { parsePartitionDirectory } from './partition-directories.ts';
import { checkpointNames } from './wipe-directory.ts';

export interface DirectoryImage {
  /** Those that have paths are here. */
  readonly files: FileSystem;
  readonly top: readonly ImageFile[];
  readonly partitions: readonly { readonly name: string; readonly content: readonly ImageFile[] }[];
}

/** What is being written, or is no part of a log any more. */
const passing = /\.(tmp|cleaned|deleted)$/;

function isOfState(name: string): boolean {
  return name === metaPropertiesFile || (checkpointNames.test(name) && !passing.test(name));
}

/** Of a directory that nobody uses. `apart`: the directory of the metadata log, which is recovered at every start. */
export function imageOfDirectory(files: FileSystem, directory: string, apart: string): DirectoryImage {
  const top: ImageFile[] = [];
  const partitions: { name: string; content: ImageFile[] }[] = [];
  const recoveryPoints = recoveryPointsIn(files, directory);
  for (const name of files.listSync(directory)) {
    const path = files.join(directory, name);
    const stat = files.statSync(path);
    if (stat?.kind === 'file' && isOfState(name))
      top.push({ name, path, sizeBytes: stat.size, isShared: false });
    else if (stat?.kind === 'directory' && parsePartitionDirectory(name)?.kind === 'partition')
      partitions.push({
        name,
        content: partitionFiles(files, path, name === apart ? -1 : recoveryPoints(name)),
      });
  }
  return { files, top, partitions };
}

export interface PlacedImage {
  readonly directories: readonly string[];
  readonly paths: readonly string[];
  /** Of these paths: what may not be on the device, even if it is where it comes from. */
  readonly copied: readonly string[];
}

/** Puts it into an empty directory, all but what makes that a data directory: that comes with `finishImage`. */
export function placeImage(
  { files: source, top, partitions }: DirectoryImage,
  files: FileSystem,
  directory: string,
): PlacedImage {
  const directories = [directory];
  const paths: string[] = [];
  const copied: string[] = [];
  const place = (file: ImageFile, into: string): void => {
    const path = files.join(into, file.name);
    if ('content' in file) write(files, path, file.content);
    else placeFile({ files: source, ...file }, files, path);
    paths.push(path);
    if ('content' in file || !file.isShared) copied.push(path);
  };
  files.makeDirectorySync(directory);
  for (const { name, content } of partitions) {
    if (content.length === 0) continue;
    const into = files.join(directory, name);
    files.makeDirectorySync(into);
    directories.push(into);
    for (const file of content) place(file, into);
  }
  for (const file of top) if (!isLast(file)) place(file, directory);
  return { directories, paths, copied };
}

/** Durably. */
export function finishImage(
  { files: source, top }: DirectoryImage,
  files: FileSystem,
  directory: string,
): void {
  for (const file of top.filter(isLast)) {
    const content = 'content' in file ? file.content : source.readFileSync(file.path);
    files.replaceFileSync(files.join(directory, file.name), content);
  }
}

/** Without them a directory is none of ours. */
function isLast({ name }: ImageFile): boolean {
  return name === cleanShutdownFile || name === metaPropertiesFile;
}

function write(files: FileSystem, path: string, content: Buffer): void {
  const file = files.openSync(path, 'create-new');
  try {
    file.writeSync([content], 0);
  } finally {
    file.close();
  }
}

/** `.log` files that end at or below `sharedBelow`, and are not the last, are shared. */
function partitionFiles(files: FileSystem, directory: string, sharedBelow: number): ImageFile[] {
  const names = files.listSync(directory).filter((name) => !passing.test(name));
  const bases = names
    .filter((name) => name.endsWith(suffixes.log))
    .map(offsetOf)
    .sort((a, b) => a - b);
  const isShared = (name: string): boolean => {
    const next = bases[bases.indexOf(offsetOf(name)) + 1];
    return name.endsWith(suffixes.log) && next !== undefined && next <= sharedBelow;
  };
  return names.flatMap((name) => {
    const path = files.join(directory, name);
    const stat = files.statSync(path);
    return stat?.kind === 'file' ? [{ name, path, sizeBytes: stat.size, isShared: isShared(name) }] : [];
  });
}

/** Below which offset a start looks at nothing: everywhere, after a clean stop. */
function recoveryPointsIn(files: FileSystem, directory: string): (partition: string) => number {
  if (files.statSync(files.join(directory, cleanShutdownFile)) !== null)
    return () => Number.POSITIVE_INFINITY;
  try {
    const points = new OffsetCheckpoint(files, directory, checkpointFiles.recoveryPoint).read();
    return (partition) => points.get(partition) ?? 0;
  } catch (error) {
    if (!(error instanceof DamagedCheckpoint) && !(error instanceof FileError)) throw error;
    return () => 0;
  }
}
