import type { ConfigResourceType, TopicState } from './cluster-state.ts';

/**
 * The write side of cluster metadata: each call decides against the state, appends to __cluster_metadata (synced) and
 * resolves when the change is in force (logs made or marked deleted). Results carry Kafka's error codes; nothing throws for
 * bad input.
 */
export interface MetadataController {
  createTopics(
    requests: readonly NewTopic[],
    options: { validateOnly: boolean; byAutoCreation?: boolean },
  ): Promise<readonly CreateTopicResult[]>;
  deleteTopics(topics: readonly { name: string | null; id: string }[]): Promise<readonly DeleteTopicResult[]>;
  createPartitions(
    requests: readonly NewPartitions[],
    options: { validateOnly: boolean },
  ): Promise<readonly NamedResult[]>;
  /** Kafka's internal topics (offsets, transaction state), made on first need with their broker settings. */
  ensureInternalTopic(name: string): Promise<TopicState | { errorCode: number }>;
  /** Auto-creation by Metadata or Produce, when auto.create.topics.enable says so. */
  autoCreateTopics(names: readonly string[]): Promise<readonly CreateTopicResult[]>;
  incrementalAlterConfigs(
    alterations: readonly ConfigAlteration[],
    validateOnly: boolean,
  ): Promise<readonly ConfigResult[]>;
  /** The legacy full replacement. */
  alterConfigs(
    replacements: readonly ConfigReplacement[],
    validateOnly: boolean,
  ): Promise<readonly ConfigResult[]>;
  /** First id and length of a block that is recorded before it is returned. */
  allocateProducerIds(): Promise<{ firstProducerId: number; count: number }>;
  /**
   * New leader epoch (PartitionChange with leader) after an unclean stop, before the first append; at least `atLeast`, where
   * a log is ahead of its metadata. Rejects when it could not be recorded: nothing may be appended then.
   */
  bumpLeaderEpochs(
    partitions: readonly { topic: string; partition: number; atLeast?: number }[],
  ): Promise<void>;
  /** A producer id that a log holds: later blocks lie above it, whatever the metadata says. */
  noteProducerId(producerId: number): void;
  /** Where the metadata log stands (DescribeQuorum). */
  quorum(): { readonly endOffset: number };
  updateFeatures(
    updates: readonly { name: string; level: number; upgradeType: number }[],
    validateOnly: boolean,
  ): Promise<readonly NamedResult[]>;
}

export interface NewTopic {
  readonly name: string;
  /** -1: the broker's num.partitions. */
  readonly numPartitions: number;
  /** -1: default.replication.factor. */
  readonly replicationFactor: number;
  readonly assignments: readonly { partitionIndex: number; brokerIds: readonly number[] }[];
  readonly configs: readonly { name: string; value: string | null }[];
}

export interface CreateTopicResult {
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly topicId: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
}

export interface DeleteTopicResult {
  readonly name: string | null;
  readonly topicId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export interface NewPartitions {
  readonly name: string;
  readonly count: number;
  readonly assignments: readonly { brokerIds: readonly number[] }[] | null;
}

export interface NamedResult {
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export interface ConfigAlteration {
  readonly type: ConfigResourceType;
  readonly name: string;
  /** operation: 0 SET, 1 DELETE, 2 APPEND, 3 SUBTRACT. */
  readonly configs: readonly { name: string; operation: number; value: string | null }[];
}

export interface ConfigReplacement {
  readonly type: ConfigResourceType;
  readonly name: string;
  readonly configs: readonly { name: string; value: string | null }[];
}

export interface ConfigResult extends NamedResult {
  readonly type: number;
}
