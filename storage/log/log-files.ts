import type { File, FileSystem } from '../environment/files.ts';
import { partitionMetadataText } from './partition-metadata.ts';
import { leaderEpochFile, partitionMetadataFile } from './segment-files.ts';

/**
 * The two small files beside the segments: partition.metadata (partition-metadata.ts) and leader-epoch-checkpoint
 * (leader-epochs.ts). Both are replaced by renaming a new one over the old, so that a reader sees either whole; when they
 * reach the device is the durability policy's business (log-sync.ts).
 */

/** Replaces a small file, in the page cache; the open file is returned to be synced and closed. */
export function replaceUnsynced(files: FileSystem, path: string, content: string): File {
  const file = files.openSync(`${path}.tmp`, 'create');
  try {
    file.truncateSync(0);
    file.writeSync([Buffer.from(content, 'utf8')], 0);
    file.renameTo(path);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Creates a partition's directory and its partition.metadata; the open file, or null where there is one already. */
export function createDirectory(files: FileSystem, directory: string, topicId: string): File | null {
  files.makeDirectorySync(directory);
  const path = files.join(directory, partitionMetadataFile);
  return files.statSync(path) === null ? replaceUnsynced(files, path, partitionMetadataText(topicId)) : null;
}

/** Brings both to the device, where an earlier process may not have. */
export function syncSmallFiles(files: FileSystem, directory: string): void {
  for (const name of [partitionMetadataFile, leaderEpochFile]) {
    const path = files.join(directory, name);
    if (files.statSync(path) === null) continue;
    const file = files.openSync(path, 'update');
    file.syncSync();
    file.close();
  }
}
