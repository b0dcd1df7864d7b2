/** Offsets that are committed in a transaction: who may (KIP-447), and who sees what of them until it is over. */
import { deleteGroups } from '../../../../protocol/messages/groups/delete-groups.ts';
import { offsetDelete } from '../../../../protocol/messages/groups/offset-delete.ts';
import type { txnOffsetCommit } from '../../../../protocol/messages/transactions/txn-offset-commit.ts';
import type { RequestInit } from '../../../../protocol/schema/api.ts';
import { describe, live, Member, untilGroup } from '../group-member.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import { newest, old, TransactionalProducer } from '../transactional-producer.ts';
import { at, commit, offset, strange, type Topic, unnamed } from './commit-requests.ts';
import { lookAtGroup } from './transaction-looks.ts';
import { place } from './transactions.ts';

type Commit = RequestInit<typeof txnOffsetCommit>;

const memberVersion = 3;
const readingVersions = [5, 7, 8, 9, 10];

/** What may be said of an offset, right and wrong, in each version. */
const requests: Scenario = {
  name: 'transactions-offsets',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    for (const version of versionsOf('txnOffsetCommit')) {
      const groupId = `${side.prefix}-g${version}`;
      await setting.group(groupId);
      const producer = await TransactionalProducer.of(side, setting, `v${version}`);
      await producer.begin();
      const ask = (note: string, topics: Commit['topics'], more: Partial<Commit> = {}) =>
        producer.commit(note, groupId, topics, version, more);
      await ask('the group is not in it', [at(topic, offset(0, 1))]);
      await producer.describe('after that');
      await producer.addOffsets('adds it', groupId);
      await ask('two', [at(topic, offset(0, 2), offset(1, 3))]);
      await ask('one again', [at(topic, offset(0, 4))]);
      await ask('a negative one', [at(topic, offset(1, -1))]);
      await ask('no metadata', [at(topic, offset(0, 5, { committedMetadata: null }))]);
      await ask('too much metadata', [at(topic, offset(0, 6, { committedMetadata: 'x'.repeat(4_097) }))]);
      if (version >= 2) await ask('a leader epoch', [at(topic, offset(1, 7, { committedLeaderEpoch: 4 }))]);
      await ask('no topic', [at(strange, offset(0, 1))]);
      await ask('no topic beside one', [at(strange, offset(0, 1)), at(topic, offset(0, 8))]);
      await ask('no name', [at(unnamed, offset(0, 1))]);
      await ask('no partition', [at(topic, offset(9, 1), offset(0, 9))]);
      await ask('a negative partition', [at(topic, offset(-1, 1))]);
      await ask('nothing', []);
      await ask('no partitions', [at(topic)]);
      await ask('no group', [at(topic, offset(0, 1))], { groupId: '' });
      if (version >= memberVersion) {
        await ask('as a member', [at(topic, offset(0, 1))], { memberId: 'm' });
        await ask('in a generation', [at(topic, offset(0, 1))], { generationIdOrMemberEpoch: 1 });
        await ask('under a name', [at(topic, offset(0, 10))], { groupInstanceId: 'one' });
        const member = { memberId: 'm', generationIdOrMemberEpoch: 1 };
        await ask('as a member in a generation', [at(topic, offset(0, 1))], member);
      }
      await lookAtGroup(side, groupId, topic, 'open', readingVersions);
      await describe(side, groupId, 'open');
      await producer.end('', true, old.end);
      await lookAtGroup(side, groupId, topic, 'over', readingVersions);
      await describe(side, groupId, 'over');
    }
  },
};

/** Commits one offset after the other in the transactions of a producer, as a member says who it is or as `more` has it. */
function committerOf(producer: TransactionalProducer, topic: Topic, version: number) {
  let next = 0;
  return (member: Member, note: string, more: Partial<Commit> = {}) => {
    const { groupId, memberId, generationId, instanceId } = member;
    const who = { memberId, generationIdOrMemberEpoch: generationId, groupInstanceId: instanceId };
    const topics = [at(topic, offset(0, next++))];
    return producer.commit(`${member.name} ${note}`, groupId, topics, version, { ...who, ...more });
  };
}

const outside: Partial<Commit> = { memberId: '', generationIdOrMemberEpoch: -1, groupInstanceId: null };

/** A member of a group, through all that its group goes through. */
const members: Scenario = {
  name: 'transactions-of-members',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    for (const version of versionsOf('txnOffsetCommit').filter((one) => one >= memberVersion)) {
      const groupId = `${side.prefix}-g${version}`;
      await setting.group(groupId);
      const watch = await side.connect();
      const producer = await TransactionalProducer.of(side, setting, `v${version}`);
      await producer.begin();
      await producer.addOffsets('adds the group', groupId);
      const commit = committerOf(producer, topic, version);
      const member = await Member.of(side, 'm', groupId, { topics: [topic.name] });
      const stranger = { memberId: 'stranger', generationIdOrMemberEpoch: 4 };
      await commit(member, 'of a group that is not there', stranger);
      await member.askForId();
      await commit(member, 'with an id only');
      await member.join('joins');
      await commit(member, 'before its sync');
      await commit(member, 'from outside, before its sync', outside);
      await member.sync();
      await commit(member, 'as a member');
      const { generationId } = member;
      await commit(member, 'of a generation behind', { generationIdOrMemberEpoch: generationId - 1 });
      await commit(member, 'of a generation ahead', { generationIdOrMemberEpoch: generationId + 1 });
      await commit(member, 'without a generation', { generationIdOrMemberEpoch: -1 });
      await commit(member, 'as a stranger', { memberId: 'stranger' });
      await commit(member, 'as nobody', { memberId: '' });
      await commit(member, 'under a name', { groupInstanceId: 'one' });
      await commit(member, 'from outside', outside);
      const other = await Member.of(side, 'other', groupId, { topics: [topic.name] });
      await other.askForId();
      const coming = other.startJoin('comes');
      await untilGroup(watch, groupId, (group) => group.members.length === 2);
      await commit(member, 'while another comes');
      await member.joined(member.startJoin('comes again'));
      await other.joined(coming);
      await commit(member, 'before the assignment');
      const sync = other.startSync();
      await member.sync('assigns');
      await sync.answer();
      await commit(member, 'after the assignment');
      for (const leaving of [member, other]) await leaving.leave();
      await commit(member, 'after it has left');
      await commit(member, 'from outside, when all have left', outside);
      await lookAtGroup(side, groupId, topic, 'open');
      await producer.end('', version % 2 === 0, old.end);
      await lookAtGroup(side, groupId, topic, 'over');
    }
  },
};

