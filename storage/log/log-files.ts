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
  return renamed(files.openSync(`${path}.tmp`, 'create'), path, content);
}

/** A partition's directory. */
export interface PartitionDirectory {
  /** There was none: nothing else is in it. */
  readonly isNew: boolean;
  /** Its partition.metadata, open; null where there is one already. */
  readonly metadata: File | null;
}

/** Creates a partition's directory and its partition.metadata. */
export function createDirectory(files: FileSystem, directory: string, topicId: string): PartitionDirectory {
  const isNew = files.makeDirectorySync(directory);
  const path = files.join(directory, partitionMetadataFile);
  if (!isNew && files.statSync(path) !== null) return { isNew, metadata: null };
  // By a rename all the same: Apache Kafka does not start beside one that was cut short by a kill.
  const file = files.openSync(`${path}.tmp`, isNew ? 'create-new' : 'create');
  return { isNew, metadata: renamed(file, path, partitionMetadataText(topicId)) };
}

/** Fills a new file and gives it its name. */
function renamed(file: File, path: string, content: string): File {
  try {
    if (file.size > 0) file.truncateSync(0);
    file.writeSync([Buffer.from(content, 'utf8')], 0);
    file.renameTo(path);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
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
