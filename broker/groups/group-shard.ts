/**
 * The groups of one partition of `__consumer_offsets`: the state machine that its journal replays into.
 *
 * A classic group's live side (who is joining, which time-outs run) is not in the log; replaying one's own fresh entry therefore
 * changes only what a load would need it for. While loading, entries make the groups.
 */
import type { EntryPosition, StateMachine } from '../journal/state-machine.ts';
import { ClassicGroup } from './classic-group.ts';
import { ClassicMember } from './classic-member.ts';
import { CommittedOffsets } from './committed-offsets.ts';
import type { GroupEntry, GroupMetadata, OtherEntry, OtherGroupType } from './group-entries.ts';

/** A group of a kind that is not served yet: listed and kept, unless it is empty and becomes a classic one. */
export interface OtherGroup {
  readonly type: OtherGroupType;
  readonly groupId: string;
  readonly memberIds: Set<string>;
  /** What there is of it in the log, by key. */
  readonly records: Map<string, OtherEntry>;
}

export type Group = ClassicGroup | OtherGroup;

/** Commits of transactions whose marker has not come; the journal keeps them. */
export interface PendingCommits {
  pendingEntries(): Iterable<GroupEntry>;
  /** Another one whenever these are others. */
  readonly pendingRevision: number;
  dropPending(matches: (entry: GroupEntry) => boolean): void;
}

/** Group → topic → partitions. */
type PendingPartitions = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<number>>>;
const nonePending: PendingPartitions = new Map();

export class GroupShard implements StateMachine<GroupEntry> {
  readonly groups = new Map<string, Group>();
  readonly offsets = new CommittedOffsets();
  /** True until a load is done: entries are all there is. */
  isLoading = false;
  /** Null: there are none. */
  pending: PendingCommits | null = null;
  #pendingIndex: PendingPartitions = nonePending;
  #pendingRevision = -1;

  clear(): void {
    this.groups.clear();
    this.offsets.clear();
  }

  replay(entry: GroupEntry, { offset }: EntryPosition): void {
    switch (entry.kind) {
      case 'offset':
        this.#replayOffset(entry, offset);
        break;
      case 'group':
        if (entry.value === null) this.#removeClassic(entry.groupId);
        else if (this.isLoading) this.groups.set(entry.groupId, restoredGroup(entry.groupId, entry.value));
        break;
      default:
        this.#replayOther(entry);
    }
  }

  pend(entry: GroupEntry): void {
    if (entry.kind === 'offset' && entry.value !== null) this.#makeSimple(entry.groupId);
  }

  /** Commits of open transactions: of a group, of one of its topics, or for one partition. */
  hasPending(groupId: string, topic?: string, partition?: number): boolean {
    const topics = this.#pendingPartitions().get(groupId);
    if (topics === undefined || topic === undefined) return topics !== undefined;
    const partitions = topics.get(topic);
    return partition === undefined ? partitions !== undefined : partitions?.has(partition) === true;
  }

  /** Read anew after a change, then for many questions: one by one a thousand of them took 1.6 s beside 10,000 pending commits. */
  #pendingPartitions(): PendingPartitions {
    const { pending } = this;
    if (pending === null) return nonePending;
    if (this.#pendingRevision === pending.pendingRevision) return this.#pendingIndex;
    const index = new Map<string, Map<string, Set<number>>>();
    for (const entry of pending.pendingEntries()) {
      if (entry.kind !== 'offset') continue;
      let topics = index.get(entry.groupId);
      if (topics === undefined) index.set(entry.groupId, (topics = new Map()));
      const partitions = topics.get(entry.topic);
      if (partitions === undefined) topics.set(entry.topic, new Set([entry.partition]));
      else partitions.add(entry.partition);
    }
    this.#pendingIndex = index;
    this.#pendingRevision = pending.pendingRevision;
    return index;
  }

  classic(groupId: string): ClassicGroup | undefined {
    const group = this.groups.get(groupId);
    return group?.type === 'classic' ? group : undefined;
  }

  #replayOffset(entry: OffsetEntry, recordOffset: number): void {
    const { groupId, topic, partition, value } = entry;
    if (value === null) {
      this.offsets.delete(groupId, topic, partition);
      // A tombstone also undoes what an open transaction said before it.
      this.pending?.dropPending((other) => isSamePartition(other, entry));
      return;
    }
    this.offsets.set(groupId, topic, partition, value, recordOffset);
    this.#makeSimple(groupId);
  }

  /** Somebody who only commits makes a group, too: one without a protocol. */
  #makeSimple(groupId: string): void {
    if (!this.groups.has(groupId)) this.groups.set(groupId, new ClassicGroup(groupId, null));
  }

  #removeClassic(groupId: string): void {
    if (this.classic(groupId) !== undefined) this.groups.delete(groupId);
  }

  #replayOther(entry: OtherEntry): void {
    const { type, groupId, part, memberId, key, isDeleted } = entry;
    const existing = this.groups.get(groupId);
    let group = existing?.type === type ? existing : undefined;
    if (group === undefined) {
      if (isDeleted) return;
      group = { type, groupId, memberIds: new Set(), records: new Map() };
      this.groups.set(groupId, group);
    }
    if (isDeleted && part === 'group') {
      this.groups.delete(groupId);
      return;
    }
    if (isDeleted) group.records.delete(key.toString('hex'));
    else group.records.set(key.toString('hex'), entry);
    if (part !== 'member') return;
    if (isDeleted) group.memberIds.delete(memberId);
    else group.memberIds.add(memberId);
  }
}

type OffsetEntry = Extract<GroupEntry, { kind: 'offset' }>;

function isSamePartition(entry: GroupEntry, { groupId, topic, partition }: OffsetEntry): boolean {
  return (
    entry.kind === 'offset' &&
    entry.groupId === groupId &&
    entry.topic === topic &&
    entry.partition === partition
  );
}

/** A group as its last record tells it. */
function restoredGroup(groupId: string, value: GroupMetadata): ClassicGroup {
  const group = new ClassicGroup(groupId, null);
  for (const stored of value.members) {
    const member = new ClassicMember(
      stored,
      value.protocolType,
      // Only the protocol in force was written; it is all that the member is known to support.
      value.protocol === null ? [] : [{ name: value.protocol, metadata: Buffer.from(stored.subscription) }],
      {
        sessionTimeoutMs: stored.sessionTimeout,
        // Before v1 there was one time-out for both.
        rebalanceTimeoutMs: stored.rebalanceTimeout === -1 ? stored.sessionTimeout : stored.rebalanceTimeout,
      },
    );
    member.assignment = Buffer.from(stored.assignment);
    group.add(member);
  }
  group.generationId = value.generation;
  group.protocolType = value.protocolType === '' ? null : value.protocolType;
  group.protocolName = value.protocol;
  group.leaderId = value.leader ?? group.leaderId;
  group.restore(
    value.members.length === 0 ? 'Empty' : 'Stable',
    value.currentStateTimestamp === -1 ? null : value.currentStateTimestamp,
  );
  return group;
}
