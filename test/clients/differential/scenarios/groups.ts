/** Classic groups in their whole life. */
import { describeGroups } from '../../../../protocol/messages/groups/describe-groups.ts';
import { findCoordinator } from '../../../../protocol/messages/groups/find-coordinator.ts';
import { heartbeat } from '../../../../protocol/messages/groups/heartbeat.ts';
import type { RequestInit } from '../../../../protocol/schema/api.ts';
import { describe, described, live, Member, subscription, untilGroup } from '../group-member.ts';
import { type Scenario, versionsOf } from '../scenario.ts';

const finding: Scenario = {
  name: 'finding',
  async run(side) {
    for (const version of versionsOf('findCoordinator')) {
      const ask = (note: string, body: RequestInit<typeof findCoordinator>) =>
        side.ask(findCoordinator, version, body, note);
      if (version < 4) {
        await ask('a group', { key: `${side.prefix}-g` });
        await ask('no name', { key: '' });
        if (version >= 1)
          for (const keyType of [2, 3, -1]) await ask(`type ${keyType}`, { key: 'x', keyType });
        continue;
      }
      await ask('two groups', { keyType: 0, coordinatorKeys: ['a', 'b'] });
      await ask('one twice', { keyType: 0, coordinatorKeys: ['a', 'a'] });
      await ask('none', { keyType: 0, coordinatorKeys: [] });
      await ask('no name', { keyType: 0, coordinatorKeys: [''] });
      for (const keyType of [3, -1]) await ask(`type ${keyType}`, { keyType, coordinatorKeys: ['a'] });
      if (version < 6) await ask('a share group too early', { keyType: 2, coordinatorKeys: ['a'] });
    }
  },
};

/** The whole life of one member, in every version of what it says. */
const alone: Scenario = {
  name: 'alone',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    for (const version of versionsOf('joinGroup')) {
      const upTo = (newest: number): number => Math.min(version, newest);
      const member = await Member.of(side, 'm', groupId, { topics: [`${side.prefix}-t`] });
      await describe(side, groupId, 'before');
      await member.askForId('asks for an id', version);
      await describe(side, groupId, 'with an id');
      await member.join('joins', {}, version);
      await describe(side, groupId, 'after the join');
      await member.heartbeat('before its sync', {}, upTo(4));
      await member.sync('', {}, upTo(5));
      await describe(side, groupId, 'after the sync');
      await member.sync('again', {}, upTo(5));
      await member.heartbeat('', {}, upTo(4));
      await member.join('again, as the leader', {}, version);
      await member.sync('after that', {}, upTo(5));
      for (const describing of versionsOf('describeGroups'))
        await side.ask(
          describeGroups,
          describing,
          { groups: [groupId], ...(describing >= 3 ? { includeAuthorizedOperations: true } : {}) },
          'a stable one',
          described,
        );
      await member.leave('', upTo(5));
      await member.leave('again', upTo(5));
      await member.heartbeat('after it has left', {}, upTo(4));
      await member.sync('after it has left', {}, upTo(5));
      await member.join('after it has left', {}, version);
      await describe(side, groupId, 'after that');
    }
  },
};

