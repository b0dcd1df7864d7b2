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

/** What has been put where so far. */
export class PlacedImage {
  readonly files: FileSystem;
  readonly directory: string;
  /** That of the image, and those above it that were not there. */
  readonly made: readonly string[];
  /** Those in which names were made, outermost first. */
  readonly directories: string[];
  readonly paths: string[] = [];
  /** Of these paths: what may not be on the device, even if it is where it comes from. */
  readonly copied: string[] = [];

  constructor(files: FileSystem, directory: string) {
    this.files = files;
    this.directory = directory;
    const made: string[] = [];
    for (let at = directory; files.statSync(at) === null; at = files.join(at, '..')) made.unshift(at);
    this.made = made;
    this.directories = [files.join(made[0] ?? directory, '..'), ...made.slice(0, -1), directory];
  }

  /** As far as that can be done: what is not whole is nothing, and takes room. */
  remove(): void {
    try {
      for (const path of this.paths) this.files.removeFileSync(path);
      for (const inside of this.directories.slice(this.directories.indexOf(this.directory) + 1))
        this.files.removeTreeSync(inside);
      const [outermost] = this.made;
      if (outermost !== undefined) this.files.removeTreeSync(outermost);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }
}

/** Puts it into an empty directory, all but what makes that a data directory: that comes with `finishImage`. */
export function placeImage({ files: source, top, partitions }: DirectoryImage, placed: PlacedImage): void {
  const { files, directory } = placed;
  const place = (file: ImageFile, into: string): void => {
    const path = files.join(into, file.name);
    placed.paths.push(path);
    if ('content' in file) write(files, path, file.content);
    else placeFile({ files: source, ...file }, files, path);
    if ('content' in file || !file.isShared) placed.copied.push(path);
  };
  files.makeDirectorySync(directory);
  for (const { name, content } of partitions) {
    if (content.length === 0) continue;
    const into = files.join(directory, name);
    files.makeDirectorySync(into);
    placed.directories.push(into);
    for (const file of content) place(file, into);
  }
  for (const file of top) if (!isLast(file)) place(file, directory);
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
