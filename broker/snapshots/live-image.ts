/**
 * The data directory of a broker that runs, as a clean stop at this moment would leave it. All of it is looked at in one turn of the event
 * loop, in which nothing is half written: every log, and what groups, transactions and the metadata say of them, are of the same moment,
 * and what was acknowledged before is in.
 */
import { cleanShutdownFile } from '../../storage/directory/clean-shutdown.ts';
import type { DirectoryImage } from '../../storage/directory/directory-image.ts';
import type { LogDirectory } from '../../storage/directory/log-directory.ts';
import { metaPropertiesFile } from '../../storage/directory/meta-properties.ts';
import {
  checkpointFiles,
  formatOffsetCheckpoint,
  type PartitionOffset,
} from '../../storage/directory/offset-checkpoint.ts';
import { partitionDirectoryName } from '../../storage/directory/partition-directories.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import type { Log } from '../../storage/log/log.ts';
import type { ImageFile } from '../../storage/log/log-image.ts';
import type { OpenedCluster } from '../metadata/open-cluster.ts';
import { clusterMetadataTopic } from '../metadata/topic-names.ts';

export interface LiveParts {
  readonly files: FileSystem;
  readonly directory: string;
  readonly logDirectory: LogDirectory;
  readonly cluster: OpenedCluster;
}

export const metadataDirectoryName = partitionDirectoryName(clusterMetadataTopic, 0);

/** Of the metadata log's directory, beside its segments. */
const besideMetadata = /^(quorum-state|\d+-\d+\.checkpoint)$/;

export function liveImage(parts: LiveParts): DirectoryImage {
  const { files, directory, logDirectory } = parts;
  const logs = logsOnDisk(logDirectory);
  const offsets = (of: (log: Log) => number): PartitionOffset[] =>
    logs.map((log) => ({ topic: log.topic, partition: log.partition, offset: of(log) }));
  const starts = offsets((log) => log.logStartOffset).filter(({ offset }) => offset > 0);
  const text = (name: string, content: string): ImageFile => ({ name, content: Buffer.from(content) });
  return {
    files,
    top: [
      text(checkpointFiles.recoveryPoint, formatOffsetCheckpoint(offsets((log) => log.endOffset))),
      text(checkpointFiles.logStart, formatOffsetCheckpoint(starts)),
      text(checkpointFiles.highWatermark, formatOffsetCheckpoint(offsets((log) => log.endOffset))),
      ...contents(
        files,
        directory,
        (name) => name === checkpointFiles.cleaner || name === metaPropertiesFile,
      ),
      text(cleanShutdownFile, JSON.stringify({ version: 0, brokerEpoch: parts.cluster.state.brokerEpoch })),
    ],
    partitions: [
      { name: metadataDirectoryName, content: metadataImage(parts) },
      ...logs.map((log) => ({ name: log.name, content: log.image() })),
    ],
  };
}

export function logsOnDisk(logDirectory: LogDirectory): Log[] {
  return [...logDirectory.logs].filter((log) => log.isOnDisk && !log.isDeleted);
}

/** Each start recovers it, whoever's: nothing of it is shared. */
function metadataImage({ files, directory, cluster }: LiveParts): ImageFile[] {
  return [
    ...cluster.log.image().map((file) => ('path' in file ? { ...file, isShared: false } : file)),
    ...contents(files, files.join(directory, metadataDirectoryName), (name) => besideMetadata.test(name)),
  ];
}

function contents(files: FileSystem, directory: string, isWanted: (name: string) => boolean): ImageFile[] {
  const names = files.listSync(directory).filter(isWanted);
  return names.map((name) => ({ name, content: files.readFileSync(files.join(directory, name)) }));
}
