/** What groups do when members are silent. Nothing here depends on how long anything takes, only on what comes first. */
import { heartbeat } from '../../../../protocol/messages/groups/heartbeat.ts';
import { describe, live, Member, untilGroup } from '../group-member.ts';
import type { Scenario } from '../scenario.ts';

const soon = { sessionTimeoutMs: 200 };

const silent: Scenario = {
  name: 'silent-members',
  async run(side, setting) {
    const groupId = `${side.prefix}-session`;
    await setting.group(groupId);
    const watch = await side.connect();
    const empty = () =>
      untilGroup(watch, groupId, ({ groupState, members }) => groupState === 'Empty' && members.length === 0);
    const alone = await Member.of(side, 'alone', groupId);
    await alone.askForId();
    await alone.join('joins', soon);
    await alone.sync();
    await empty();
    await describe(side, groupId, 'when its only member was silent');
    await alone.heartbeat('too late');
    const other = await Member.of(side, 'other', groupId);
    await live(other, 'joins');
    const pending = await Member.of(side, 'pending', groupId);
    await pending.join('asks for an id', soon);
    // The rebalance waits for who has been given an id, until that one's session is over.
    await other.join('joins again');
    await pending.join('comes too late', soon);
    await describe(side, groupId, 'without the one that never came');
    await other.sync();
    await other.leave();
  },
};

const slow: Scenario = {
  name: 'slow-members',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const watch = await side.connect();
    const quick = { rebalanceTimeoutMs: 300 };
    const [a, b] = [await Member.of(side, 'a', groupId), await Member.of(side, 'b', groupId)];
    await a.askForId();
    await a.join('joins', quick);
    await a.sync();
    await b.askForId();
    await b.joined(b.startJoin('comes, and a does not come again', quick));
    await describe(side, groupId, 'without a');
    await a.heartbeat('is out');
    await a.join('is out');
    await b.sync();
    const c = await Member.of(side, 'c', groupId);
    await c.askForId();
    const ofC = c.startJoin('comes', quick);
    await untilGroup(watch, groupId, ({ members }) => members.length === 2);
    await b.joined(b.startJoin('comes again', quick));
    await c.joined(ofC);
    // Nobody assigns: who has asked stays, who has not is out.
    const waiting = c.startSync('waits in vain');
    await waiting.answer();
    await untilGroup(watch, groupId, ({ members }) => members.length === 1);
    await watch.ask(
      heartbeat,
      4,
      { groupId, memberId: b.memberId, generationId: b.generationId },
      'b, which never asked',
    );
    await c.join('comes again', quick);
    await c.sync();
    await describe(side, groupId, 'c alone');
  },
};

const staticOnes: Scenario = {
  name: 'silent-static-members',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const watch = await side.connect();
    const quick = { rebalanceTimeoutMs: 300 };
    const [a, b] = [
      await Member.of(side, 'a', groupId, { instanceId: 'one' }),
      await Member.of(side, 'b', groupId, { instanceId: 'two' }),
    ];
    await a.join('joins', quick);
    await a.sync();
    await b.joined(b.startJoin('comes, and one does not come again', quick));
    await describe(side, groupId, 'one keeps its place');
    await b.sync();
    await b.heartbeat();
    await a.heartbeat('of the generation before');
    await a.join('is back', quick);
    await untilGroup(watch, groupId, ({ groupState }) => groupState !== 'PreparingRebalance');
    await describe(side, groupId, 'after one is back');
  },
};

export const timeOutScenarios: readonly Scenario[] = [silent, slow, staticOnes];
