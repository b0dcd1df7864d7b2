/**
 * The groups of one partition of `__consumer_offsets`: the state machine that its journal replays into.
 *
 * A classic group's live side (who is joining, which time-outs run) is not in the log; replaying one's own fresh entry therefore
 * changes only what a load would need it for. While loading, entries make the groups.
 */
import type { StateMachine } from '../journal/state-machine.ts';
import { ClassicGroup } from './classic-group.ts';
import { ClassicMember } from './classic-member.ts';
import { CommittedOffsets } from './committed-offsets.ts';
import type { GroupEntry, GroupMetadata, OtherGroupType } from './group-entries.ts';

/** A group of a kind that is not served yet: listed, kept, never tombstoned. */
export interface OtherGroup {
  readonly type: OtherGroupType;
  readonly groupId: string;
  readonly memberIds: Set<string>;
}

export type Group = ClassicGroup | OtherGroup;

export class GroupShard implements StateMachine<GroupEntry> {
  readonly groups = new Map<string, Group>();
  readonly offsets = new CommittedOffsets();
  /** True during a load, when entries are all there is. */
  isLoading = false;

  clear(): void {
    this.groups.clear();
    this.offsets.clear();
  }

  replay(entry: GroupEntry): void {
    switch (entry.kind) {
      case 'offset':
        if (entry.value === null) this.offsets.delete(entry.groupId, entry.topic, entry.partition);
        else {
          this.offsets.set(entry.groupId, entry.topic, entry.partition, entry.value);
          if (!this.groups.has(entry.groupId))
            this.groups.set(entry.groupId, new ClassicGroup(entry.groupId));
        }
        break;
      case 'group':
        if (entry.value === null) this.#removeClassic(entry.groupId);
        else if (this.isLoading) this.groups.set(entry.groupId, restoredGroup(entry.groupId, entry.value));
        break;
      default:
        this.#replayOther(entry);
    }
  }

  classic(groupId: string): ClassicGroup | undefined {
    const group = this.groups.get(groupId);
    return group?.type === 'classic' ? group : undefined;
  }

  #removeClassic(groupId: string): void {
    if (this.classic(groupId) !== undefined) this.groups.delete(groupId);
  }

  #replayOther(entry: Extract<GroupEntry, { kind: 'other-group' | 'other-member' }>): void {
    const existing = this.groups.get(entry.groupId);
    let group = existing?.type === entry.type ? existing : undefined;
    if (entry.kind === 'other-group' && entry.isDeleted) {
      if (group !== undefined) this.groups.delete(entry.groupId);
      return;
    }
    if (group === undefined) {
      if (entry.isDeleted) return;
      group = { type: entry.type, groupId: entry.groupId, memberIds: new Set() };
      this.groups.set(entry.groupId, group);
    }
    if (entry.kind === 'other-group') return;
    if (entry.isDeleted) group.memberIds.delete(entry.memberId);
    else group.memberIds.add(entry.memberId);
  }
}

/** A group as its last record tells it. */
function restoredGroup(groupId: string, value: GroupMetadata): ClassicGroup {
  const group = new ClassicGroup(groupId);
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
  group.leaderId = value.leader;
  group.restore(
    value.members.length === 0 ? 'Empty' : 'Stable',
    value.currentStateTimestamp === -1 ? null : value.currentStateTimestamp,
  );
  return group;
}
