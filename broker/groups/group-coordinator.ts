/**
 * Routes groups to their partition of `__consumer_offsets` (Java's hash of the group id modulo the partition count), loads those
 * partitions, and offers what the group APIs need. One shard has one journal; everything about a group happens in its shard.
 */
import { errors } from '../../protocol/errors.ts';
import { coordinatorPartition } from '../../protocol/records/java-hash.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import { outsideClock, type Timer } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Caller } from '../apis/handler.ts';
import type { BrokerSettings } from '../config/settings.ts';
import { CoordinatorShards, type MaybeLater } from '../journal/coordinator-shards.ts';
import type { TransactionMarker } from '../journal/journal.ts';
import type { ClusterState, TopicState } from '../metadata/cluster-state.ts';
import type { MetadataController } from '../metadata/metadata-controller.ts';
import { consumerOffsetsTopic } from '../metadata/topic-names.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { JoinRequest, SyncRequest } from './classic-groups.ts';
import type { JoinAnswer, SyncAnswer } from './classic-member.ts';
import { ClientConnections, clientKeyOf } from './client-connections.ts';
import { joinRefusal, syncRefusal } from './group-answers.ts';
import type { CommittedOffset } from './group-entries.ts';
import type { Group } from './group-shard.ts';
import { type CodeOrCodes, type CommittingTransaction, LoadedShard } from './loaded-shard.ts';
import type { OffsetCommitter, TopicPartition } from './offset-decisions.ts';

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

const asItIs = (errorCode: number): number => errorCode;
const none = errors.none.code;

/** The transaction coordinator knows no other word for a partition that is not ready to take its marker. */
function notReady(_errorCode: number): number {
  return errors.notLeaderOrFollower.code;
}

