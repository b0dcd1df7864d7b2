/** One partition of `__consumer_offsets` at work: its machine, its journal, its time-outs, and the members' connections. */
import { errors } from '../../protocol/errors.ts';
import type { Caller } from '../apis/handler.ts';
import { Deadlines } from '../journal/deadlines.ts';
import { Journal, JournalError } from '../journal/journal.ts';
import type { Partition } from '../partitions/partition.ts';
import { ClassicGroup } from './classic-group.ts';
import { ClassicGroups, type JoinRequest, type SyncRequest } from './classic-groups.ts';
import type { JoinAnswer, SyncAnswer } from './classic-member.ts';
import type { GroupCoordinatorOptions, OffsetToCommit } from './group-coordinator.ts';
import { type CommittedOffset, type GroupEntry, groupEntryCodec } from './group-entries.ts';
import { type Group, GroupShard } from './group-shard.ts';
import { MemberConnections } from './member-connections.ts';
import {
  commitError,
  deleteGroupError,
  deleteOffsetsError,
  deletionEntries,
  liveOffset,
  type OffsetCommitter,
  topicEntries,
} from './offset-decisions.ts';

export interface LoadedShardOptions extends GroupCoordinatorOptions {
  readonly partition: Partition;
}

const none = errors.none.code;

export class LoadedShard {
  readonly connections: MemberConnections;
  readonly #options: LoadedShardOptions;
  readonly #machine = new GroupShard();
  readonly #journal: Journal<GroupEntry>;
  readonly #deadlines: Deadlines;
  readonly #classic: ClassicGroups;
  #loading: Promise<number> | null = null;

