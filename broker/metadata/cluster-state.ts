/**
 * What the cluster is, as the metadata log tells it: the read side of everything. Changed only by replay (cluster machine in
 * metadata-machine.ts); handlers and coordinators read it, and listen.
 */
export interface ClusterState {
  readonly clusterId: string;
  readonly nodeId: number;
  /** directory.id of the one log directory. */
  readonly directoryId: string;
  /** Raft epoch of this start; also the controller epoch. */
  readonly epoch: number;
  readonly brokerEpoch: number;
  topic(name: string): TopicState | undefined;
  topicById(id: string): TopicState | undefined;
  /** By name, ascending. */
  topics(): Iterable<TopicState>;
  readonly topicCount: number;
  partitionCount(): number;
  /** Overrides of a resource: topic, broker ('' = cluster default), group, client-metrics. Null when it has none. */
  configs(type: ConfigResourceType, name: string): ReadonlyMap<string, string>;
  /** Names of the resources of a type that have overrides. */
  configuredResources(type: ConfigResourceType): Iterable<string>;
  /**
   * Finalized feature levels by name, never above what is served here; a missing one is 0. `epoch` grows with each change
   * and does not fall at a restart.
   */
  readonly features: { readonly levels: ReadonlyMap<string, number>; readonly epoch: number };
  onChange(listener: (change: ClusterChange) => void): () => void;
}

/** Kafka's ConfigResource.Type codes. */
export const configResourceTypes = {
  topic: 2,
  broker: 4,
  brokerLogger: 8,
  clientMetrics: 16,
  group: 32,
} as const;
export type ConfigResourceType = (typeof configResourceTypes)[keyof typeof configResourceTypes];

export interface TopicState {
  readonly name: string;
  readonly id: string;
  /** __consumer_offsets, __transaction_state, __share_group_state. */
  readonly isInternal: boolean;
  readonly partitions: readonly PartitionState[];
}

export interface PartitionState {
  readonly index: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly directories: readonly string[];
  /** What a cluster of more nodes has under way, or remembers, of it: kept for one, not acted on here. */
  readonly removingReplicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly leaderRecoveryState: number;
  readonly eligibleLeaderReplicas: readonly number[];
  readonly lastKnownElr: readonly number[];
}

export type ClusterChange =
  | { readonly kind: 'topic-created'; readonly topic: TopicState }
  | { readonly kind: 'partitions-added'; readonly topic: TopicState; readonly firstNewIndex: number }
  | { readonly kind: 'topic-deleted'; readonly topic: TopicState }
  | { readonly kind: 'leader-epoch'; readonly topic: TopicState; readonly partition: PartitionState }
  | { readonly kind: 'configs'; readonly type: ConfigResourceType; readonly name: string }
  | { readonly kind: 'features' };
