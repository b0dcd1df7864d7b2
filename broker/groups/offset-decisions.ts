/** What may be committed, deleted or expired of a group's offsets. Pure: entries and answers; loaded-shard.ts writes them. */
import { errors } from '../../protocol/errors.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import type { Decision } from '../journal/state-machine.ts';
import { ClassicGroup } from './classic-group.ts';
import type { OffsetToCommit } from './group-coordinator.ts';
import type { CommittedOffset, GroupEntry } from './group-entries.ts';
import type { Group, GroupShard } from './group-shard.ts';

const none = errors.none.code;

export interface OffsetCommitter {
  readonly groupId: string;
  /** '' and -1: not a member, offsets only. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
  /** From v9 on a group that is not there is said to be so. */
  readonly knowsGroupIdNotFound: boolean;
  /** Older producers did not say which member they are: what a transaction commits is checked only as far as it says (KIP-447). */
  readonly isTransactional?: boolean;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Whether this committer may commit: NONE, or the code for all of its partitions. */
export function commitError(group: Group | undefined, committer: OffsetCommitter): number {
  const { memberId, groupInstanceId, generationId, isTransactional = false } = committer;
  const isAnonymous = generationId < 0 && memberId === '' && groupInstanceId === null;
  if (group === undefined) {
    if (generationId < 0) return none;
    return committer.knowsGroupIdNotFound ? errors.groupIdNotFound.code : errors.illegalGeneration.code;
  }
  if (!(group instanceof ClassicGroup)) {
    if (group.type === 'share') return errors.groupIdNotFound.code;
    if (isTransactional && isAnonymous) return none;
    // Offsets of a group that another broker served may be moved while nobody is in it.
    return generationId < 0 && group.memberIds.size === 0 ? none : errors.unknownMemberId.code;
  }
  if (group.state === 'Dead') return errors.coordinatorNotAvailable.code;
  if (generationId < 0 && group.isEmpty) return none;
  if (isAnonymous) return isTransactional ? none : errors.unknownMemberId.code;
  const refusal = group.memberError(memberId, groupInstanceId);
  if (refusal !== none) return refusal;
  if (generationId !== group.generationId) return errors.illegalGeneration.code;
  const isTooEarly = group.state === 'CompletingRebalance' && !isTransactional;
  return isTooEarly ? errors.rebalanceInProgress.code : none;
}

/** What is committed: all but what carries too much metadata. A code for each. */
export function decideCommit(
  groupId: string,
  offsets: readonly OffsetToCommit[],
  metadataLengthMax: number,
): Decision<GroupEntry, readonly number[]> {
  const fits = ({ value }: OffsetToCommit): boolean => value.metadata.length <= metadataLengthMax;
  return {
    entries: offsets.filter(fits).map((offset) => ({ kind: 'offset', groupId, ...offset })),
    answer: offsets.map((offset) => (fits(offset) ? none : errors.offsetMetadataTooLarge.code)),
  };
}

/** The committed offset, unless it belongs to a topic of the same name that is gone. */
export function liveOffset(
  value: CommittedOffset | undefined,
  topicId: string | undefined,
): CommittedOffset | null {
  if (value === undefined) return null;
  const isStranger =
    value.topicId !== zeroUuid && topicId !== undefined && topicId !== zeroUuid && value.topicId !== topicId;
  return isStranger ? null : value;
}

/** Whether offsets of a group may be deleted by name: NONE, or the code for the whole. */
export function deleteOffsetsError(group: Group | undefined): number {
  if (group === undefined) return errors.groupIdNotFound.code;
  if (!(group instanceof ClassicGroup)) {
    if (group.type === 'share') return errors.groupIdNotFound.code;
    return group.memberIds.size === 0 ? none : errors.nonEmptyGroup.code;
  }
  return group.isEmpty || group.isConsumerProtocol ? none : errors.nonEmptyGroup.code;
}

/** The code of each partition, and the tombstones of those that go. */
export function deleteOffsetsDecision(
  shard: GroupShard,
  groupId: string,
  partitions: readonly TopicPartition[],
): { readonly entries: readonly GroupEntry[]; readonly answer: readonly number[] } {
  const group = shard.groups.get(groupId);
  const entries: GroupEntry[] = [];
  const answer = partitions.map(({ topic, partition }) => {
    if (group instanceof ClassicGroup && group.isSubscribedTo(topic))
      return errors.groupSubscribedToTopic.code;
    const isThere =
      shard.offsets.get(groupId, topic, partition) !== undefined ||
      shard.hasPending(groupId, topic, partition);
    if (isThere) entries.push(offsetTombstone(groupId, topic, partition));
    return none;
  });
  return { entries, answer };
}

export function deleteGroupError(group: Group | undefined): number {
  if (group === undefined) return errors.groupIdNotFound.code;
  // A kind that is not served here is kept whole: its records are not ours to delete.
  if (!(group instanceof ClassicGroup)) return errors.nonEmptyGroup.code;
  return group.isEmpty ? none : errors.nonEmptyGroup.code;
}

/** Tombstones for all that a group has committed, and for the group. */
export function deletionEntries(shard: GroupShard, groupId: string): GroupEntry[] {
  const entries = tombstonesOf(shard, (entry) => entry.groupId === groupId, [groupId]);
  entries.push({ kind: 'group', groupId, value: null });
  return entries;
}

/** Tombstones for the offsets of topics that are gone, in every group of a shard. */
export function topicEntries(
  shard: GroupShard,
  isGone: (topic: string, value: CommittedOffset) => boolean,
): GroupEntry[] {
  return tombstonesOf(shard, ({ topic, value }) => isGone(topic, value), shard.offsets.groupIds());
}

/**
 * What is due to go of a group (KIP-211): offsets of an empty group `retentionMs` after it became empty, of a live consumer group
 * those of topics nobody subscribes to `retentionMs` after their commit, of a simple group `retentionMs` after their commit; and the
 * group itself when it is empty and nothing is left.
 */
export function expiryEntries(
  shard: GroupShard,
  groupId: string,
  { nowMs, retentionMs }: { readonly nowMs: number; readonly retentionMs: number },
): GroupEntry[] {
  const group = shard.classic(groupId);
  if (group === undefined) return [];
  const entries: GroupEntry[] = [];
  let left = shard.hasPending(groupId) ? 1 : 0;
  for (const { topic, partition, value } of shard.offsets.of(groupId)) {
    const sinceMs = expiresSinceMs(group, value);
    const isDue =
      value.expireTimestampMs === -1
        ? sinceMs !== null && nowMs - sinceMs >= retentionMs
        : nowMs >= value.expireTimestampMs;
    const stays = sinceMs === null || !isDue || group.isSubscribedTo(topic);
    if (stays || shard.hasPending(groupId, topic, partition)) left += 1;
    else entries.push(offsetTombstone(groupId, topic, partition));
  }
  // Somebody who has been given a member id is about to join: its group stays.
  if (left === 0 && group.isEmpty && group.pendingJoin.size === 0)
    entries.push({ kind: 'group', groupId, value: null });
  return entries;
}

/** The moment from which retention counts; null while offsets of this group do not expire. */
function expiresSinceMs(group: ClassicGroup, value: CommittedOffset): number | null {
  if (group.protocolType === null) return value.commitTimestampMs;
  if (group.isEmpty) return group.stateSinceMs ?? value.commitTimestampMs;
  const isKnownConsumer =
    group.isConsumerProtocol && group.subscribedTopics !== null && group.state === 'Stable';
  return isKnownConsumer ? value.commitTimestampMs : null;
}

type PresentOffset = TopicPartition & { readonly groupId: string; readonly value: CommittedOffset };

/** Tombstones for committed offsets of these groups that match, and for matching ones that a transaction may still commit. */
function tombstonesOf(
  shard: GroupShard,
  matches: (entry: PresentOffset) => boolean,
  groupIds: Iterable<string>,
): GroupEntry[] {
  const entries: GroupEntry[] = [];
  for (const groupId of groupIds) {
    for (const entry of shard.offsets.of(groupId))
      if (matches({ ...entry, groupId }))
        entries.push(offsetTombstone(groupId, entry.topic, entry.partition));
  }
  for (const entry of shard.pending?.pendingEntries() ?? []) {
    if (entry.kind !== 'offset' || entry.value === null) continue;
    const { groupId, topic, partition, value } = entry;
    const isListed = shard.offsets.get(groupId, topic, partition) !== undefined;
    if (!isListed && matches({ groupId, topic, partition, value }))
      entries.push(offsetTombstone(groupId, topic, partition));
  }
  return entries;
}

function offsetTombstone(groupId: string, topic: string, partition: number): GroupEntry {
  return { kind: 'offset', groupId, topic, partition, value: null };
}
