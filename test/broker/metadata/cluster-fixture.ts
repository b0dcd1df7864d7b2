/** Opens a cluster's metadata for tests: on memory files unless the test brings its own environment. */

import { ConfigRules } from '../../../broker/config/rules.ts';
import { type BrokerSettings, readConfiguration } from '../../../broker/config/settings.ts';
import {
  type ClusterChange,
  type ClusterState,
  configResourceTypes,
} from '../../../broker/metadata/cluster-state.ts';
import type { NewTopic } from '../../../broker/metadata/metadata-controller.ts';
import {
  type OpenClusterOptions,
  type OpenedCluster,
  openCluster,
} from '../../../broker/metadata/open-cluster.ts';
import { decodeMetadataRecord, type MetadataRecord } from '../../../broker/metadata/records/index.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { errorName } from '../../../protocol/errors.ts';
import { forEachBatch, isControl } from '../../../protocol/records/batch.ts';
import { forEachRecord } from '../../../protocol/records/record.ts';
import type { Environment } from '../../../storage/environment/environment.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';

export const dataDirectory = '/data';
export const metadataDirectory = `${dataDirectory}/__cluster_metadata-0`;

export interface ClusterUnderTest extends OpenedCluster {
  readonly environment: Environment;
  readonly changes: ClusterChange[];
}

export async function open(
  options: Partial<Omit<OpenClusterOptions, 'settings'>> & { settings?: Partial<BrokerSettings> } = {},
): Promise<ClusterUnderTest> {
  const environment = options.environment ?? simulatedEnvironment();
  const read = readConfiguration();
  if (!read.ok) throw new Error(read.messages.join('\n'));
  const { configuration } = read;
  Object.assign(configuration.settings, options.settings);
  const cluster = await openCluster({
    directory: dataDirectory,
    nodeId: null,
    endpoints: [{ name: 'PLAINTEXT', host: 'localhost', port: 9092, securityProtocol: 0 }],
    logger: silentLogger,
    rules: new ConfigRules(configuration),
    ...options,
    environment,
    settings: configuration.settings,
  });
  const changes: ClusterChange[] = [];
  cluster.state.onChange((change) => changes.push(change));
  return { ...cluster, environment, changes };
}

export function newTopic(name: string, extra: Partial<NewTopic> = {}): NewTopic {
  return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...extra };
}

/** Everything that clients could see, as plain data. */
export function snapshotOf(state: ClusterState) {
  const configs = Object.values(configResourceTypes).flatMap((type) =>
    [...state.configuredResources(type)]
      .sort()
      .map((name) => [type, name, [...state.configs(type, name)].sort()]),
  );
  return {
    clusterId: state.clusterId,
    topics: [...state.topics()].map(({ name, id, partitions }) => ({
      name,
      id,
      partitions: [...partitions],
    })),
    configs,
    features: [...state.features.levels].sort(),
    partitionCount: state.partitionCount(),
    topicCount: state.topicCount,
  };
}

/** The records of the first segment of the metadata log, as they lie in the file. */
export function recordsInLog({ environment }: ClusterUnderTest): (MetadataRecord & { offset: number })[] {
  const bytes = environment.files.readFileSync(`${metadataDirectory}/00000000000000000000.log`);
  const records: (MetadataRecord & { offset: number })[] = [];
  forEachBatch(bytes, 0, bytes.length, (position) => {
    if (isControl(bytes, position)) return;
    forEachRecord(bytes, position, ({ offset, value }) => {
      records.push({ ...decodeMetadataRecord(value!), offset });
    });
  });
  return records;
}

interface Answered {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** 'NONE', or the error's name and message. */
export function told({ errorCode, errorMessage }: Answered): string {
  return errorCode === 0 ? 'NONE' : `${errorName(errorCode)}: ${errorMessage}`;
}

/** `name NONE`, or what was refused, for each topic. */
export async function create(cluster: ClusterUnderTest, ...topics: NewTopic[]): Promise<string[]> {
  const results = await cluster.controller.createTopics(topics, { validateOnly: false });
  return results.map((result) => `${result.name} ${told(result)}`);
}
