/**
 * One partition of `__consumer_offsets` at work: its machine, its journal, its time-outs, and the members' connections. When it is
 * lost (journal/reloading.ts), whoever waits hears NOT_COORDINATOR.
 */

import { errors } from '../../protocol/errors.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Caller } from '../apis/handler.ts';
import { coordinatorCode, markerCode } from '../journal/coordinator-code.ts';
import type { Shard } from '../journal/coordinator-shards.ts';
import { Deadlines } from '../journal/deadlines.ts';
import { Journal, type TransactionalProducer, type TransactionMarker } from '../journal/journal.ts';
import { Reloading } from '../journal/reloading.ts';
import { answerOnly, type Decision } from '../journal/state-machine.ts';
import type { Partition } from '../partitions/partition.ts';
import { assignedTo } from './assignments.ts';
import { ClassicGroups, type JoinRequest, type SyncRequest } from './classic-groups.ts';
import type { JoinAnswer, SyncAnswer } from './classic-member.ts';
import type { ClientConnections } from './client-connections.ts';
import type { GroupCoordinatorOptions, OffsetToCommit } from './group-coordinator.ts';
import { type CommittedOffset, type GroupEntry, groupEntryCodec } from './group-entries.ts';
import { type Group, GroupShard } from './group-shard.ts';
import { MemberConnections } from './member-connections.ts';
import {
  commitError,
  decideCommit,
  deleteGroupError,
  deleteOffsetsDecision,
  deleteOffsetsError,
  deletionEntries,
  expiryEntries,
  liveOffset,
  type OffsetCommitter,
  type TopicPartition,
  topicEntries,
} from './offset-decisions.ts';

export interface LoadedShardOptions extends GroupCoordinatorOptions {
  readonly clients: ClientConnections;
  readonly partition: Partition;
  stable(groupId: string): void;
}

/** NONE or what went wrong with the whole, or a code for each part of the request. */
export type CodeOrCodes = number | readonly number[];

/** The transaction that offsets are committed in. */
export interface CommittingTransaction {
  readonly producer: TransactionalProducer;
  /** NONE while it is open, or why nothing may be written in it. */
  error(): number;
}

const none = errors.none.code;
/** So many tombstones are written at once; a batch must also fit max.message.bytes. */
const tombstonesPerBatch = 1_000;

export class LoadedShard implements Shard {
  readonly connections: MemberConnections;
  readonly #options: LoadedShardOptions;
  readonly #machine = new GroupShard();
  readonly #journal: Journal<GroupEntry>;
  readonly #deadlines: Deadlines;
  /** Connections are lost, and opened again, in the time of those outside. */
  readonly #graces: Deadlines;
  readonly #classic: ClassicGroups;
  readonly #life: Reloading;

