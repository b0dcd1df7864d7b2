/**
 * Routes groups to their partition of `__consumer_offsets` (Java's hash of the group id modulo the partition count), loads those
 * partitions, and offers what the group APIs need. One shard has one journal; everything about a group happens in its shard.
 */
import { errors } from '../../protocol/errors.ts';
import { coordinatorPartition } from '../../protocol/records/java-hash.ts';
import type { Timer } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Caller } from '../apis/handler.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { MetadataController } from '../metadata/metadata-controller.ts';
import { consumerOffsetsTopic } from '../metadata/topic-names.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { JoinRequest, SyncRequest } from './classic-groups.ts';
import type { JoinAnswer, SyncAnswer } from './classic-member.ts';
import { joinRefusal, syncRefusal } from './group-answers.ts';
import type { CommittedOffset } from './group-entries.ts';
import type { Group } from './group-shard.ts';
import { LoadedShard } from './loaded-shard.ts';
import { expiryEntries, type OffsetCommitter } from './offset-decisions.ts';

export interface GroupCoordinatorOptions {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly cluster: ClusterState;
  readonly metadata: Pick<MetadataController, 'ensureInternalTopic'>;
  readonly partitions: Partitions;
  readonly logger: Logger;
}

export interface OffsetToCommit {
  readonly topic: string;
  readonly partition: number;
  readonly value: CommittedOffset;
}

/** A shard, or the error code that its clients get meanwhile. */
type Routed = LoadedShard | number;

const none = errors.none.code;

