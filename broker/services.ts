import type { Environment } from '../storage/environment/environment.ts';
import type { BrokerSettings } from './config/settings.ts';
import type { GroupCoordinator } from './groups/group-coordinator.ts';
import type { ClusterState } from './metadata/cluster-state.ts';
import type { MetadataController } from './metadata/metadata-controller.ts';
import type { Logger } from './observe/logger.ts';
import type { FetchSessions } from './partitions/fetch-sessions.ts';
import type { Partitions } from './partitions/partitions.ts';
import type { ProducerIds } from './transactions/producer-ids.ts';

/** What a handler may use; a service is here only if a folder stands behind it. Built once in broker.ts. */
export interface Services {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly logger: Logger;
  /** What is: topics, partitions, configs, features. Read only; changes go through `metadata`. */
  readonly cluster: ClusterState;
  readonly metadata: MetadataController;
  readonly partitions: Partitions;
  readonly fetchSessions: FetchSessions;
  readonly groups: GroupCoordinator;
  readonly producerIds: ProducerIds;
}
