/** What groups are told of the offsets that they have committed, also when the topics are gone. */
import { offsetFetch } from '../../../../protocol/messages/groups/offset-fetch.ts';
import type { RequestInit } from '../../../../protocol/schema/api.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';
import {
  at,
  byGroup,
  commit,
  fetchAll,
  offset,
  strange,
  type Topic,
  topicOf,
  unnamed,
} from './commit-requests.ts';

type Asked = NonNullable<RequestInit<typeof offsetFetch>['groups']>[number]['topics'];

const batchVersion = 8;
const memberVersion = 9;

const partitions = ({ name, topicId }: Topic, ...partitionIndexes: number[]) => ({
  name,
  topicId,
  partitionIndexes,
});

/** One group's offsets, in the form that the version has for it. */
function read(side: Side, version: number, groupId: string, topics: Asked, note: string, more = {}) {
  const byName = topics?.map(({ name = '', partitionIndexes }) => ({ name, partitionIndexes })) ?? null;
  const body = version >= batchVersion ? { groups: [{ groupId, topics }] } : { groupId, topics: byName };
  return side.ask(offsetFetch, version, { ...body, ...more }, `${note} of '${groupId}'`, byGroup);
}

const reading: Scenario = {
  name: 'reading-commits',
  async run(side, setting) {
    const [a, b] = [await topicOf(side, setting, 'a', 2), await topicOf(side, setting, 'b', 1)];
    const [groupId, never] = [`${side.prefix}-g`, `${side.prefix}-never`];
    for (const group of [groupId, never]) await setting.group(group);
    const first = offset(0, 1, { committedLeaderEpoch: 3 });
    await commit(side, 9, '', [at(a, first, offset(1, 2)), at(b, offset(0, 3))], { groupId });
    const asked: readonly (readonly [note: string, topics: Asked])[] = [
      ['all', null],
      ['none', []],
      ['one', [partitions(a, 0)]],
      ['several', [partitions(a, 1, 0), partitions(b, 0)]],
      ['one twice', [partitions(a, 0, 0)]],
      ['a topic twice', [partitions(a, 0), partitions(a, 1)]],
      ['no partition', [partitions(a, 9)]],
      ['a negative partition', [partitions(a, -1)]],
      ['no partitions', [partitions(a)]],
      ['no topic', [partitions(strange, 0), partitions(a, 0)]],
      ['no name', [partitions(unnamed, 0)]],
    ];
    for (const version of versionsOf('offsetFetch'))
      for (const [note, topics] of asked)
        for (const group of [groupId, never, '']) {
          // The oldest cannot ask for all.
          if (topics === null && version < 2) continue;
          await read(side, version, group, topics, note);
          if (version >= 7)
            await read(side, version, group, topics, `stable: ${note}`, { requireStable: true });
        }
  },
};

const several: Scenario = {
  name: 'reading-commits-of-several',
  async run(side, setting) {
    const topic = await topicOf(side, setting, 't', 1);
    const names = ['a', 'b', 'never'].map((word) => `${side.prefix}-${word}`);
    for (const name of names) await setting.group(name);
    for (const groupId of names.slice(0, 2))
      await commit(side, 9, '', [at(topic, offset(0, 1))], { groupId });
    for (const version of versionsOf('offsetFetch').filter((one) => one >= batchVersion)) {
      const ask = (
        note: string,
        ...groups: { groupId: string; memberId?: string | null; memberEpoch?: number }[]
      ) =>
        side.ask(
          offsetFetch,
          version,
          { groups: groups.map((group) => ({ ...group, topics: [partitions(topic, 0)] })) },
          note,
          byGroup,
        );
      await ask('three groups', ...names.map((groupId) => ({ groupId })));
      await ask('a group twice', { groupId: names[0]! }, { groupId: names[0]! });
      await ask('no groups');
      if (version < memberVersion) continue;
      for (const [memberId, memberEpoch] of [
        ['m', -1],
        [null, 1],
        ['m', 1],
        ['', -1],
        ['', 0],
      ] as const)
        await ask(`as member ${memberId} in ${memberEpoch}`, { groupId: names[0]!, memberId, memberEpoch });
    }
  },
};

const deletedTopics: Scenario = {
  name: 'commits-of-deleted-topics',
  async run(side, setting) {
    const groupId = `${side.prefix}-g`;
    await setting.group(groupId);
    const [topic, other] = [await topicOf(side, setting, 't', 1), await topicOf(side, setting, 'other', 1)];
    const commitIn = (one: Topic, note: string, version = 10) =>
      commit(side, version, note, [at(one, offset(0, 4))], { groupId });
    await commitIn(topic, 'a topic');
    await commitIn(other, 'another');
    await setting.deleteTopic(topic.name);
    await untilForgotten(side, groupId, topic);
    await fetchAll(side, groupId, 'the topic is deleted');
    await commitIn(topic, 'by the old id');
    await commitIn(topic, 'by name', 9);
    const anew = await topicOf(side, setting, 't', 1);
    await fetchAll(side, groupId, 'a topic of that name is there');
    await read(side, 10, groupId, [partitions(topic, 0)], 'by the old id');
    await read(side, 10, groupId, [partitions(anew, 0)], 'by the new id');
    await commitIn(topic, 'by the old id again');
    await commitIn(anew, 'by the new id');
    await fetchAll(side, groupId, 'it is committed again');
  },
};

/** Kafka writes the tombstones some time after the topic is gone. */
async function untilForgotten(side: Side, groupId: string, { name }: Topic): Promise<void> {
  const peer = await side.main();
  for (;;) {
    const { groups } = await peer.ready(offsetFetch, 8, { groups: [{ groupId, topics: null }] });
    if (!groups[0]!.topics.some((topic) => topic.name === name)) return;
  }
}

export const readingCommitsScenarios: readonly Scenario[] = [reading, several, deletedTopics];
