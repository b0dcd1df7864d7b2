/** Committed offsets: what groups may commit, and delete. */
import { deleteGroups } from '../../../../protocol/messages/groups/delete-groups.ts';
import { offsetDelete } from '../../../../protocol/messages/groups/offset-delete.ts';
import type { RequestInit, ResponseOf } from '../../../../protocol/schema/api.ts';
import { describe, live, Member, untilGroup } from '../group-member.ts';
import { sortedBy } from '../normalise.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';
import {
  at,
  type Commit,
  commit,
  fetchAll,
  offset,
  strange,
  type Topic,
  topicOf,
  unnamed,
} from './commit-requests.ts';

/** Kafka answers in the order of hash maps. */
const deleted = ({ topics, ...rest }: ResponseOf<typeof offsetDelete>) => ({
  ...rest,
  topics: sortedBy(topics, ({ name }) => name).map((topic) => ({
    ...topic,
    partitions: sortedBy(topic.partitions, ({ partitionIndex }) => partitionIndex),
  })),
});

interface Attempt {
  readonly note: string;
  readonly topics: (a: Topic, b: Topic) => Commit['topics'];
  readonly more?: Partial<Commit>;
  readonly isIn?: (version: number) => boolean;
}

const one = (a: Topic): Commit['topics'] => [at(a, offset(0, 1))];
const withMetadata =
  (committedMetadata: string | null) =>
  (a: Topic, b: Topic): Commit['topics'] => [at(b, offset(0, 9, { committedMetadata })), at(a, offset(0, 2))];
const leaderEpochs = (a: Topic): Commit['topics'] => [
  at(a, offset(0, 3, { committedLeaderEpoch: 4 }), offset(1, 3, { committedLeaderEpoch: -2 })),
];

/** Commits from outside of any group. */
const attempts: readonly Attempt[] = [
  { note: 'several', topics: (a, b) => [at(a, offset(0, 6), offset(2, 7)), at(b, offset(0, 8))] },
  { note: 'back again', topics: one },
  { note: 'a negative offset', topics: (a) => [at(a, offset(1, -1))] },
  { note: 'no metadata', topics: withMetadata(null) },
  { note: 'empty metadata', topics: withMetadata('') },
  { note: 'as much metadata as may be', topics: withMetadata('x'.repeat(4_096)) },
  { note: 'too much metadata', topics: withMetadata('x'.repeat(4_097)) },
  { note: 'metadata beyond ASCII', topics: withMetadata('ü'.repeat(4_096)) },
  { note: 'leader epochs', topics: leaderEpochs, isIn: (version) => version >= 6 },
  { note: 'a retention', topics: one, more: { retentionTimeMs: 1_000_000 }, isIn: (version) => version <= 4 },
  { note: 'no topic', topics: () => [at(strange, offset(0, 1))] },
  { note: 'no name', topics: () => [at(unnamed, offset(0, 1))] },
  { note: 'no partition', topics: (a) => [at(a, offset(9, 1), offset(0, 2))] },
  { note: 'a negative partition', topics: (a) => [at(a, offset(-1, 1))] },
  { note: 'some of it', topics: (a) => [at(strange, offset(0, 1)), at(a, offset(0, 4))] },
  { note: 'one twice', topics: (a) => [at(a, offset(0, 10), offset(0, 11))] },
  { note: 'a topic twice', topics: (a) => [at(a, offset(0, 12)), at(a, offset(1, 13))] },
  { note: 'nothing', topics: () => [] },
  { note: 'no partitions', topics: (a) => [at(a)] },
  { note: 'no group', topics: one, more: { groupId: '' } },
  { note: 'as a member', topics: one, more: { memberId: 'm' } },
  { note: 'in a generation', topics: one, more: { generationIdOrMemberEpoch: 1 } },
  {
    note: 'as a member in a generation',
    topics: one,
    more: { memberId: 'm', generationIdOrMemberEpoch: 1 },
  },
  {
    note: 'a generation of no group',
    topics: one,
    more: { groupId: 'committing-never', generationIdOrMemberEpoch: 1 },
  },
  {
    note: 'as a static member',
    topics: one,
    more: { groupInstanceId: 'one' },
    isIn: (version) => version >= 7,
  },
];

const committing: Scenario = {
  name: 'committing',
  async run(side, setting) {
    const [a, b] = [await topicOf(side, setting, 'a', 3), await topicOf(side, setting, 'b', 1)];
    const newer = versionsOf('offsetFetch').filter((version) => version >= 2);
    for (const version of versionsOf('offsetCommit')) {
      const groupId = `${side.prefix}-g${version}`;
      await setting.group(groupId);
      await fetchAll(side, groupId, 'before');
      await commit(side, version, 'one', [at(a, offset(0, 5))], { groupId });
      await fetchAll(side, groupId, 'after one');
      await describe(side, groupId, 'a simple one');
      for (const { note, topics, more, isIn = () => true } of attempts)
        if (isIn(version)) await commit(side, version, note, topics(a, b), { groupId, ...more });
      await fetchAll(side, groupId, 'after all', newer);
    }
  },
};