export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions;
  readonly #shards: CoordinatorShards<LoadedShard>;
  readonly #clients: ClientConnections;
  readonly #unsubscribe: () => void;
  readonly #listeners = new Set<(groupId: string) => void>();
  #expiryTimer: Timer | null = null;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    this.#clients = new ClientConnections(() => outsideClock(options.environment.clock).monotonicMs());
    this.#shards = new CoordinatorShards({
      topic: consumerOffsetsTopic,
      cluster: options.cluster,
      partitions: options.partitions,
      open: (partition) =>
        new LoadedShard({
          ...options,
          partition,
          clients: this.#clients,
          stable: (groupId) => {
            for (const listener of this.#listeners) listener(groupId);
          },
        }),
    });
    this.#unsubscribe = options.cluster.onChange((change) => {
      if (change.kind === 'topic-deleted') this.#topicDeleted(change.topic);
    });
  }

  /** Loads every partition that has records, and starts the retention check. */
  async start(): Promise<void> {
    await this.#shards.loadAll();
    this.#scheduleExpiry();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#expiryTimer?.cancel();
    await this.#shards.close();
  }

  /** Calls back when a group has become stable; takes note of it, and asks nothing. Returns how to stop that. */
  onStable(listener: (groupId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** NONE when a group with this id can be served; makes `__consumer_offsets` on first need. */
  async coordinatorError(groupId: string): Promise<number> {
    const topic = await this.#options.metadata.ensureInternalTopic(consumerOffsetsTopic);
    if ('errorCode' in topic) return errors.coordinatorNotAvailable.code;
    const notAvailable = (): number => errors.coordinatorNotAvailable.code;
    return this.#shards.with(groupId, () => none, notAvailable);
  }

  /** A client has opened a connection, or asks who coordinates its group; see member-connections.ts. */
  clientConnected({ clientId, clientHost, connection }: Caller): void {
    const clientKey = clientKeyOf(clientId, clientHost);
    this.#clients.opened(clientKey, connection);
    for (const { connections } of this.#shards) connections.clientSeen(clientKey, connection);
  }

  clientAsks(groupId: string, { clientId, clientHost, connection }: Caller): void {
    this.#shards
      .opened(groupId)
      ?.connections.clientSeen(clientKeyOf(clientId, clientHost), connection, groupId);
  }

  join(request: JoinRequest, caller: Caller): MaybeLater<JoinAnswer> {
    const { groupId, memberId } = request;
    const refused = (errorCode: number): JoinAnswer => joinRefusal(memberId, errorCode);
    const refusal = this.#joinError(request);
    return refusal === none
      ? this.#with(groupId, (shard) => shard.join(request, caller), refused)
      : refused(refusal);
  }

  sync(request: SyncRequest, caller: Caller): MaybeLater<SyncAnswer> {
    if (request.groupId === '') return syncRefusal(errors.invalidGroupId.code);
    return this.#with(request.groupId, (shard) => shard.sync(request, caller), syncRefusal);
  }

  heartbeat(
    request: { groupId: string; memberId: string; groupInstanceId: string | null; generationId: number },
    caller: Caller,
  ): MaybeLater<number> {
    if (request.groupId === '') return errors.invalidGroupId.code;
    return this.#with(request.groupId, (shard) => shard.heartbeat(request, caller), asItIs);
  }

  /** The answer to each member, or one code for all. */
  leave(
    groupId: string,
    members: readonly { memberId: string; groupInstanceId: string | null }[],
    reason: string,
  ): MaybeLater<CodeOrCodes> {
    if (groupId === '') return errors.invalidGroupId.code;
    return this.#with<CodeOrCodes>(groupId, (shard) => shard.leave(groupId, members, reason), asItIs);
  }

  /** A code for each offset, once they are committed; or one for all of them. */
  commitOffsets(
    committer: OffsetCommitter,
    offsets: readonly OffsetToCommit[],
    caller: Caller,
  ): MaybeLater<CodeOrCodes> {
    return this.#with<CodeOrCodes>(
      committer.groupId,
      (shard) => shard.commit(committer, offsets, caller),
      asItIs,
    );
  }

  /** As `commitOffsets`, in a transaction that must be open when they are written; its end brings them about. */
  commitInTransaction(
    committer: OffsetCommitter,
    offsets: readonly OffsetToCommit[],
    transaction: CommittingTransaction,
  ): MaybeLater<CodeOrCodes> {
    const { groupId } = committer;
    if (groupId === '') return errors.invalidGroupId.code;
    return this.#with<CodeOrCodes>(
      groupId,
      (shard) => shard.commitInTransaction(committer, offsets, transaction),
      asItIs,
    );
  }

  /** Ends a transaction in one partition of `__consumer_offsets`; NONE once that is durable. */
  endTransaction(index: number, marker: TransactionMarker): MaybeLater<number> {
    return this.#shards.at(index, (shard) => shard.endTransaction(marker), notReady);
  }

  /** Where the offsets of a group are. */
  offsetsPartition(groupId: string): number {
    const { settings } = this.#options;
    return (
      this.#shards.indexOf(groupId) ?? coordinatorPartition(groupId, settings['offsets.topic.num.partitions'])
    );
  }

  /** What `read` finds in the group's shard now, once all of that is durable; else what `refused` makes of the code. */
  readOffsets<Answer>(
    groupId: string,
    read: (shard: LoadedShard) => Answer,
    refused: (errorCode: number) => Answer,
  ): MaybeLater<Answer> {
    return this.#with(groupId, (shard) => shard.read(read, refused), refused);
  }

  /** The code of the whole, or of each offset asked for. */
  deleteOffsets(groupId: string, offsets: readonly TopicPartition[]): MaybeLater<CodeOrCodes> {
    if (groupId === '') return errors.invalidGroupId.code;
    return this.#with<CodeOrCodes>(groupId, (shard) => shard.deleteOffsets(groupId, offsets), asItIs);
  }

  deleteGroup(groupId: string): MaybeLater<number> {
    return this.#with(groupId, (shard) => shard.deleteGroup(groupId), asItIs);
  }

  /** What `read` makes of a group as it is now, once that is durable; it is given undefined when there is none. Or a code. */
  describe<Answer>(groupId: string, read: (group: Group | undefined) => Answer): MaybeLater<Answer | number> {
    return this.#with<Answer | number>(
      groupId,
      (shard) => shard.read<Answer | number>(() => read(shard.group(groupId)), asItIs),
      asItIs,
    );
  }

  /** The same of every group, or the code of a shard that cannot be asked. */
  async list<Answer extends object>(read: (group: Group) => Answer): Promise<readonly Answer[] | number> {
    const shards = await this.#shards.allReady();
    if (typeof shards === 'number') return shards;
    const found = await Promise.all(
      shards.map((shard) =>
        shard.read<readonly Answer[] | number>(() => [...shard.groups()].map(read), asItIs),
      ),
    );
    return found.find((groups) => typeof groups === 'number') ?? (found as (readonly Answer[])[]).flat();
  }

  #joinError({ groupId, sessionTimeoutMs }: JoinRequest): number {
    const { settings } = this.#options;
    if (groupId === '') return errors.invalidGroupId.code;
    const isInRange =
      sessionTimeoutMs >= settings['group.min.session.timeout.ms'] &&
      sessionTimeoutMs <= settings['group.max.session.timeout.ms'];
    return isInRange ? none : errors.invalidSessionTimeout.code;
  }

  #with<Answer>(
    groupId: string,
    action: (shard: LoadedShard) => MaybeLater<Answer>,
    refused: (errorCode: number) => Answer,
  ): MaybeLater<Answer> {
    return this.#shards.with(groupId, action, refused);
  }

  #topicDeleted({ name, id }: TopicState): void {
    if (name === consumerOffsetsTopic) {
      this.#shards.forget();
      return;
    }
    const isGone = (topic: string, { topicId }: CommittedOffset): boolean =>
      topic === name && (topicId === id || topicId === zeroUuid);
    for (const shard of this.#shards) shard.forgetOffsets(isGone);
  }

  #scheduleExpiry(): void {
    if (this.#shards.isClosed) return;
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
    for (const shard of this.#shards) shard.expire(nowMs, retentionMs);
  }
}
