/** What groups do not accept, how they end, and how they are listed. */
import { deleteGroups } from '../../../../protocol/messages/groups/delete-groups.ts';
import { describeGroups } from '../../../../protocol/messages/groups/describe-groups.ts';
import { heartbeat } from '../../../../protocol/messages/groups/heartbeat.ts';
import { joinGroup } from '../../../../protocol/messages/groups/join-group.ts';
import { leaveGroup } from '../../../../protocol/messages/groups/leave-group.ts';
import { listGroups } from '../../../../protocol/messages/groups/list-groups.ts';
import { syncGroup } from '../../../../protocol/messages/groups/sync-group.ts';
import type { RequestInit, ResponseOf } from '../../../../protocol/schema/api.ts';
import { describe, described, live, Member } from '../group-member.ts';
import { sortedBy } from '../normalise.ts';
import { type Scenario, versionsOf } from '../scenario.ts';

const refusedJoins: Scenario = {
  name: 'refused-joins',
  async run(side, setting) {
    const groupId = `${side.prefix}-nobody`;
    await setting.group(groupId);
    const protocols = [{ name: 'range', metadata: Buffer.from('m') }];
    const plain = { groupId, sessionTimeoutMs: 30_000, memberId: '', protocolType: 'consumer', protocols };
    for (const version of versionsOf('joinGroup')) {
      for (const [note, more] of [
        ['no group', { groupId: '' }],
        ['an unknown member of no group', { memberId: 'unknown' }],
        ['a session too short', { sessionTimeoutMs: 49 }],
        ['a session too long', { sessionTimeoutMs: 1_800_001 }],
        ['a negative session', { sessionTimeoutMs: -1 }],
        ['no protocols', { protocols: [] }],
        ['no type', { protocolType: '' }],
      ] as const)
        await side.ask(joinGroup, version, { ...plain, ...more }, note);
      await describe(side, groupId, 'after that');
    }
  },
};

const refusedMembers: Scenario = {
  name: 'refused-members',
  async run(side, setting) {
    const groupId = `${side.prefix}-nobody`;
    await setting.group(groupId);
    const nobody = { groupId, generationId: 1, memberId: 'm' };
    for (const version of versionsOf('syncGroup')) {
      const protocol = version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {};
      const sync = (note: string, more: Partial<RequestInit<typeof syncGroup>>) =>
        side.ask(syncGroup, version, { ...nobody, assignments: [], ...protocol, ...more }, note);
      await sync('no group', { groupId: '' });
      await sync('nobody', {});
      await sync('no member', { memberId: '' });
      if (version < 5) continue;
      await sync('no protocol type', { protocolType: null });
      await sync('no protocol name', { protocolName: null });
    }
    for (const version of versionsOf('heartbeat'))
      for (const [note, more] of [
        ['no group', { groupId: '' }],
        ['nobody', {}],
        ['no member', { memberId: '' }],
        ['no generation', { generationId: -1 }],
      ] as const)
        await side.ask(heartbeat, version, { ...nobody, ...more }, note);
    for (const version of versionsOf('leaveGroup'))
      for (const [note, group, memberId] of [
        ['no group', '', 'm'],
        ['nobody', groupId, 'm'],
        ['no member', groupId, ''],
      ] as const) {
        const who = version >= 3 ? { members: [{ memberId }] } : { memberId };
        await side.ask(leaveGroup, version, { groupId: group, ...who }, note);
      }
    for (const version of versionsOf('describeGroups')) {
      await side.ask(describeGroups, version, { groups: [`${groupId}-never`, ''] }, 'no groups', described);
      await side.ask(describeGroups, version, { groups: [] }, 'none', described);
    }
  },
};

const deletedByName = ({ results, ...rest }: ResponseOf<typeof deleteGroups>) => ({
  ...rest,
  results: sortedBy(results, ({ groupId }) => groupId),
});

const deleting: Scenario = {
  name: 'deleting-groups',
  async run(side, setting) {
    const never = `${side.prefix}-never`;
    for (const version of versionsOf('deleteGroups')) {
      const remove = (note: string, ...groupsNames: string[]) =>
        side.ask(deleteGroups, version, { groupsNames }, note, deletedByName);
      await remove('not there', never);
      await remove('no name', '');
      await remove('none');
      await remove('twice', never, never);
      const own = `${side.prefix}-${version}`;
      await setting.group(own);
      const member = await Member.of(side, 'm', own);
      await live(member, 'lives');
      await remove('not empty', own);
      await member.leave('for good');
      await remove('empty', own, never);
      await describe(side, own, 'deleted');
      await member.heartbeat('of a deleted group');
      await remove('again', own);
    }
  },
};

const listing: Scenario = {
  name: 'listing-groups',
  async run(side, setting) {
    const view = ({ groups, ...rest }: ResponseOf<typeof listGroups>) => ({
      ...rest,
      groups: sortedBy(
        groups.filter(({ groupId }) => groupId.startsWith(side.prefix)),
        ({ groupId }) => groupId,
      ),
    });
    const names = ['stable', 'empty', 'completing'].map((word) => `${side.prefix}-${word}`);
    const members: Member[] = [];
    for (const name of names) {
      await setting.group(name);
      members.push(await Member.of(side, 'm', name));
    }
    await live(members[0]!, 'stays');
    await live(members[1]!, 'goes');
    await members[1]!.leave();
    await members[2]!.askForId();
    await members[2]!.join('does not ask for its assignment');
    for (const version of versionsOf('listGroups')) {
      await side.ask(listGroups, version, {}, 'all', view);
      for (const statesFilter of version >= 4
        ? [['Stable'], ['stable', ' EMPTY '], ['Nonsense'], ['CompletingRebalance', 'Dead'], ['']]
        : [])
        await side.ask(listGroups, version, { statesFilter }, `in ${statesFilter}`, view);
      for (const typesFilter of version >= 5
        ? [['classic'], ['CLASSIC'], ['consumer'], ['nonsense'], ['classic', 'share'], ['']]
        : [])
        await side.ask(listGroups, version, { typesFilter }, `of type ${typesFilter}`, view);
    }
  },
};

export const groupRefusalScenarios: readonly Scenario[] = [refusedJoins, refusedMembers, deleting, listing];
