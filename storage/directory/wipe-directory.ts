/**
 * Empties a data directory of everything but whose it is: `meta.properties` and the two files of its owner stay, names that are not
 * Kafka's or ours are left alone. Whoever calls holds its lock, and has no file in it open.
 *
 *     metadata log renamed ─▶ partitions renamed ─▶ checkpoints removed, names synced ─▶ what was renamed removed
 *
 * What is renamed bears the name that deleted partitions bear, so a process that dies in between leaves a directory that opens: with no
 * metadata log there are no topics, and what is left of them is removed or set aside.
 */
import type { Environment } from '../environment/environment.ts';
import { parsePartitionDirectory, sidelinedDirectoryName } from './partition-directories.ts';

/** Checkpoints, the word of a clean stop, and what format leaves for the first start. */
export const checkpointNames = /^(\.kafka_cleanshutdown|bootstrap\.checkpoint|[a-z-]+-checkpoint)(\.tmp)?$/;

/** `first`: the name of the metadata log's directory. */
export function wipeDirectory(
  { files, random }: Pick<Environment, 'files' | 'random'>,
  directory: string,
  first: string,
): void {
  const gone: string[] = [];
  const names = files.listSync(directory);
  const inOrder = [...names.filter((name) => name === first), ...names.filter((name) => name !== first)];
  for (const name of inOrder) {
    const path = files.join(directory, name);
    const isDirectory = files.statSync(path)?.kind === 'directory';
    const found = isDirectory ? parsePartitionDirectory(name) : null;
    if (found?.kind === 'delete') gone.push(path);
    else if (found !== null) {
      const { topic, partition } = found;
      const target = sidelinedDirectoryName('delete', topic, partition, (count) => random.bytes(count));
      files.renameSync(path, files.join(directory, target));
      gone.push(files.join(directory, target));
    } else if (!isDirectory && checkpointNames.test(name)) files.removeFileSync(path);
  }
  files.syncDirectorySync(directory);
  for (const path of gone) files.removeTreeSync(path);
}
