/** Members come and go, and offsets are committed, by them and by others. */
import { deleteGroups } from '../../../../protocol/messages/groups/delete-groups.ts';
import { describeGroups } from '../../../../protocol/messages/groups/describe-groups.ts';
import { offsetCommit } from '../../../../protocol/messages/groups/offset-commit.ts';
import { offsetDelete } from '../../../../protocol/messages/groups/offset-delete.ts';
import { offsetFetch } from '../../../../protocol/messages/groups/offset-fetch.ts';
import { described, Member, untilGroup } from '../group-member.ts';
import { sortedBy } from '../normalise.ts';
import type { Operation } from './play.ts';
import { noTopicId, type World } from './world.ts';

const membersAtMost = 4;
const topicIdVersion = 10;

/** A newcomer comes in: everybody joins again, and gets an assignment. */
async function gather(world: World, groupId: string, newcomer: Member | null): Promise<void> {
  const members = world.members.get(groupId)!;
  const joining = newcomer === null ? null : newcomer.startJoin('comes');
  // The first of a group does not wait for anybody.
  if (newcomer !== null && members.length > 0)
    await untilGroup(world.main, groupId, (group) =>
      group.members.some(({ clientId }) => clientId === newcomer.name),
    );
  const joins = members.map((member) => member.startJoin('joins again'));
  for (const [at, member] of members.entries()) await member.joined(joins[at]!);
  if (newcomer !== null) {
    await newcomer.joined(joining!);
    members.push(newcomer);
  }
  const syncs = members.map((member) => member.startSync());
  for (const pending of syncs) await pending.answer();
}

const coming: Operation = {
  weight: 5,
  async run(world) {
    const { random, side } = world;
    const groupId = random.pick(world.groupIds);
    const members = world.members.get(groupId)!;
    const isStatic = random.chance(0.3);
    const name = `m${world.next()}`;
    const topics = random.chance(0.5) ? [random.pick(world.topicNames)] : [...world.topicNames];
    if (members.length >= membersAtMost) return;
    const options = { topics, ...(isStatic ? { instanceId: `i${name}` } : {}) };
    const newcomer = await Member.of(side, name, groupId, options);
    await newcomer.askForId();
    await gather(world, groupId, newcomer);
  },
};

const leaving: Operation = {
  weight: 4,
  async run(world) {
    const { random } = world;
    const groupId = random.pick(world.groupIds);
    const members = world.members.get(groupId)!;
    const which = random.below(membersAtMost);
    if (which >= members.length) return;
    // Who leads after a leader that has gone is, in Kafka, the order of a hash map over random ids: two who are left would differ.
    const member =
      members.length > 2 ? members.slice(which).find(({ isLeader }) => !isLeader) : members[which];
    if (member === undefined) return;
    await member.leave('leaves');
    world.members.set(
      groupId,
      members.filter((other) => other !== member),
    );
    if (members.length > 1) await gather(world, groupId, null);
  },
};

/** A static member is back under a new id, and the old one is fenced. */
const returning: Operation = {
  weight: 3,
  async run(world) {
    const { random, side } = world;
    const groupId = random.pick(world.groupIds);
    const members = world.members.get(groupId)!;
    const which = random.below(membersAtMost);
    const name = `m${world.next()}`;
    const old = members[which];
    if (old === undefined || old.instanceId === null) return;
    const back = await Member.of(side, name, groupId, { instanceId: old.instanceId, topics: old.topics });
    // With what it said before, or all would have to join again.
    back.metadata = old.metadata;
    await back.join('is back');
    await back.sync('is back');
    await old.heartbeat('is fenced');
    members[which] = back;
  },
};

const living: Operation = {
  weight: 6,
  async run(world) {
    const { random } = world;
    const members = world.members.get(random.pick(world.groupIds))!;
    const member = members[random.below(membersAtMost)];
    const generation = random.chance(0.2) ? 1 : 0;
    const version = world.version(3, 4);
    if (member === undefined) return;
    await member.heartbeat('', { generationId: member.generationId + generation }, version);
  },
};

const committing: Operation = {
  weight: 10,
  async run(world) {
    const { random, main } = world;
    const groupId = random.pick(world.groupIds);
    const member = world.members.get(groupId)![random.below(membersAtMost)];
    const topics = [world.someTopic(), world.someTopic()];
    const committedOffset = random.below(50);
    const isStale = random.chance(0.15);
    const version = world.version(7, 10);
    const partitionIndex = world.somePartition();
    const own =
      member === undefined
        ? { memberId: '' }
        : {
            memberId: member.memberId,
            groupInstanceId: member.instanceId,
            generationIdOrMemberEpoch: member.generationId - (isStale ? 1 : 0),
          };
    const partitions = [{ partitionIndex, committedOffset, committedMetadata: `${committedOffset}` }];
    await main.ask(
      offsetCommit,
      version,
      { groupId, ...own, topics: topics.map((topic) => ({ ...topic, partitions })) },
      `${member?.name ?? 'nobody'} ${topics.map((topic) => world.wordsOf(topic))}-${partitionIndex} at ${committedOffset}`,
      ({ topics: results }) => ({
        topics: sortedBy(results, ({ name, partitions: codes }) => `${name} ${codes[0]!.errorCode}`),
      }),
    );
  },
};

const fetching: Operation = {
  weight: 5,
  async run(world) {
    const { random, main } = world;
    const groupId = random.pick(world.groupIds);
    const all = random.chance(0.5);
    const version = world.version(8, 10);
    const topic = world.someTopic();
    const partition = world.somePartition();
    const isKnown = version < topicIdVersion || topic.topicId !== noTopicId;
    const topics = all || !isKnown ? null : [{ ...topic, partitionIndexes: [partition] }];
    await main.ask(
      offsetFetch,
      version,
      { groups: [{ groupId, topics }] },
      topics === null ? 'all' : `${world.wordsOf(topic)}-${partition}`,
      (answer) => world.byTopic(answer),
    );
  },
};

const forgetting: Operation = {
  weight: 2,
  async run(world) {
    const { random, main } = world;
    const groupId = random.pick(world.groupIds);
    const { name } = world.someTopic();
    const partitions = [{ partitionIndex: world.somePartition() }];
    await main.ask(offsetDelete, 0, { groupId, topics: [{ name, partitions }] }, name);
  },
};

const looking: Operation = {
  weight: 3,
  async run(world) {
    const groups = [world.random.pick(world.groupIds)];
    await world.main.ask(describeGroups, world.version(0, 6), { groups }, '', described);
  },
};

const deleting: Operation = {
  weight: 1,
  async run(world) {
    const groupsNames = [world.random.pick(world.groupIds)];
    await world.main.ask(deleteGroups, world.version(0, 3), { groupsNames });
  },
};

export const groupOperations: readonly Operation[] = [
  coming,
  leaving,
  returning,
  living,
  committing,
  fetching,
  forgetting,
  looking,
  deleting,
];
