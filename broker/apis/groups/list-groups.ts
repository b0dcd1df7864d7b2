import { errors } from '../../../protocol/errors.ts';
import { listGroups } from '../../../protocol/messages/groups/list-groups.ts';
import { ClassicGroup } from '../../groups/classic-group.ts';
import type { Group } from '../../groups/group-shard.ts';
import { defineHandler } from '../handler.ts';

/** Groups of every kind, those that are only kept included; filters by state (KIP-518) and type (KIP-848) ignore case. */
export const listGroupsHandler = defineHandler(listGroups, {
  versions: '0-5',
  async handle({ groups }, request) {
    const states = new Set(request.statesFilter.map((state) => state.toLowerCase().trim()));
    const types = new Set(request.typesFilter.map((type) => type.toLowerCase()));
    const all = await groups.list(describe);
    if (typeof all === 'number') return refusal(all);
    const listed = all.filter(({ groupState, groupType }) => {
      const isState = states.size === 0 || states.has(groupState.toLowerCase());
      return isState && (types.size === 0 || types.has(groupType));
    });
    return { throttleTimeMs: 0, errorCode: errors.none.code, groups: listed };
  },
  refuse: (_request, errorCode) => refusal(errorCode),
});

function refusal(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, groups: [] };
}

function describe(group: Group) {
  if (group instanceof ClassicGroup) {
    const { groupId, protocolType, state } = group;
    return { groupId, protocolType: protocolType ?? '', groupState: state, groupType: 'classic' as string };
  }
  return {
    groupId: group.groupId,
    protocolType: group.type,
    groupState: group.memberIds.size === 0 ? 'Empty' : 'Stable',
    groupType: group.type,
  };
}
