import { errors } from '../../../protocol/errors.ts';
import { syncGroup } from '../../../protocol/messages/groups/sync-group.ts';
import { syncRefusal } from '../../groups/group-answers.ts';
import { defineHandler } from '../handler.ts';

/** From this version on a member must say which protocol it believes in (KIP-559). */
const protocolVersion = 5;

/** Gives a member its assignment; the leader brings everybody's. */
export const syncGroupHandler = defineHandler(syncGroup, {
  versions: '0-5',
  async handle({ groups }, request, caller) {
    const lacksProtocol = request.protocolType === null || request.protocolName === null;
    if (caller.apiVersion >= protocolVersion && lacksProtocol)
      return syncRefusal(errors.inconsistentGroupProtocol.code);
    const assignments = new Map(
      request.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)] as const),
    );
    return groups.sync({ ...request, assignments }, caller);
  },
  refuse: (_request, errorCode) => syncRefusal(errorCode),
});