export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions;
  readonly #shards = new Map<number, LoadedShard>();
  readonly #unsubscribe: () => void;
  #expiryTimer: Timer | null = null;
  #isClosed = false;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    this.#unsubscribe = options.cluster.onChange((change) => {
      if (change.kind === 'topic-deleted') this.#topicDeleted(change.topic.name);
    });
  }

  /** Loads every partition that has records, and starts the retention check. */
  async start(): Promise<void> {
    const topic = this.#options.cluster.topic(consumerOffsetsTopic);
    const loads: Promise<Routed>[] = [];
    for (const { index } of topic?.partitions ?? []) {
      const partition = this.#options.partitions.get(consumerOffsetsTopic, index);
      if (partition !== undefined && partition.endOffset > partition.logStartOffset)
        loads.push(this.#shard(index));
    }
    await Promise.all(loads);
    this.#scheduleExpiry();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#expiryTimer?.cancel();
    await Promise.all([...this.#shards.values()].map((shard) => shard.close()));
  }

  /** NONE when a group with this id can be served; makes `__consumer_offsets` on first need. */
  async coordinatorError(groupId: string): Promise<number> {
    const topic = await this.#options.metadata.ensureInternalTopic(consumerOffsetsTopic);
    if ('errorCode' in topic) return errors.coordinatorNotAvailable.code;
    const routed = await this.#route(groupId);
    return typeof routed === 'number' ? errors.coordinatorNotAvailable.code : none;
  }

  /** A client has opened a connection; see member-connections.ts. */
  clientConnected(clientId: string | null, clientHost: string): void {
    for (const shard of this.#shards.values()) shard.connections.clientConnected(clientId, clientHost);
  }

  async join(request: JoinRequest, caller: Caller): Promise<JoinAnswer> {
    const refusal = this.#joinRefusal(request);
    if (refusal !== none) return joinRefusal(request.memberId, refusal);
    const shard = await this.#route(request.groupId);
    if (typeof shard === 'number') return joinRefusal(request.memberId, shard);
    return shard.join(request, caller);
  }

  async sync(request: SyncRequest, caller: Caller): Promise<SyncAnswer> {
    if (request.groupId === '') return syncRefusal(errors.invalidGroupId.code);
    const shard = await this.#route(request.groupId);
    return typeof shard === 'number' ? syncRefusal(shard) : shard.sync(request, caller);
  }

  heartbeat(
    request: { groupId: string; memberId: string; groupInstanceId: string | null; generationId: number },
    caller: Caller,
  ): number | Promise<number> {
    if (request.groupId === '') return errors.invalidGroupId.code;
    return this.#with(request.groupId, (shard) => shard.heartbeat(request, caller));
  }

  /** The answer to each member, or one code for all. */
  async leave(
    groupId: string,
    members: readonly { memberId: string; groupInstanceId: string | null }[],
    reason: string,
  ): Promise<readonly number[] | number> {
    if (groupId === '') return errors.invalidGroupId.code;
    const shard = await this.#route(groupId);
    return typeof shard === 'number' ? shard : shard.leave(groupId, members, reason);
  }

  /** NONE once the offsets are committed, else the code for all of them. */
  commitOffsets(committer: OffsetCommitter, offsets: readonly OffsetToCommit[]): number | Promise<number> {
    return this.#with(committer.groupId, (shard) => shard.commit(committer, offsets));
  }

  /** What a group has committed: all of it, live; or the code that says why it is not to be had. */
  async fetchOffsets(groupId: string): Promise<LoadedShard | number> {
    const shard = await this.#route(groupId);
    if (typeof shard === 'number') return shard;
    const settled = await shard.settled();
    return settled === none ? shard : settled;
  }

  /** The code of the whole, or of each offset asked for. */
  async deleteOffsets(
    groupId: string,
    offsets: readonly { topic: string; partition: number }[],
  ): Promise<number | readonly number[]> {
    if (groupId === '') return errors.invalidGroupId.code;
    const shard = await this.#route(groupId);
    return typeof shard === 'number' ? shard : shard.deleteOffsets(groupId, offsets);
  }

  async deleteGroup(groupId: string): Promise<number> {
    if (groupId === '') return errors.invalidGroupId.code;
    const shard = await this.#route(groupId);
    return typeof shard === 'number' ? shard : shard.deleteGroup(groupId);
  }

  /** Undefined when there is no such group; a code when its shard cannot be asked. */
  async describe(groupId: string): Promise<Group | undefined | number> {
    if (groupId === '') return errors.invalidGroupId.code;
    const shard = await this.#route(groupId);
    return typeof shard === 'number' ? shard : shard.group(groupId);
  }

  /** Every group of every loaded shard. */
  list(): Group[] {
    return [...this.#shards.values()].flatMap((shard) => [...shard.groups()]);
  }

  #joinRefusal({ groupId, sessionTimeoutMs }: JoinRequest): number {
    const { settings } = this.#options;
    if (groupId === '') return errors.invalidGroupId.code;
    const isInRange =
      sessionTimeoutMs >= settings['group.min.session.timeout.ms'] &&
      sessionTimeoutMs <= settings['group.max.session.timeout.ms'];
    return isInRange ? none : errors.invalidSessionTimeout.code;
  }

  /** Runs at once where the shard is loaded, which is always but just after the start. */
  #with(groupId: string, action: (shard: LoadedShard) => number | Promise<number>): number | Promise<number> {
    const index = this.#indexOf(groupId);
    const shard = index === null ? undefined : this.#shards.get(index);
    if (shard?.isReady === true) return action(shard);
    return this.#route(groupId).then((routed) => (typeof routed === 'number' ? routed : action(routed)));
  }

  #indexOf(groupId: string): number | null {
    const topic = this.#options.cluster.topic(consumerOffsetsTopic);
    return topic === undefined ? null : coordinatorPartition(groupId, topic.partitions.length);
  }

  async #route(groupId: string): Promise<Routed> {
    if (this.#isClosed) return errors.coordinatorNotAvailable.code;
    const index = this.#indexOf(groupId);
    // Kafka's answer for a partition that this broker does not lead: the client asks again who does.
    return index === null ? errors.notCoordinator.code : this.#shard(index);
  }

  async #shard(index: number): Promise<Routed> {
    let shard = this.#shards.get(index);
    if (shard === undefined) {
      const partition = this.#options.partitions.get(consumerOffsetsTopic, index);
      if (partition === undefined) return errors.notCoordinator.code;
      shard = new LoadedShard({ ...this.#options, partition });
      this.#shards.set(index, shard);
    }
    const loaded = await shard.ready();
    return loaded === none ? shard : loaded;
  }

  #topicDeleted(name: string): void {
    if (name === consumerOffsetsTopic) {
      for (const shard of this.#shards.values()) void shard.close();
      this.#shards.clear();
      return;
    }
    for (const shard of this.#shards.values()) shard.forgetOffsets((topic) => topic === name);
  }

  #scheduleExpiry(): void {
    if (this.#isClosed) return;
    const { environment, settings } = this.#options;
    this.#expiryTimer = environment.clock.schedule(settings['offsets.retention.check.interval.ms'], () => {
      this.expireOffsets();
      this.#scheduleExpiry();
    });
  }

  /** Removes offsets and groups past `offsets.retention.minutes`; run by the clock. */
  expireOffsets(): void {
    const { environment, settings } = this.#options;
    const nowMs = environment.clock.nowMs();
    const retentionMs = settings['offsets.retention.minutes'] * 60_000;
    for (const shard of this.#shards.values()) {
      for (const { groupId } of [...shard.groups()]) {
        shard.expire(groupId, (machine, isPending) =>
          expiryEntries(machine, groupId, { nowMs, retentionMs, isPending }),
        );
      }
    }
  }
}
