/**
 * The partitions of a coordinator's topic at work, one shard each: a key belongs to the partition that Java's hash of it says. A shard
 * is loaded when it is first asked for, and again after a failed append; meanwhile its clients wait or hear a code.
 */
import { errors } from '../../protocol/errors.ts';
import { coordinatorPartition } from '../../protocol/records/java-hash.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { Partition } from '../partitions/partition.ts';
import type { Partitions } from '../partitions/partitions.ts';

export interface Shard {
  readonly isReady: boolean;
  /** NONE, or why it cannot be used. */
  ready(): Promise<number>;
  close(): Promise<void>;
}

/** An answer that is there at once where nothing has to be waited for. */
export type MaybeLater<Answer> = Answer | Promise<Answer>;

export interface CoordinatorShardsOptions<S extends Shard> {
  readonly topic: string;
  readonly cluster: ClusterState;
  readonly partitions: Partitions;
  readonly open: (partition: Partition) => S;
}

const none = errors.none.code;

export class CoordinatorShards<S extends Shard> {
  readonly #options: CoordinatorShardsOptions<S>;
  readonly #shards = new Map<number, S>();
  #isClosed = false;

  constructor(options: CoordinatorShardsOptions<S>) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Those that were asked for so far. */
  [Symbol.iterator](): Iterator<S> {
    return this.#shards.values();
  }

  /** Loads every partition that has records. */
  async loadAll(): Promise<void> {
    const { cluster, partitions, topic } = this.#options;
    const loads: Promise<unknown>[] = [];
    for (const { index } of cluster.topic(topic)?.partitions ?? []) {
      const partition = partitions.get(topic, index);
      if (partition !== undefined && partition.endOffset > partition.logStartOffset)
        loads.push(this.#load(index));
    }
    await Promise.all(loads);
  }

  /** Null while there is no such topic. */
  indexOf(key: string): number | null {
    const topic = this.#options.cluster.topic(this.#options.topic);
    return topic === undefined ? null : coordinatorPartition(key, topic.partitions.length);
  }

  /** The shard of a key, loaded or not; undefined where it was never asked for. */
  opened(key: string): S | undefined {
    const index = this.indexOf(key);
    return index === null ? undefined : this.#shards.get(index);
  }

  /** The loaded shard of a key; undefined where there is none now. */
  now(key: string): S | undefined {
    const shard = this.opened(key);
    return shard?.isReady === true ? shard : undefined;
  }

  /** Runs at once where the shard is loaded, which is always but just after the start: requests keep their order. */
  with<Answer>(
    key: string,
    action: (shard: S) => MaybeLater<Answer>,
    refused: (errorCode: number) => Answer,
  ): MaybeLater<Answer> {
    const index = this.indexOf(key);
    // Kafka's answer for a partition that this broker does not lead: the client asks again who does.
    return index === null ? refused(errors.notCoordinator.code) : this.at(index, action, refused);
  }

  /** The same for a partition. */
  at<Answer>(
    index: number,
    action: (shard: S) => MaybeLater<Answer>,
    refused: (errorCode: number) => Answer,
  ): MaybeLater<Answer> {
    const shard = this.#shards.get(index);
    if (shard?.isReady === true) return action(shard);
    return this.#load(index).then((loaded) =>
      typeof loaded === 'number' ? refused(loaded) : action(loaded),
    );
  }

  /** Every shard, or the code of one that cannot be asked. */
  async allReady(): Promise<readonly S[] | number> {
    if (this.#isClosed) return errors.coordinatorNotAvailable.code;
    const shards = [...this.#shards.values()];
    for (const shard of shards) {
      const loaded = shard.isReady ? none : await shard.ready();
      if (loaded !== none) return loaded;
    }
    return shards;
  }

  /** The topic is gone, and all that was in it. */
  forget(): void {
    for (const shard of this.#shards.values()) void shard.close();
    this.#shards.clear();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#shards.values()].map((shard) => shard.close()));
  }

  async #load(index: number): Promise<S | number> {
    if (this.#isClosed) return errors.coordinatorNotAvailable.code;
    const { topic, partitions, open } = this.#options;
    let shard = this.#shards.get(index);
    if (shard === undefined) {
      const partition = partitions.get(topic, index);
      if (partition === undefined) return errors.notCoordinator.code;
      shard = open(partition);
      this.#shards.set(index, shard);
    }
    const loaded = await shard.ready();
    return loaded === none ? shard : loaded;
  }
}
