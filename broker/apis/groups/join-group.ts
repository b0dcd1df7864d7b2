import { joinGroup } from '../../../protocol/messages/groups/join-group.ts';
import type { JoinAnswer } from '../../groups/classic-member.ts';
import { joinRefusal } from '../../groups/group-answers.ts';
import { defineHandler } from '../handler.ts';

const knownMemberIdVersion = 4;
const nullableProtocolVersion = 7;
const skipAssignmentVersion = 9;

/** Joins a classic group; the answer waits for the rebalance. */
export const joinGroupHandler = defineHandler(joinGroup, {
  versions: '0-9',
  async handle({ groups }, request, caller) {
    const version = caller.apiVersion;
    const answer = await groups.join(
      {
        groupId: request.groupId,
        memberId: request.memberId,
        groupInstanceId: request.groupInstanceId,
        clientId: caller.clientId ?? '',
        clientHost: caller.clientHost,
        protocolType: request.protocolType,
        protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
        sessionTimeoutMs: request.sessionTimeoutMs,
        // v0 has one time-out for both.
        rebalanceTimeoutMs: version === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
        requiresKnownMemberId: version >= knownMemberIdVersion,
        canSkipAssignment: version >= skipAssignmentVersion,
        reason: request.reason || 'not provided',
      },
      caller,
    );
    return withoutNulls(answer, version);
  },
  refuse: (request, errorCode) => ({ ...joinRefusal(request.memberId, errorCode), protocolName: '' }),
});

/** Before v7 the protocol name cannot be null. */
function withoutNulls(answer: JoinAnswer, version: number): JoinAnswer {
  if (version >= nullableProtocolVersion || answer.protocolName !== null) return answer;
  return { ...answer, protocolName: '' };
}
