import { errors } from '../../../protocol/errors.ts';
import { leaveGroup } from '../../../protocol/messages/groups/leave-group.ts';
import { defineHandler } from '../handler.ts';

/** From this version on several members leave at once (KIP-345). */
const batchVersion = 3;

/** Takes members out of a classic group at once. */
export const leaveGroupHandler = defineHandler(leaveGroup, {
  versions: '0-5',
  async handle({ groups }, request, caller) {
    const isBatch = caller.apiVersion >= batchVersion;
    const members = isBatch
      ? request.members
      : [{ memberId: request.memberId, groupInstanceId: null, reason: null }];
    const reason = members.map(({ reason }) => reason ?? 'not provided').join('; ');
    const results = await groups.leave(request.groupId, members, `members leave: ${reason}`);
    if (typeof results === 'number') return { throttleTimeMs: 0, errorCode: results, members: [] };
    if (!isBatch) return { throttleTimeMs: 0, errorCode: results[0] ?? errors.none.code, members: [] };
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      members: members.map(({ memberId, groupInstanceId }, i) => ({
        memberId,
        groupInstanceId,
        errorCode: results[i]!,
      })),
    };
  },
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, members: [] }),
});
