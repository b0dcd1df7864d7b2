import { errors } from '../../protocol/errors.ts';
import type { Log } from '../../storage/log/log.ts';
import type { ClusterChange, ClusterState, TopicState } from '../metadata/cluster-state.ts';
import { Partition } from './partition.ts';

/** Opens and removes logs for partitions: the log directory, as this folder needs it. */
export interface PartitionLogs {
  /** The log of a partition; an empty one when the disk has none yet. */
  open(topic: TopicState, index: number): Log;
  /** Moves the log's directory out of the way; it is removed later. */
  delete(log: Log): void;
}

/**
 * All partitions of this node, by topic name and by topic id. It follows the cluster state: what CreateTopics, CreatePartitions
 * and DeleteTopics decide is in force here when their change has been replayed.
 */
export class Partitions {
  readonly #logs: PartitionLogs;
  readonly #cluster: ClusterState;
  readonly #byName = new Map<string, Partition[]>();
  readonly #byId = new Map<string, Partition[]>();
  readonly #unsubscribe: () => void;

  /** Opens every partition that the state has now, and follows it from here on. */
  constructor(cluster: ClusterState, logs: PartitionLogs) {
    this.#logs = logs;
    this.#cluster = cluster;
    for (const topic of cluster.topics()) this.#add(topic, 0);
    this.#unsubscribe = cluster.onChange((change) => this.#follow(change));
  }

  get(topic: string, index: number): Partition | undefined {
    return this.#byName.get(topic)?.[index];
  }

  getById(topicId: string, index: number): Partition | undefined {
    return this.#byId.get(topicId)?.[index];
  }

  /** All of a topic by their index, with holes where this node has none. */
  ofTopic(topic: string, topicId: string, byId: boolean): readonly (Partition | undefined)[] | undefined {
    return byId ? this.#byId.get(topicId) : this.#byName.get(topic);
  }

  /** A partition as clients name it: by id from the version that has topic ids, by name before. */
  find(topic: string, topicId: string, byId: boolean, index: number): Partition | undefined {
    return this.ofTopic(topic, topicId, byId)?.[index];
  }

  /** Why `find` found nothing: no such topic or partition, or one that another node has. */
  missingCode(topic: string, topicId: string, byId: boolean, index: number): number {
    const state = byId ? this.#cluster.topicById(topicId) : this.#cluster.topic(topic);
    if (state?.partitions[index] !== undefined) return errors.notLeaderOrFollower.code;
    return byId && state === undefined ? errors.unknownTopicId.code : errors.unknownTopicOrPartition.code;
  }

  *all(): Generator<Partition> {
    for (const partitions of this.#byName.values()) {
      for (const partition of partitions) if (partition !== undefined) yield partition;
    }
  }

  /** Stops following the cluster; the logs are closed by their owner. */
  close(): void {
    this.#unsubscribe();
  }

  #follow(change: ClusterChange): void {
    switch (change.kind) {
      case 'topic-created':
        this.#add(change.topic, 0);
        break;
      case 'partitions-added':
        this.#add(change.topic, change.firstNewIndex);
        break;
      case 'topic-deleted':
        this.#remove(change.topic);
        break;
      case 'leader-epoch':
        this.getById(change.topic.id, change.partition.index)?.beginLeaderEpoch(change.partition.leaderEpoch);
        break;
      default:
        break;
    }
  }

  #add(topic: TopicState, firstIndex: number): void {
    const partitions = this.#byId.get(topic.id) ?? [];
    for (const state of topic.partitions) {
      // A directory copied from a larger cluster may know partitions that live elsewhere.
      if (state.index < firstIndex || !state.replicas.includes(this.#cluster.nodeId)) continue;
      const log = this.#logs.open(topic, state.index);
      partitions[state.index] = new Partition(log, topic.name, topic.id, state.index, state.leaderEpoch);
    }
    this.#byId.set(topic.id, partitions);
    this.#byName.set(topic.name, partitions);
  }

  #remove(topic: TopicState): void {
    const partitions = this.#byId.get(topic.id);
    if (partitions === undefined) return;
    this.#byId.delete(topic.id);
    if (this.#byName.get(topic.name) === partitions) this.#byName.delete(topic.name);
    for (const partition of partitions) {
      if (partition === undefined) continue;
      partition.markDeleted();
      this.#logs.delete(partition.log);
    }
  }
}