/** A member that keeps its place under a name: whoever had the name before is fenced. */
const staticMembers: Scenario = {
  name: 'transactions-of-static-members',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    for (const version of versionsOf('txnOffsetCommit').filter((one) => one >= memberVersion)) {
      const groupId = `${side.prefix}-g${version}`;
      await setting.group(groupId);
      const producer = await TransactionalProducer.of(side, setting, `v${version}`);
      await producer.begin();
      await producer.addOffsets('adds the group', groupId);
      const commit = committerOf(producer, topic, version);
      const first = await Member.of(side, 'first', groupId, { instanceId: 'one' });
      await first.join('comes');
      await first.sync();
      await commit(first, 'lives');
      await commit(first, 'under another name', { groupInstanceId: 'two' });
      await commit(first, 'under no name', { groupInstanceId: null });
      await commit(first, 'with a wrong id', { memberId: 'wrong' });
      await commit(first, 'with no id', { memberId: '' });
      const second = await Member.of(side, 'second', groupId, { instanceId: 'one' });
      await second.join('is back as one');
      await second.sync();
      await commit(first, 'is fenced');
      await commit(first, 'is fenced, of a generation ahead', { generationIdOrMemberEpoch: 9 });
      await commit(second, 'lives');
      await commit(second, 'of a generation behind', { generationIdOrMemberEpoch: 0 });
      await producer.end('', true, old.end);
      await lookAtGroup(side, groupId, topic, 'over');
    }
  },
};

/** What a group has beside what a transaction would give it, and what becomes of either. */
const pending: Scenario = {
  name: 'transactions-offsets-pending',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    for (const committed of [true, false]) {
      const groupId = `${side.prefix}-${committed}`;
      await setting.group(groupId);
      const [a, b] = [
        await TransactionalProducer.of(side, setting, `a-${committed}`),
        await TransactionalProducer.of(side, setting, `b-${committed}`),
      ];
      const look = (note: string) => lookAtGroup(side, groupId, topic, note, readingVersions);
      const remove = (note: string) => {
        const topics = [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }];
        return side.ask(offsetDelete, 0, { groupId, topics }, note);
      };
      await a.begin();
      await b.begin();
      await commit(side, 9, 'plain', [at(topic, offset(0, 1))], { groupId });
      await a.commit('in its transaction', groupId, [at(topic, offset(0, 2))], newest.commit);
      await look('one is pending');
      await b.commit('in another', groupId, [at(topic, offset(0, 3), offset(1, 4))], 5);
      await look('two are pending');
      await commit(side, 9, 'plain, meanwhile', [at(topic, offset(0, 5))], { groupId });
      await look('a plain one came between');
      await b.end('the second', committed);
      await look('one is over');
      await a.end('the first', committed);
      await look('both are over');
      await a.commit('again', groupId, [at(topic, offset(0, 6))]);
      await remove('what is pending');
      await look('it was removed');
      await a.end('that', committed);
      await look('the removed one is over');
      await b.commit('in a group to be deleted', groupId, [at(topic, offset(1, 7))]);
      await side.ask(deleteGroups, 2, { groupsNames: [groupId] }, 'with something pending');
      await look('the group was deleted');
      await b.end('that', committed);
      await look('the deleted one is over');
    }
  },
};

/** A transaction takes several groups, one of them unknown until then, and brings each its own. */
const severalGroups: Scenario = {
  name: 'transactions-of-several-groups',
  async run(side, setting) {
    const topic = await place(side, setting, 't', 2);
    const groups = ['a', 'b', 'c'].map((word) => `${side.prefix}-${word}`);
    for (const groupId of groups) await setting.group(groupId);
    const producer = await TransactionalProducer.of(side, setting, 'p');
    await producer.begin();
    const reader = await Member.of(side, 'reader', groups[0]!, { topics: [topic.name] });
    await live(reader, 'reads');
    for (const committed of [true, false, true]) {
      for (const [n, groupId] of groups.entries())
        await producer.commit(`of ${n}`, groupId, [at(topic, offset(n % 2, 10 + n))]);
      await producer.send('and sends', topic, 0);
      await producer.describe('open');
      await producer.end('', committed);
      for (const groupId of groups) await lookAtGroup(side, groupId, topic, `of ${groupId}`);
    }
    const nobodys = { ...topic, topicId: strange.topicId };
    await producer.commit('by an id that nobody has', groups[1]!, [at(nobodys, offset(0, 1))]);
    await producer.end('that', true);
    await lookAtGroup(side, groups[1]!, topic, 'at the end');
  },
};

export const transactionOffsetScenarios: readonly Scenario[] = [
  requests,
  members,
  staticMembers,
  pending,
  severalGroups,
];
