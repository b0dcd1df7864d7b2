/**
 * The part of a start that has to do with the data directory: its lock, and the logs of all partitions. What a broker (broker.ts) and work on
 * a directory without one (offline.ts) have in common.
 */
import { LogDirectory } from '../storage/directory/log-directory.ts';
import { acquireDirectory, type RefusalReason } from '../storage/directory/ownership.ts';
import type { Environment } from '../storage/environment/environment.ts';
import { FileError } from '../storage/environment/files.ts';
import type { DurabilityPolicy } from '../storage/log/log-types.ts';
import { followTopicConfigs } from './config/follow-cluster.ts';
import type { BrokerSettings, Configuration } from './config/settings.ts';
import { configResourceTypes } from './metadata/cluster-state.ts';
import { MetadataWriteError } from './metadata/metadata-journal.ts';
import type { OpenedCluster } from './metadata/open-cluster.ts';
import { MetadataRefused } from './metadata/refusals.ts';
import { clusterMetadataTopic } from './metadata/topic-names.ts';
import { ListenError } from './network/transport.ts';
import type { Logger } from './observe/logger.ts';
import { epochsToRaise } from './partitions/epochs-to-raise.ts';
import { Partitions } from './partitions/partitions.ts';
import { StartError } from './start-error.ts';
import type { UndoList } from './undo-list.ts';

/** Takes the directory until `undo`; tells whether that keeps Apache Kafka out. `said` may add to why it cannot be had. */
export function takeDirectory(
  { files }: Environment,
  directory: string,
  processId: number,
  undo: UndoList,
  said: (message: string, reason: RefusalReason) => string = (message) => message,
): boolean {
  const ownership = acquireDirectory(files, directory, processId);
  if (!ownership.ok) throw new StartError(said(ownership.message, ownership.reason));
  undo.push(() => ownership.release());
  return ownership.keepsKafkaOut;
}

export interface OpenLogsParts {
  readonly environment: Environment;
  readonly configuration: Configuration;
}

export async function openLogs(
  { environment, configuration }: OpenLogsParts,
  directory: string,
  { state, controller, log }: OpenedCluster,
  logger: Logger,
  undo: UndoList,
): Promise<{ logDirectory: LogDirectory; partitions: Partitions }> {
  const { settings } = configuration;
  const logDirectory = LogDirectory.open({
    environment,
    path: directory,
    logger,
    durability: durabilityOf(settings),
    producerIdExpirationMs: () => settings['producer.id.expiration.ms'],
    deleteDelayMs: settings['log.segment.delete.delay.ms'],
    reserved: [`${clusterMetadataTopic}-0`],
    wasDeleted: (topicId) => state.wasRemoved(topicId),
    decompressedBytesMax: settings['kompakt.records.decompressed.max.bytes'],
    checkpointIntervalMs: settings['log.flush.offset.checkpoint.interval.ms'],
    initialDelayMs: settings['log.initial.task.delay.ms'],
  });
  undo.push(async () => void (await logDirectory.close(state.brokerEpoch)));
  // What could not be synced may be there at the next start all the same: a deletion would then take along what was written to its
  // topic in the meantime. Apache Kafka ends its process here.
  log.onEvent((event) => {
    if (event !== 'offline') return;
    logDirectory.halt('The metadata log has failed');
    logger.error('the metadata log has failed: writes are refused until the next start');
  });
  const partitions = new Partitions(state, {
    open: (topic, index) => {
      const overrides = state.configs(configResourceTypes.topic, topic.name);
      return logDirectory.openLog(topic.name, index, topic.id, configuration.topicSettings(overrides));
    },
    delete: (log) => logDirectory.deleteLog(log),
  });
  undo.push(() => partitions.close());
  // The log may be ahead of the metadata (a directory of another broker): ids that it holds are not given again.
  for (const { log } of partitions.all()) {
    for (const { producerId } of log.producers()) controller.noteProducerId(producerId);
  }
  logDirectory.setStraysAside();
  state.started();
  undo.push(followTopicConfigs(configuration, state, partitions));
  await controller.bumpLeaderEpochs(epochsToRaise(state, partitions, logDirectory.cleanShutdown !== null));
  return { logDirectory, partitions };
}

function durabilityOf(settings: BrokerSettings): DurabilityPolicy {
  const kind = settings['kompakt.durability'];
  return kind === 'interval' ? { kind, intervalMs: settings['kompakt.durability.interval.ms'] } : { kind };
}

/** What the person who started it is told, in one line. */
export function startErrorOf(error: unknown): Error {
  if (error instanceof StartError) return error;
  const cause = { cause: error };
  if (error instanceof ListenError) {
    const why = error.code === 'EADDRINUSE' ? `${error.where} is in use by another program` : error.message;
    return new StartError(why, cause);
  }
  if (error instanceof MetadataRefused) return new StartError(error.message, cause);
  if (error instanceof FileError || error instanceof MetadataWriteError)
    return new StartError(`the data directory cannot be used: ${error.message}`, cause);
  return error as Error;
}
