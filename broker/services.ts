import type { Environment } from '../storage/environment/environment.ts';
import type { VolumeStat } from '../storage/environment/files.ts';
import type { ServedApis } from './apis/served-apis.ts';
import type { LoggerLevels } from './config/logger-levels.ts';
import type { BrokerSettings, Configuration } from './config/settings.ts';
import type { GroupCoordinator } from './groups/group-coordinator.ts';
import type { ClusterState } from './metadata/cluster-state.ts';
import type { MetadataController } from './metadata/metadata-controller.ts';
import type { AdvertisedEndpoints } from './network/advertised.ts';
import type { Gaps } from './observe/gaps.ts';
import type { Logger } from './observe/logger.ts';
import type { FetchSessions } from './partitions/fetch-sessions.ts';
import type { Partitions } from './partitions/partitions.ts';
import type { ProducerIds } from './transactions/producer-ids.ts';
import type { TransactionCoordinator } from './transactions/transaction-coordinator.ts';

/** What a handler may use; a service is here only if a folder stands behind it. Built once in broker.ts. */
export interface Services {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  /** Where each setting comes from; `settings` are its values. */
  readonly configuration: Configuration;
  /** Levels of the broker's loggers, changed at run time. */
  readonly loggerLevels: LoggerLevels;
  readonly logger: Logger;
  /** Told what is refused or ignored for want of a feature. */
  readonly gaps: Gaps;
  /** What ApiVersions lists. */
  readonly apis: ServedApis;
  /** What is: topics, partitions, configs, features. Read only; changes go through `metadata`. */
  readonly cluster: ClusterState;
  readonly metadata: MetadataController;
  /** Which address this client is told to use. */
  readonly advertised: AdvertisedEndpoints;
  readonly partitions: Partitions;
  /** The one directory that holds every partition. */
  readonly logDirectory: LogDirectoryView;
  readonly fetchSessions: FetchSessions;
  readonly groups: GroupCoordinator;
  readonly producerIds: ProducerIds;
  readonly transactions: TransactionCoordinator;
}

/** What handlers may know of the log directory. */
export interface LogDirectoryView {
  /** Absolute; a made-up name in memory. */
  readonly path: string;
  /** A disk error has taken it out of service. */
  readonly isOffline: boolean;
  volume(): VolumeStat | null;
}