  constructor(options: LoadedShardOptions) {
    this.#options = options;
    const { environment, settings, logger, partition } = options;
    this.#deadlines = new Deadlines(environment.clock);
    this.#graces = new Deadlines(outsideClock(environment.clock));
    this.#journal = new Journal<GroupEntry>({
      partition,
      codec: groupEntryCodec,
      machine: this.#machine,
      clock: environment.clock,
      logger,
      maxBatchBytes: () => partition.log.settings['max.message.bytes'],
      onOffline: () => this.#life.lost(),
    });
    this.#life = new Reloading({
      clock: outsideClock(environment.clock),
      logger,
      what: 'Groups',
      partition,
      journal: this.#journal,
      unload: () => this.#unload(),
      loaded: () => this.#loaded(),
    });
    this.#machine.pending = this.#journal;
    this.connections = new MemberConnections({
      deadlines: this.#graces,
      clients: options.clients,
      nowMs: () => outsideClock(environment.clock).monotonicMs(),
      assigned: (groupId, memberId) => assignedTo(this.#machine.classic(groupId), memberId, options.cluster),
      graceMs: () => settings['kompakt.group.disconnect.grace.ms'],
      leave: (groupId, memberId) => this.#connectionLost(groupId, memberId),
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
      memberGone: (groupId, memberId) => this.connections.gone(groupId, memberId),
      stable: options.stable,
    });
  }

  get #metadataLengthMax(): number {
    return this.#options.settings['offset.metadata.max.bytes'];
  }

  get isReady(): boolean {
    return this.#journal.isReady;
  }

  ready(): Promise<number> {
    return this.#life.ready();
  }

  close(): Promise<void> {
    return this.#life.close();
  }

  join(request: JoinRequest, caller: Caller): Promise<JoinAnswer> {
    return new Promise((resolve) => {
      this.#classic.join(request, {
        answer: resolve,
        isMember: (memberId, isNew) => this.connections.seen(request.groupId, memberId, caller, isNew),
      });
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
    return this.#classic.leave(groupId, members, reason);
  }

  commit(
    committer: OffsetCommitter,
    offsets: readonly OffsetToCommit[],
    caller: Caller,
  ): CodeOrCodes | Promise<CodeOrCodes> {
    const { groupId, memberId } = committer;
    const group = this.#machine.groups.get(groupId);
    const refusal = commitError(group, committer);
    if (refusal !== none) return refusal;
    this.connections.heard(groupId, memberId, caller);
    if (group?.type === 'classic') this.#classic.committed(group, memberId);
    return this.#decide<CodeOrCodes>(() => decideCommit(groupId, offsets, this.#metadataLengthMax), asItIs);
  }

  /** See GroupCoordinator.commitInTransaction. */
  commitInTransaction(
    committer: OffsetCommitter,
    offsets: readonly OffsetToCommit[],
    { producer, error }: CommittingTransaction,
  ): CodeOrCodes | Promise<CodeOrCodes> {
    const { groupId } = committer;
    const refusal = commitError(this.#machine.groups.get(groupId), { ...committer, isTransactional: true });
    if (refusal !== none) return refusal;
    // Nothing may be written that no marker would end.
    const errorNow = error();
    if (errorNow !== none) return errorNow;
    return this.#answered<CodeOrCodes>(
      () =>
        this.#journal.runInTransaction(producer, () =>
          decideCommit(groupId, offsets, this.#metadataLengthMax),
        ),
      asItIs,
    );
  }

  /** The marker of a transaction that may have committed offsets here. */
  endTransaction(marker: TransactionMarker): number | Promise<number> {
    try {
      const done = this.#journal.endTransaction(marker);
      return done instanceof Promise ? done.then(() => none, markerCode) : none;
    } catch (error) {
      return markerCode(error);
    }
  }

  /** What `read` finds now, once all of it is as durable as the policy wants. */
  read<Answer>(
    read: (shard: LoadedShard) => Answer,
    refused: (errorCode: number) => Answer,
  ): Answer | Promise<Answer> {
    return this.#decide(() => answerOnly(read(this)), refused);
  }

  /** A committed offset of the topic as it is now; null when there is none. */
  offset(groupId: string, topic: string, partition: number): CommittedOffset | null {
    return liveOffset(this.#machine.offsets.get(groupId, topic, partition), this.#topicId(topic));
  }

  /** Everything that a group has committed. */
  *offsetsOf(groupId: string): Generator<TopicPartition & { value: CommittedOffset }> {
    for (const { topic, partition, value } of this.#machine.offsets.of(groupId)) {
      const live = liveOffset(value, this.#topicId(topic));
      if (live !== null) yield { topic, partition, value: live };
    }
  }

  /** Whether an open transaction is about to change an offset (OffsetFetch with requireStable). */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.#machine.hasPending(groupId, topic, partition);
  }

  deleteOffsets(groupId: string, offsets: readonly TopicPartition[]): CodeOrCodes | Promise<CodeOrCodes> {
    const refusal = deleteOffsetsError(this.#machine.groups.get(groupId));
    return this.#decide<CodeOrCodes>(
      () =>
        refusal === none
          ? deleteOffsetsDecision(this.#machine, groupId, offsets)
          : answerOnly<CodeOrCodes>(refusal),
      asItIs,
    );
  }

  deleteGroup(groupId: string): number | Promise<number> {
    const group = this.#machine.groups.get(groupId);
    const refusal = deleteGroupError(group);
    const entries = refusal === none ? deletionEntries(this.#machine, groupId) : [];
    // What does not fit one batch goes before it; the group itself is in the last.
    this.#bury(entries.slice(0, -tombstonesPerBatch));
    const last = { entries: entries.slice(-tombstonesPerBatch), answer: refusal };
    const answer = this.#decide<number>(() => last, asItIs);
    this.#buryIfGone(group);
    return answer;
  }

  group(groupId: string): Group | undefined {
    return this.#machine.groups.get(groupId);
  }

  groups(): Iterable<Group> {
    return this.#machine.groups.values();
  }

  /** Tombstones for offsets of topics that are gone. */
  forgetOffsets(isGone: (topic: string, value: CommittedOffset) => boolean): void {
    if (this.#journal.isReady) this.#bury(topicEntries(this.#machine, isGone));
  }

  /** Tombstones for what is past its retention. */
  expire(nowMs: number, retentionMs: number): void {
    if (!this.#journal.isReady) return;
    for (const group of [...this.#machine.groups.values()]) {
      this.#bury(expiryEntries(this.#machine, group.groupId, { nowMs, retentionMs }));
      this.#buryIfGone(group);
    }
  }

  #loaded(): void {
    this.#machine.isLoading = false;
    this.#classic.loaded();
    // A crash between the deletion of a topic and its tombstones leaves offsets of a topic that is no more.
    this.forgetOffsets((topic, value) => {
      const topicId = this.#topicId(topic);
      return topicId === undefined || liveOffset(value, topicId) === null;
    });
  }

  #unload(): void {
    this.#machine.isLoading = true;
    this.#classic.unload();
    this.connections.clear();
    this.#deadlines.clear();
    this.#graces.clear();
  }

  #buryIfGone(group: Group | undefined): void {
    if (
      group?.type === 'classic' &&
      this.#machine.groups.get(group.groupId) !== group &&
      group.state !== 'Dead'
    )
      this.#classic.bury(group);
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

  /** Writes tombstones in as many batches as they need; what cannot be written stays for the next time. */
  #bury(tombstones: readonly GroupEntry[]): void {
    for (let at = 0; at < tombstones.length; at += tombstonesPerBatch)
      this.#buryPart(tombstones.slice(at, at + tombstonesPerBatch));
  }

  #buryPart(tombstones: readonly GroupEntry[]): void {
    this.#write(tombstones, (errorCode) => {
      if (errorCode === none) return;
      const half = tombstones.length >> 1;
      if (errorCode === errors.unknownServerError.code && half > 0) {
        this.#buryPart(tombstones.slice(0, half));
        this.#buryPart(tombstones.slice(half));
      } else this.#options.logger.warn('Offsets to be removed stay for now', { errorCode });
    });
  }

  #write(entries: readonly GroupEntry[], done: (errorCode: number) => void): void {
    const written = this.#decide<number>(() => ({ entries, answer: none }), asItIs);
    if (written instanceof Promise) void written.then(done);
    else done(written);
  }

  /** Decides against the present state, writes what is to be written, and answers when that is durable. */
  #decide<Answer>(
    decide: () => Decision<GroupEntry, Answer>,
    refused: (errorCode: number) => Answer,
  ): Answer | Promise<Answer> {
    return this.#answered(() => this.#journal.run(decide), refused);
  }

  #answered<Answer>(
    run: () => Answer | Promise<Answer>,
    refused: (errorCode: number) => Answer,
  ): Answer | Promise<Answer> {
    const refuse = (error: unknown): Answer => refused(coordinatorCode(error));
    try {
      const answer = run();
      return answer instanceof Promise ? answer.catch(refuse) : answer;
    } catch (error) {
      return refuse(error);
    }
  }
}

const asItIs = (errorCode: number): number => errorCode;