/** Commits one offset after the other as a member, or as `more` says. */
function committerOf(side: Side, member: Member, topic: Topic) {
  let next = 0;
  return (note: string, more: Partial<Commit> = {}) => {
    const { groupId, memberId, generationId } = member;
    const own = { groupId, memberId, generationIdOrMemberEpoch: generationId };
    return commit(side, 9, note, more.topics ?? [at(topic, offset(0, next++))], { ...own, ...more });
  };
}

const outside: Partial<Commit> = { generationIdOrMemberEpoch: -1, memberId: '' };

const committingMembers: Scenario = {
  name: 'committing-members',
  async run(side, setting) {
    const topic = await topicOf(side, setting, 't', 1);
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const member = await Member.of(side, 'm', groupId, { topics: [topic.name] });
    const watch = await side.connect();
    const commit = committerOf(side, member, topic);
    await member.askForId();
    await commit('with an id only');
    await member.join('joins');
    await commit('before its sync');
    await commit('from outside, before its sync', outside);
    await member.sync();
    await commit('as a member');
    await commit('of an old generation', { generationIdOrMemberEpoch: member.generationId - 1 });
    await commit('of a generation ahead', { generationIdOrMemberEpoch: member.generationId + 1 });
    await commit('without a generation', { generationIdOrMemberEpoch: -1 });
    await commit('a stranger', { memberId: 'stranger' });
    await commit('nobody', { memberId: '' });
    await commit('from outside', outside);
    await commit('under a name', { groupInstanceId: 'one' });
    const other = await Member.of(side, 'other', groupId, { topics: [topic.name] });
    await other.askForId();
    const coming = other.startJoin('comes');
    await untilGroup(watch, groupId, ({ members }) => members.length === 2);
    await commit('while another comes');
    await member.joined(member.startJoin('comes again'));
    await other.joined(coming);
    await commit('before the assignment');
    const waiting = other.startSync();
    await member.sync('assigns');
    await waiting.answer();
    await commit('after the assignment');
    await fetchAll(side, groupId, 'of a living group');
    for (const leaving of [member, other]) await leaving.leave();
    await commit('after it has left');
    await commit('from outside, when all have left', outside);
    await fetchAll(side, groupId, 'of an empty group');
  },
};

type Deleted = RequestInit<typeof offsetDelete>['topics'][number];

const of = ({ name }: Topic, ...partitions: number[]): Deleted => ({
  name,
  partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
});

const deleting: Scenario = {
  name: 'deleting-commits',
  async run(side, setting) {
    const [read, away] = [await topicOf(side, setting, 't', 1), await topicOf(side, setting, 'away', 2)];
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const member = await Member.of(side, 'm', groupId, { topics: [read.name] });
    const commit = committerOf(side, member, read);
    const remove = (note: string, topics: Deleted[], group = groupId) =>
      side.ask(offsetDelete, 0, { groupId: group, topics }, note, deleted);
    await live(member, 'reads');
    await commit('what it reads');
    await commit('what nobody reads', { topics: [at(away, offset(0, 1), offset(1, 2))] });
    await remove('of a topic that is read', [of(read, 0)]);
    await remove('of a topic that nobody reads', [of(away, 0, 9)]);
    await remove('of both', [of(read, 0), of(away, 1)]);
    await remove('again', [of(away, 1)]);
    await remove('of no topic', [of(strange, 0)]);
    await remove('nothing', []);
    await remove('of no group', [of(read, 0)], `${side.prefix}-never`);
    await remove('without a name', [of(read, 0)], '');
    await fetchAll(side, groupId, 'after deletions');
    await member.leave();
    await remove('of an empty group', [of(read, 0)]);
    await fetchAll(side, groupId, 'of an empty group');
    await commit('again, from outside', outside);
    await side.ask(deleteGroups, 2, { groupsNames: [groupId] });
    await fetchAll(side, groupId, 'of a deleted group');
    await commit('after the deletion', outside);
    await fetchAll(side, groupId, 'of the group after that');
  },
};

const otherKinds: Scenario = {
  name: 'committing-other-kinds',
  async run(side, setting) {
    const topic = await topicOf(side, setting, 't', 1);
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const worker = await Member.of(side, 'w', groupId);
    const protocols = [{ name: 'p', metadata: Buffer.from('not for brokers') }];
    const remove = (note: string) =>
      side.ask(offsetDelete, 0, { groupId, topics: [of(topic, 0)] }, note, deleted);
    await worker.join('asks for an id', { protocolType: 'connect', protocols });
    await worker.join('joins', { protocolType: 'connect', protocols });
    await worker.sync('', { protocolType: 'connect' });
    await committerOf(side, worker, topic)('of a worker');
    await remove('of a living worker');
    await side.ask(deleteGroups, 2, { groupsNames: [groupId] }, 'a living one');
    await worker.leave();
    await remove('of one that has left');
    await describe(side, groupId, 'at the end');
  },
};

export const commitScenarios: readonly Scenario[] = [committing, committingMembers, deleting, otherKinds];
