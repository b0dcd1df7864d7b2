/** What may be committed, deleted or expired of a group's offsets. Pure: entries and answers; group-coordinator.ts writes them. */
import { errors } from '../../protocol/errors.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import { ClassicGroup } from './classic-group.ts';
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
}

/** Whether this committer may commit: NONE, or the code for all of its partitions. */
export function commitError(group: Group | undefined, committer: OffsetCommitter): number {
  const { memberId, groupInstanceId, generationId } = committer;
  if (group === undefined) {
    if (generationId < 0) return none;
    return committer.knowsGroupIdNotFound ? errors.groupIdNotFound.code : errors.illegalGeneration.code;
  }
  if (!(group instanceof ClassicGroup)) {
    // Offsets of a group that another broker served may be moved while nobody is in it.
    return generationId < 0 && group.memberIds.size === 0 ? none : errors.unknownMemberId.code;
  }
  if (generationId < 0 && group.isEmpty) return none;
  if (generationId >= 0 || memberId !== '' || groupInstanceId !== null) {
    const refusal = group.memberError(memberId, groupInstanceId);
    if (refusal !== none) return refusal;
    if (generationId !== group.generationId) return errors.illegalGeneration.code;
  } else {
    return errors.unknownMemberId.code;
  }
  return group.state === 'CompletingRebalance' ? errors.rebalanceInProgress.code : none;
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

/** Whether offsets of a group may be deleted by name, and the group itself. */
export function deleteOffsetsError(group: Group | undefined): number {
  if (group === undefined) return errors.groupIdNotFound.code;
  if (!(group instanceof ClassicGroup)) return group.memberIds.size === 0 ? none : errors.nonEmptyGroup.code;
  return group.isEmpty || group.isConsumerProtocol ? none : errors.nonEmptyGroup.code;
}

export function deleteGroupError(group: Group | undefined): number {
  if (group === undefined) return errors.groupIdNotFound.code;
  // A kind that is not served here is kept whole: its records are not ours to delete.
  if (!(group instanceof ClassicGroup)) return errors.nonEmptyGroup.code;
  return group.isEmpty ? none : errors.nonEmptyGroup.code;
}

/** Tombstones for all that a group has committed, and for the group. */
export function deletionEntries(shard: GroupShard, groupId: string): GroupEntry[] {
  const entries: GroupEntry[] = [];
  for (const [topic, partitions] of shard.offsets.of(groupId) ?? []) {
    for (const partition of partitions.keys())
      entries.push({ kind: 'offset', groupId, topic, partition, value: null });
  }
  entries.push({ kind: 'group', groupId, value: null });
  return entries;
}

/** Tombstones for the offsets of a topic, in every group of a shard. `keeps` tells those that stay. */
export function topicEntries(
  shard: GroupShard,
  isGone: (topic: string, value: CommittedOffset) => boolean,
): GroupEntry[] {
  const entries: GroupEntry[] = [];
  for (const groupId of shard.offsets.groupIds()) {
    for (const [topic, partitions] of shard.offsets.of(groupId)!) {
      for (const [partition, value] of partitions) {
        if (isGone(topic, value)) entries.push({ kind: 'offset', groupId, topic, partition, value: null });
      }
    }
  }
  return entries;
}

/**
 * What is due to go of a group (KIP-211): offsets of an empty group `retentionMs` after it became empty, of a live consumer group
 * those of topics nobody subscribes to `retentionMs` after their commit, of a simple group `retentionMs` after their commit; and the
 * group itself when it is empty and nothing is left.
 */
export function expiryEntries(
  shard: GroupShard,
  groupId: string,
  options: {
    readonly nowMs: number;
    readonly retentionMs: number;
    readonly isPending: (topic: string, partition: number) => boolean;
  },
): GroupEntry[] {
  const group = shard.classic(groupId);
  if (group === undefined) return [];
  const entries: GroupEntry[] = [];
  let left = 0;
  for (const [topic, partitions] of shard.offsets.of(groupId) ?? []) {
    const isRead = group.isSubscribedTo(topic);
    for (const [partition, value] of partitions) {
      const sinceMs = expiresSinceMs(group, value);
      const isDue =
        value.expireTimestampMs !== -1
          ? options.nowMs >= value.expireTimestampMs
          : sinceMs !== null && options.nowMs - sinceMs >= options.retentionMs;
      if (sinceMs === null || isRead || !isDue || options.isPending(topic, partition)) left += 1;
      else entries.push({ kind: 'offset', groupId, topic, partition, value: null });
    }
  }
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
