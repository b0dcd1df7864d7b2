/** Puts the cleaner together with what it follows: topics that go, policies and numbers of threads that change. */
import { cleanerKeys } from '../../compaction/config-keys.ts';
import { LateCleaner } from '../../compaction/late-cleaner.ts';
import { CleanerOffsets } from '../../storage/directory/cleaner-offsets.ts';
import type { LogDirectory } from '../../storage/directory/log-directory.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Configuration } from '../config/settings.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partitions } from '../partitions/partitions.ts';
import { Compactions } from './compactions.ts';
import { LogCleaner } from './log-cleaner.ts';

export interface CleaningParts {
  readonly environment: Environment;
  readonly configuration: Configuration;
  readonly cluster: ClusterState;
  readonly partitions: Partitions;
  readonly logDirectory: LogDirectory;
  readonly logger: Logger;
  /** Nothing is cleaned of itself. */
  readonly onlyWhenAsked?: boolean;
}

export interface Cleaning {
  readonly cleaner: LogCleaner;
  readonly compactions: Compactions;
  /** Ends all passes; the logs may be closed then. */
  stop(): Promise<void>;
}

export function openCleaning(parts: CleaningParts): Cleaning {
  const {
    environment,
    configuration,
    cluster,
    partitions,
    logDirectory,
    logger,
    onlyWhenAsked = false,
  } = parts;
  const { clock, files } = environment;
  const { settings } = configuration;
  const offsets = new CleanerOffsets(files, logDirectory.path, logger);
  // Topics that were deleted while nobody looked: another broker had the directory, or the last write was lost.
  void offsets.keepWithin((topic, partition) => partitions.get(topic, partition)?.log.endOffset ?? null);
  let loading: ReturnType<typeof loadThreads> | null = null;
  const threads = () => (loading ??= loadThreads(environment, logger));
  const cleaner = new LogCleaner({
    clock,
    settings,
    logger,
    offsets,
    partitions,
    onlyWhenAsked,
    applyRetention: (wanted) => logDirectory.applyRetention(clock.nowMs(), wanted),
    createThread: () => new LateCleaner(async () => (await threads())()),
  });
  const forgetCluster = cluster.onChange((change) => {
    if (change.kind === 'topic-deleted') void offsets.forget(change.topic.name);
    // Those who tell the logs of their new settings listen to the same change: after them.
    if (change.kind === 'topic-deleted' || change.kind === 'configs') clock.defer(() => cleaner.review());
  });
  const forgetSettings = configuration.onChange((changed) => {
    if ([...changed].some((key) => Object.hasOwn(cleanerKeys, key))) cleaner.restart();
  });
  return {
    cleaner,
    compactions: new Compactions({ environment, settings, cluster, partitions, cleaner }),
    stop: async () => {
      forgetCluster();
      forgetSettings();
      await cleaner.stop();
    },
  };
}

async function loadThreads(environment: Environment, logger: Logger) {
  const { cleanerThreads } = await import('../../compaction/create-cleaner-thread.ts');
  return cleanerThreads({ environment, warn: (message) => logger.warn(message) });
}
