import { deleteGroups } from '../../../protocol/messages/groups/delete-groups.ts';
import { answerEach } from '../answer-each.ts';
import { defineHandler } from '../handler.ts';

/** Deletes empty groups with all that they have committed. */
export const deleteGroupsHandler = defineHandler(deleteGroups, {
  versions: '0-3',
  async handle({ groups, environment }, request) {
    const deleteOne = async (groupId: string) => ({
      groupId,
      errorCode: await groups.deleteGroup(groupId),
      errorMessage: null,
    });
    return {
      throttleTimeMs: 0,
      results: await answerEach(environment.clock, [...new Set(request.groupsNames)], deleteOne),
    };
  },
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    results: request.groupsNames.map((groupId) => ({ groupId, errorCode, errorMessage })),
  }),
});
