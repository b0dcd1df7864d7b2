/** Requests and answers about committed offsets, said shortly. */
import { offsetCommit } from '../../../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../../../protocol/messages/groups/offset-fetch.ts';
import type { RequestInit, ResponseOf } from '../../../../protocol/schema/api.ts';
import type { Setting } from '../brokers.ts';
import { sortedBy } from '../normalise.ts';
import type { Side } from '../side.ts';

export type Commit = RequestInit<typeof offsetCommit>;
type CommitPartition = Commit['topics'][number]['partitions'][number];

export interface Topic {
  readonly name: string;
  readonly topicId: string;
}

export const strange: Topic = { name: 'no-such-topic', topicId: 'aaaaaaaaaaaaaaaaaaaaaA' };
export const unnamed: Topic = { name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' };

export const offset = (
  partitionIndex: number,
  committedOffset: number,
  more: Partial<CommitPartition> = {},
): CommitPartition => ({
  partitionIndex,
  committedOffset,
  committedMetadata: `at ${committedOffset}`,
  ...more,
});

/** Kafka answers in the order of hash maps, also with the partitions of a topic. */
export const byTopic = ({ topics, ...rest }: ResponseOf<typeof offsetCommit>) => ({
  ...rest,
  topics: sortedBy(
    topics,
    ({ name, topicId, partitions }) => `${name} ${topicId === unnamed.topicId} ${partitions[0]?.errorCode}`,
  ).map((topic) => ({
    ...topic,
    partitions: sortedBy(
      topic.partitions,
      ({ partitionIndex, errorCode }) => partitionIndex * 1_000 + errorCode,
    ),
  })),
});

export function byGroup(answer: ResponseOf<typeof offsetFetch>) {
  const sorted = <
    T extends { name: string; partitions: readonly { partitionIndex: number; errorCode: number }[] },
  >(
    topics: readonly T[],
  ) =>
    sortedBy(
      topics,
      ({ name, partitions }) =>
        `${name} ${partitions.length} ${partitions[0]?.errorCode} ${partitions[0]?.partitionIndex}`,
    ).map((topic) => ({
      ...topic,
      partitions: sortedBy(topic.partitions, ({ partitionIndex }) => partitionIndex),
    }));
  return {
    ...answer,
    topics: sorted(answer.topics),
    groups: sortedBy(answer.groups, ({ groupId }) => groupId).map((group) => ({
      ...group,
      topics: sorted(group.topics),
    })),
  };
}

/** What a group has committed, as every version tells it. */
export async function fetchAll(
  side: Side,
  groupId: string,
  note: string,
  versions: readonly number[] = [5, 8, 10],
): Promise<void> {
  for (const version of versions) {
    const asked = { groupId, topics: null };
    await side.ask(offsetFetch, version, version >= 8 ? { groups: [asked] } : asked, note, byGroup);
  }
}

export async function topicOf(
  side: Side,
  setting: Setting,
  word: string,
  partitions: number,
): Promise<Topic> {
  const name = `${side.prefix}-${word}`;
  return { name, topicId: await setting.topic(name, partitions) };
}

/** A topic with the offsets to be committed in it. */
export const at = (topic: Topic, ...partitions: CommitPartition[]) => ({ ...topic, partitions });

/** Commits as somebody outside of the group, unless `more` says otherwise. */
export function commit(
  side: Side,
  version: number,
  note: string,
  topics: Commit['topics'],
  more: Partial<Commit> & { readonly groupId: string },
): Promise<ResponseOf<typeof offsetCommit>> {
  return side.ask(offsetCommit, version, { memberId: '', topics, ...more }, note, byTopic);
}
