import { type DirectoryImage, finishImage, placeImage } from '../../storage/directory/directory-image.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
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
  if (logDirectory.isOffline)
    throw new SnapshotFailed(
      'a disk error has taken the data directory out of service: it cannot be trusted',
    );
  // In memory whatever is written to next is copied, a chunk of it.
  if (!(parts.files instanceof MemoryFileSystem))
    await Promise.all(
      logsOnDisk(logDirectory)
        .filter((log) => (log.segments().at(-1)?.sizeBytes ?? 0) > copiedBytesMax)
        .map((log) => log.roll()),
    );
  const image: DirectoryImage = liveImage(parts);
  const { directories, paths } = placeImage(image, files, directory);
  if (!(files instanceof MemoryFileSystem)) {
    await each(paths, (path) => syncFile(files, path));
    await each([files.join(directory, '..'), ...directories], (path) => files.syncDirectory(path));
  }
  finishImage(image, files, directory);
}

async function syncFile(files: FileSystem, path: string): Promise<void> {
  const file = files.openSync(path, 'read');
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
