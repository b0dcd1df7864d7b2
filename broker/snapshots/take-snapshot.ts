import {
  type DirectoryImage,
  finishImage,
  PlacedImage,
  placeImage,
} from '../../storage/directory/directory-image.ts';
import type { LogDirectory } from '../../storage/directory/log-directory.ts';
import { FileError, type FileSystem } from '../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import { checkEmpty } from './fork.ts';
import { type LiveParts, liveImage, logsOnDisk } from './live-image.ts';

/** Why there is no snapshot; nothing counts of what was written of it. */
export class SnapshotFailed extends Error {
  override readonly name = 'SnapshotFailed';
}

/** A last segment that is longer is sealed first, to be shared instead of copied. */
export const copiedBytesMax = 256 * 1024;
const syncsAtOnce = 16;

/** Puts the state of now into a directory that is empty or not there yet; on a disk it is durable when this resolves. */
export async function takeSnapshot(parts: LiveParts, files: FileSystem, directory: string): Promise<void> {
  const { logDirectory } = parts;
  refuseOffline(logDirectory);
  // In memory whatever is written to next is copied, a chunk of it.
  if (!(parts.files instanceof MemoryFileSystem))
    await Promise.all(
      logsOnDisk(logDirectory)
        .filter((log) => (log.segments().at(-1)?.sizeBytes ?? 0) > copiedBytesMax)
        .map((log) => log.roll()),
    );
  refuseOffline(logDirectory);
  // Somebody else may have taken it meanwhile.
  checkEmpty(files, directory, 'directory');
  const placed = new PlacedImage(files, directory);
  try {
    const image: DirectoryImage = liveImage(parts);
    placeImage(image, placed);
    if (!(files instanceof MemoryFileSystem)) {
      await each(placed.paths, (path) => syncFile(files, path));
      await each(placed.directories, (path) => files.syncDirectory(path));
    }
    finishImage(image, files, directory);
  } catch (error) {
    placed.remove();
    if (!(error instanceof FileError)) throw error;
    throw new SnapshotFailed(`the snapshot cannot be written: ${error.message}`, { cause: error });
  }
}

/** What a log that failed has in memory and in its files is not of one moment any more: a start has to recover it. */
function refuseOffline(logDirectory: LogDirectory): void {
  if (logDirectory.isOffline)
    throw new SnapshotFailed(
      'a disk error has taken the data directory out of service: it cannot be trusted',
    );
  const failed = logsOnDisk(logDirectory).find(({ isOffline }) => isOffline);
  if (failed !== undefined)
    throw new SnapshotFailed(
      `the log ${failed.name} is offline after a disk error: a start of the broker recovers it`,
    );
}

/** Open for writing, though nothing is written: Windows syncs no file that is open for reading alone. */
async function syncFile(files: FileSystem, path: string): Promise<void> {
  const file = files.openSync(path, 'update');
  try {
    await file.sync();
  } finally {
    file.close();
  }
}

async function each(paths: readonly string[], work: (path: string) => Promise<void>): Promise<void> {
  const left = [...paths];
  const next = async (): Promise<void> => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) await work(path);
  };
  await Promise.all(Array.from({ length: syncsAtOnce }, next));
}