  constructor(options: LoadedShardOptions) {
    this.#options = options;
    const { environment, settings, logger, partition } = options;
    this.#deadlines = new Deadlines(environment.clock);
    this.#journal = new Journal<GroupEntry>({
      partition,
      codec: groupEntryCodec,
      machine: this.#machine,
      clock: environment.clock,
      logger,
      maxBatchBytes: () => partition.log.settings['max.message.bytes'],
    });
    this.#classic = new ClassicGroups({
      shard: this.#machine,
      environment,
      deadlines: this.#deadlines,
      logger,
      limits: () => ({
        maxSize: settings['group.max.size'],
        initialRebalanceDelayMs: settings['group.initial.rebalance.delay.ms'],
      }),
      write: (entries, done) => this.#write(entries, done),
    });
    this.connections = new MemberConnections({
      deadlines: this.#deadlines,
      graceMs: () => settings['kompakt.group.disconnect.grace.ms'],
      leave: (groupId, memberId) => this.#connectionLost(groupId, memberId),
    });
  }

  get isReady(): boolean {
    return this.#journal.isReady;
  }

  /** Loads where that is due: at first use, and again after a failed append. NONE, or why it cannot be used. */
  ready(): Promise<number> {
    if (this.#journal.isReady) return Promise.resolve(none);
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async close(): Promise<void> {
    this.#deadlines.clear();
    this.connections.clear();
    for (const group of this.#machine.groups.values())
      if (group instanceof ClassicGroup) this.#classic.bury(group);
    await this.#journal.close();
  }

  join(request: JoinRequest, caller: Caller): Promise<JoinAnswer> {
    return new Promise((resolve) => {
      this.#classic.join(request, (answer) => {
        const memberId = answer.memberId ?? '';
        if (request.groupInstanceId === null && isMember(answer.errorCode ?? none)) {
          this.connections.seen(request.groupId, memberId, caller);
        }
        resolve(answer);
      });
      // A member that waits for a rebalance may die meanwhile.
      if (request.groupInstanceId === null) this.connections.seen(request.groupId, request.memberId, caller);
    });
  }

  sync(request: SyncRequest, caller: Caller): Promise<SyncAnswer> {
    this.#seen(request, caller);
    return new Promise((resolve) => this.#classic.sync(request, resolve));
  }

  heartbeat(
    request: { groupId: string; memberId: string; groupInstanceId: string | null; generationId: number },
    caller: Caller,
  ): number {
    this.#seen(request, caller);
    return this.#classic.heartbeat(
      request.groupId,
      request.memberId,
      request.groupInstanceId,
      request.generationId,
    );
  }

  leave(
    groupId: string,
    members: readonly { memberId: string; groupInstanceId: string | null }[],
    reason: string,
  ): readonly number[] {
    for (const { memberId } of members) this.connections.gone(groupId, memberId);
    return this.#classic.leave(groupId, members, reason);
  }

  commit(committer: OffsetCommitter, offsets: readonly OffsetToCommit[]): number | Promise<number> {
    const group = this.#machine.groups.get(committer.groupId);
    const refusal = commitError(group, committer);
    if (refusal !== none) return refusal;
    this.connections.heard(committer.groupId, committer.memberId);
    if (group instanceof ClassicGroup && group.state !== 'CompletingRebalance') {
      const member = group.members.get(committer.memberId);
      if (member !== undefined) this.#classic.touch(group, member);
    }
    const { groupId } = committer;
    return this.#run(offsets.map((offset) => ({ kind: 'offset', groupId, ...offset })));
  }

  /** NONE when everything said so far is as durable as the policy wants. */
  async settled(): Promise<number> {
    try {
      await this.#journal.settled();
      return none;
    } catch (error) {
      return codeOf(error);
    }
  }

  /** A committed offset of the topic as it is now; null when there is none. */
  offset(
    groupId: string,
    topic: string,
    partition: number,
    topicId = this.#topicId(topic),
  ): CommittedOffset | null {
    return liveOffset(this.#machine.offsets.get(groupId, topic, partition), topicId);
  }

  /** Everything that a group has committed. */
  *offsetsOf(groupId: string): Generator<{ topic: string; partition: number; value: CommittedOffset }> {
    for (const [topic, partitions] of this.#machine.offsets.of(groupId) ?? []) {
      for (const [partition, stored] of partitions) {
        const value = liveOffset(stored, this.#topicId(topic));
        if (value !== null) yield { topic, partition, value };
      }
    }
  }

  /** Whether an open transaction is about to change an offset (OffsetFetch with requireStable). */
  isPending(groupId: string, topic: string, partition: number): boolean {
    for (const entry of this.#journal.pendingEntries()) {
      const isIt =
        entry.kind === 'offset' &&
        entry.groupId === groupId &&
        entry.topic === topic &&
        entry.partition === partition;
      if (isIt) return true;
    }
    return false;
  }

  async deleteOffsets(
    groupId: string,
    offsets: readonly { topic: string; partition: number }[],
  ): Promise<number | readonly number[]> {
    const group = this.#machine.groups.get(groupId);
    const refusal = deleteOffsetsError(group);
    if (refusal !== none) return refusal;
    const entries: GroupEntry[] = [];
    const codes = offsets.map(({ topic, partition }) => {
      if (group instanceof ClassicGroup && !group.isEmpty && group.isSubscribedTo(topic)) {
        return errors.groupSubscribedToTopic.code;
      }
      if (this.#machine.offsets.get(groupId, topic, partition) !== undefined) {
        entries.push({ kind: 'offset', groupId, topic, partition, value: null });
      }
      return none;
    });
    const written = await this.#run(entries);
    return written === none ? codes : written;
  }

  async deleteGroup(groupId: string): Promise<number> {
    const group = this.#machine.groups.get(groupId);
    const refusal = deleteGroupError(group);
    if (refusal !== none) return refusal;
    this.#classic.bury(group as ClassicGroup);
    return this.#run(deletionEntries(this.#machine, groupId));
  }

  group(groupId: string): Group | undefined {
    return this.#machine.groups.get(groupId);
  }

  groups(): Iterable<Group> {
    return this.#machine.groups.values();
  }

  /** Tombstones for offsets of topics that are gone. */
  forgetOffsets(isGone: (topic: string, value: CommittedOffset) => boolean): void {
    if (!this.#journal.isReady) return;
    this.#writeQuietly(topicEntries(this.#machine, isGone));
  }

  expire(
    groupId: string,
    due: (machine: GroupShard, isPending: (topic: string, partition: number) => boolean) => GroupEntry[],
  ): void {
    if (!this.#journal.isReady) return;
    const entries = due(this.#machine, (topic, partition) => this.isPending(groupId, topic, partition));
    const group = this.#machine.classic(groupId);
    if (group !== undefined && entries.some(({ kind }) => kind === 'group')) this.#classic.bury(group);
    this.#writeQuietly(entries);
  }

  async #load(): Promise<number> {
    const { logger, partition } = this.#options;
    this.#deadlines.clear();
    this.connections.clear();
    this.#machine.isLoading = true;
    try {
      await this.#journal.load();
    } catch (error) {
      logger.error('Groups cannot be loaded', {
        partition: `${partition.topic}-${partition.index}`,
        error: error instanceof Error ? error.message : String(error),
      });
      return errors.coordinatorNotAvailable.code;
    } finally {
      this.#machine.isLoading = false;
    }
    this.#classic.loaded();
    // A crash between the deletion of a topic and its tombstones leaves offsets of a topic that is no more.
    this.forgetOffsets((topic, value) => {
      const topicId = this.#topicId(topic);
      return topicId === undefined || liveOffset(value, topicId) === null;
    });
    return none;
  }

  #seen(
    {
      groupId,
      memberId,
      groupInstanceId,
    }: { groupId: string; memberId: string; groupInstanceId: string | null },
    caller: Caller,
  ): void {
    if (groupInstanceId !== null || this.#machine.classic(groupId)?.members.has(memberId) !== true) return;
    this.connections.seen(groupId, memberId, caller);
  }

  #connectionLost(groupId: string, memberId: string): void {
    const group = this.#machine.classic(groupId);
    const isThere =
      group?.members.get(memberId)?.isStatic === false || group?.pendingJoin.has(memberId) === true;
    if (!isThere) return;
    this.#options.logger.info('A group member lost its connection and leaves', {
      group: groupId,
      member: memberId,
    });
    this.#classic.leave(groupId, [{ memberId, groupInstanceId: null }], 'its connection is gone');
  }

  #topicId(topic: string): string | undefined {
    return this.#options.cluster.topic(topic)?.id;
  }

  #writeQuietly(entries: readonly GroupEntry[]): void {
    if (entries.length === 0) return;
    this.#write(entries, (errorCode) => {
      if (errorCode !== none) this.#options.logger.warn('Offsets to be removed stay for now', { errorCode });
    });
  }

  #write(entries: readonly GroupEntry[], done: (errorCode: number) => void): void {
    const written = this.#run(entries);
    if (written instanceof Promise) void written.then(done);
    else done(written);
  }

  #run(entries: readonly GroupEntry[]): number | Promise<number> {
    if (entries.length === 0) return none;
    try {
      const answer = this.#journal.run(() => ({ entries, answer: none }));
      return answer instanceof Promise ? answer.catch(codeOf) : answer;
    } catch (error) {
      return codeOf(error);
    }
  }
}

/** The client keeps the member id that came with this code. */
function isMember(errorCode: number): boolean {
  return errorCode === none || errorCode === errors.memberIdRequired.code;
}

/** What a client of a group hears when an append to `__consumer_offsets` failed. */
function codeOf(error: unknown): number {
  if (!(error instanceof JournalError)) throw error;
  switch (error.errorCode) {
    case errors.kafkaStorageError.code:
    case errors.notLeaderOrFollower.code:
      return errors.notCoordinator.code;
    case errors.unknownTopicOrPartition.code:
    case errors.notEnoughReplicas.code:
      return errors.coordinatorNotAvailable.code;
    case errors.messageTooLarge.code:
      return errors.unknownServerError.code;
    default:
      return error.errorCode;
  }
}
