/** What the group flows say and write, built in one place. */
import { errors } from '../../protocol/errors.ts';
import type { RandomSource } from '../../storage/environment/environment.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { ClassicMember, JoinAnswer, SyncAnswer } from './classic-member.ts';
import type { GroupEntry } from './group-entries.ts';

const nothing = Buffer.alloc(0);

export function joinRefusal(memberId: string, errorCode: number): JoinAnswer {
  return {
    throttleTimeMs: 0,
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  };
}

/** The generation that a group is at; its leader also learns what the others told. */
export function joinAnswerFor(group: ClassicGroup, member: ClassicMember): JoinAnswer {
  const isLeader = group.leaderId === member.memberId;
  return {
    throttleTimeMs: 0,
    errorCode: errors.none.code,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId: member.memberId,
    members: isLeader
      ? [...group.members.values()].map((other) => ({
          memberId: other.memberId,
          groupInstanceId: other.groupInstanceId,
          metadata: other.metadataFor(group.protocolName),
        }))
      : [],
  };
}

export function syncRefusal(errorCode: number): SyncAnswer {
  return { throttleTimeMs: 0, errorCode, protocolType: null, protocolName: null, assignment: nothing };
}

export function assignmentOf(group: ClassicGroup, member: ClassicMember): SyncAnswer {
  return {
    throttleTimeMs: 0,
    errorCode: errors.none.code,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}

/** A group that is new: it is in the log before its first generation, so that a crash leaves it there, as in Kafka. */
export function emptyGroupEntry(group: ClassicGroup): GroupEntry {
  return {
    kind: 'group',
    groupId: group.groupId,
    value: {
      protocolType: '',
      generation: 0,
      protocol: null,
      leader: null,
      currentStateTimestamp: group.stateSinceMs ?? -1,
      members: [],
    },
  };
}

/** A group with its members as `__consumer_offsets` keeps it. */
export function groupEntryOf(
  group: ClassicGroup,
  assignmentFor: (member: ClassicMember) => Buffer = ({ assignment }) => assignment,
): GroupEntry {
  return {
    kind: 'group',
    groupId: group.groupId,
    value: {
      protocolType: group.protocolType ?? '',
      generation: group.generationId,
      protocol: group.protocolName,
      leader: group.leaderId,
      currentStateTimestamp: group.stateSinceMs ?? -1,
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: member.metadataFor(group.protocolName),
        assignment: assignmentFor(member),
      })),
    },
  };
}

/** `clientId-uuid`, or `instanceId-uuid` for a static member: the form that people know from Kafka's tools. */
export function newMemberId(prefix: string, random: RandomSource): string {
  const hex = random.bytes(16).toString('hex');
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  return `${prefix}-${uuid}`;
}
