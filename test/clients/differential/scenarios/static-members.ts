/** Members that keep their place under a name of their own (KIP-345). */
import { leaveGroup } from '../../../../protocol/messages/groups/leave-group.ts';
import { describe, Member, subscription, untilGroup } from '../group-member.ts';
import type { Scenario } from '../scenario.ts';
import type { Side } from '../side.ts';

/** Two members, one and two, in a stable group of their own. */
async function pair(side: Side, groupId: string, version: number): Promise<readonly [Member, Member]> {
  const watch = await side.connect();
  const one = await Member.of(side, 'a', groupId, { instanceId: 'one' });
  const two = await Member.of(side, 'b', groupId, { instanceId: 'two' });
  await one.join('comes', {}, version);
  await one.sync();
  const coming = two.startJoin('comes', {}, version);
  await untilGroup(watch, groupId, ({ members }) => members.length === 2);
  await one.joined(one.startJoin('comes again', {}, version));
  await two.joined(coming);
  const waiting = two.startSync();
  await one.sync('assigns');
  await waiting.answer();
  return [one, two];
}

const comingBack: Scenario = {
  name: 'static-members',
  async run(side, setting) {
    for (const version of [5, 7, 9]) {
      const groupId = `${side.prefix}-${version}`;
      await setting.group(groupId);
      const [, two] = await pair(side, groupId, version);
      await describe(side, groupId, 'stable');
      const follower = await Member.of(side, 'b2', groupId, { instanceId: 'two' });
      await follower.join('is back as two', {}, version);
      await follower.sync('keeps its assignment');
      await two.heartbeat('is fenced');
      await two.sync('is fenced');
      await two.join('is fenced', {}, version);
      await two.leave('is fenced');
      const leader = await Member.of(side, 'a2', groupId, { instanceId: 'one' });
      await leader.join('is back as one', {}, version);
      await leader.sync('as the leader of before');
      await leader.heartbeat('goes on');
      await follower.heartbeat('with the wrong id', { memberId: 'wrong' });
      await follower.heartbeat('with no id', { memberId: '' });
      await follower.heartbeat('under another name', { groupInstanceId: 'three' });
      await follower.heartbeat('under the name of another', { groupInstanceId: 'one' });
      await follower.heartbeat('under no name', { groupInstanceId: null });
      await describe(side, groupId, 'after both came back');
      const changed = await Member.of(side, 'b3', groupId, { instanceId: 'two' });
      const protocols = ['range', 'other'].map((name) => ({ name, metadata: subscription('new') }));
      await changed.join('is back with another protocol', { protocols }, version);
      await describe(side, groupId, 'after that');
    }
  },
};

const leaving: Scenario = {
  name: 'static-members-that-leave',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const [one, two] = await pair(side, groupId, 9);
    const leave = (note: string, ...members: [memberId: string, groupInstanceId: string | null][]) =>
      side.ask(
        leaveGroup,
        5,
        { groupId, members: members.map(([memberId, groupInstanceId]) => ({ memberId, groupInstanceId })) },
        note,
      );
    await leave('none');
    await leave('with a wrong id', ['wrong', 'one']);
    await leave('with the id of the other', [one.memberId, 'two']);
    await leave('a stranger', ['', 'three']);
    await leave('nobody', ['', null]);
    await describe(side, groupId, 'as before');
    await leave('by id and name', [two.memberId, 'two']);
    await one.heartbeat('hears of it');
    await leave('two, one of them gone', ['', 'two'], ['', 'one']);
    await describe(side, groupId, 'at the end');
    await two.join('is back after it has left');
  },
};

export const staticMemberScenarios: readonly Scenario[] = [comingBack, leaving];
