import { errors } from '../../../protocol/errors.ts';
import { describeGroups } from '../../../protocol/messages/groups/describe-groups.ts';
import type { ResponseInit } from '../../../protocol/schema/api.ts';
import { ClassicGroup } from '../../groups/classic-group.ts';
import type { Group } from '../../groups/group-shard.ts';
import type { Services } from '../../services.ts';
import { answerEach } from '../answer-each.ts';
import { allOperations, notAsked } from '../authorized-operations.ts';
import { defineHandler } from '../handler.ts';
import { remembering } from '../remembering.ts';

type GroupAnswer = NonNullable<ResponseInit<typeof describeGroups>['groups']>[number];

/** From this version on a group that is not there is an error, before it was a dead one; and an error has a message. */
const notFoundVersion = 6;
const nothing = Buffer.alloc(0);

/** State and members of classic groups. */
export const describeGroupsHandler = defineHandler(describeGroups, {
  versions: '0-6',
  async handle({ groups, environment }, request, caller) {
    const remembered = remembering<Promise<GroupAnswer>>();
    const described = await answerEach(environment.clock, request.groups, (groupId) =>
      remembered(groupId, async () => {
        const group = await describe(groups, groupId, caller.apiVersion);
        const isAllowed = request.includeAuthorizedOperations && group.errorCode === errors.none.code;
        return { ...group, authorizedOperations: isAllowed ? allOperations.group : notAsked };
      }),
    );
    return { throttleTimeMs: 0, groups: described };
  },
  refuse: (request, errorCode, message, apiVersion) => ({
    throttleTimeMs: 0,
    groups: request.groups.map((groupId) => ({
      ...deadGroup(groupId),
      errorCode,
      errorMessage: apiVersion >= notFoundVersion ? message : null,
    })),
  }),
});

async function describe(groups: Services['groups'], groupId: string, version: number): Promise<GroupAnswer> {
  const described = await groups.describe(groupId, (group) => answerOf(group, groupId, version));
  return typeof described === 'number'
    ? { ...deadGroup(groupId), groupState: '', errorCode: described }
    : described;
}

function answerOf(group: Group | undefined, groupId: string, version: number): GroupAnswer {
  if (!(group instanceof ClassicGroup)) {
    if (version < notFoundVersion) return deadGroup(groupId);
    const errorMessage =
      group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.`;
    return { ...deadGroup(groupId), errorCode: errors.groupIdNotFound.code, errorMessage };
  }
  const isStable = group.state === 'Stable';
  return {
    errorCode: errors.none.code,
    errorMessage: null,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? member.metadataFor(group.protocolName) : nothing,
      memberAssignment: member.assignment,
    })),
  };
}

function deadGroup(groupId: string) {
  return {
    errorCode: errors.none.code,
    errorMessage: null,
    groupId,
    groupState: 'Dead',
    protocolType: '',
    protocolData: '',
    members: [],
  };
}