const several: Scenario = {
  name: 'several',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const [a, b, c] = [
      await Member.of(side, 'a', groupId),
      await Member.of(side, 'b', groupId),
      await Member.of(side, 'c', groupId),
    ];
    const watch = await side.connect();
    const inState = (state: string, count: number) =>
      untilGroup(
        watch,
        groupId,
        ({ groupState, members }) => groupState === state && members.length === count,
      );
    await live(a, 'is the first');
    await b.askForId();
    const ofB = b.startJoin('comes');
    await inState('PreparingRebalance', 2);
    await describe(side, groupId, 'preparing');
    await a.heartbeat('hears of it');
    await a.sync('too late');
    const ofA = a.startJoin('comes again');
    await a.joined(ofA);
    await b.joined(ofB);
    await describe(side, groupId, 'completing');
    const syncOfB = b.startSync('waits');
    // On another connection: that of b waits for its answer.
    const { generationId, memberId } = b;
    await watch.ask(heartbeat, 4, { groupId, generationId, memberId }, 'b while it waits');
    await a.heartbeat('of another generation', { generationId: a.generationId - 1 });
    await a.heartbeat('of a generation ahead', { generationId: a.generationId + 1 });
    await a.sync('of another generation', { generationId: a.generationId - 1 });
    await a.sync('of another protocol', { protocolName: 'other' });
    await a.sync('of another protocol type', { protocolType: 'other' });
    await a.sync('assigns');
    await syncOfB.answer();
    await describe(side, groupId, 'stable');
    await b.join('again, as a follower');
    await b.sync('again');
    await c.askForId();
    await describe(side, groupId, 'somebody has asked for an id');
    await a.heartbeat('nobody has come yet');
    const ofC = c.startJoin('comes');
    await inState('PreparingRebalance', 3);
    await b.leave('instead of joining');
    await a.joined(a.startJoin('comes again'));
    await c.joined(ofC);
    await a.leave('while completing');
    await c.heartbeat('is alone');
    await c.sync('is alone');
    await live(c, 'goes on alone');
    await describe(side, groupId, 'one is left');
  },
};

const strangers: Scenario = {
  name: 'strangers',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const member = await Member.of(side, 'm', groupId);
    await live(member, 'lives');
    const other = await Member.of(side, 'other', groupId);
    await other.askForId();
    const protocols = [{ name: 'roundrobin', metadata: subscription('other') }];
    await other.join('with another protocol', { protocols });
    await other.join('with another type', { protocolType: 'connect' });
    await other.join('with no protocol', { protocols: [] });
    await other.join('with no type', { protocolType: '' });
    await member.heartbeat('all the same');
    await other.leave('before it came');
    await member.leave('is the last');
    await describe(side, groupId, 'empty');
    await live(await Member.of(side, 'next', groupId), 'begins anew');
    await describe(side, groupId, 'living again');
  },
};

const voting: Scenario = {
  name: 'voting',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const protocols = (name: string, ...names: string[]) =>
      names.map((protocol) => ({ name: protocol, metadata: subscription(name) }));
    const watch = await side.connect();
    const [a, b, c] = [
      await Member.of(side, 'a', groupId),
      await Member.of(side, 'b', groupId),
      await Member.of(side, 'c', groupId),
    ];
    await a.join('asks for an id', { protocols: protocols('a', 'x', 'y', 'z') });
    await a.join('x y z', { protocols: protocols('a', 'x', 'y', 'z') });
    await a.sync();
    const come = async (member: Member, note: string, ...names: string[]) => {
      await member.join('asks for an id', { protocols: protocols(member.name, ...names) });
      const pending = member.startJoin(note, { protocols: protocols(member.name, ...names) });
      await untilGroup(watch, groupId, ({ members }) =>
        members.some(({ clientId }) => clientId === member.name),
      );
      return pending;
    };
    const ofB = await come(b, 'z y', 'z', 'y');
    const ofC = await come(c, 'y z', 'y', 'z');
    await a.joined(a.startJoin('x y z', { protocols: protocols('a', 'x', 'y', 'z') }));
    await b.joined(ofB);
    await c.joined(ofC);
    const syncs = [b, c, a].map((member) => member.startSync());
    for (const pending of syncs) await pending.answer();
    await describe(side, groupId, 'stable');
    await c.join('as before', { protocols: protocols('c', 'y', 'z') });
    const again = c.startJoin('with other metadata', {
      protocols: [
        { name: 'y', metadata: Buffer.from('new') },
        { name: 'z', metadata: Buffer.from('new') },
      ],
    });
    await untilGroup(watch, groupId, ({ groupState }) => groupState === 'PreparingRebalance');
    const [ofA, ofB2] = [
      a.startJoin('x y z', { protocols: protocols('a', 'x', 'y', 'z') }),
      b.startJoin('z y', { protocols: protocols('b', 'z', 'y') }),
    ];
    await a.joined(ofA);
    await b.joined(ofB2);
    await c.joined(again);
    await describe(side, groupId, 'completing');
  },
};

export const groupScenarios: readonly Scenario[] = [finding, alone, several, strangers, voting];
