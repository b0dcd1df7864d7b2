import { errors } from '../../../protocol/errors.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import type { CommittedOffset } from '../../groups/group-entries.ts';
import type { LoadedShard } from '../../groups/loaded-shard.ts';
import type { Services } from '../../services.ts';
import { answerEach } from '../answer-each.ts';
import { defineHandler } from '../handler.ts';
import { remembering } from '../remembering.ts';

type Request = RequestOf<typeof offsetFetch>;
type Response = ResponseInit<typeof offsetFetch>;

/** From these versions on: an error of the whole, many groups at once (KIP-709), topics by id. */
const wholeErrorVersion = 2;
const batchVersion = 8;
const topicIdVersion = 10;
const none = errors.none.code;

interface Asked {
  readonly groupId: string;
  /** Null: everything the group has committed. */
  readonly topics: readonly AskedTopic[] | null;
}

interface AskedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

interface PartitionAnswer {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

interface GroupAnswer {
  readonly groupId: string;
  readonly errorCode: number;
  readonly topics: readonly { name: string; topicId: string; partitions: PartitionAnswer[] }[];
}

/** What groups have committed. */
export const offsetFetchHandler = defineHandler(offsetFetch, {
  versions: '1-10',
  async handle(services, request, caller) {
    const fetchOne = (asked: Asked) =>
      fetchGroup(services, asked, request.requireStable, caller.apiVersion >= topicIdVersion);
    const remembered = remembering<ReturnType<typeof fetchOne>>();
    // Only where everything is asked for can an answer be longer than its question.
    const asked = askedGroups(request, caller.apiVersion);
    const groups = await answerEach(services.environment.clock, asked, (one) =>
      one.topics === null ? remembered(one.groupId, () => fetchOne(one)) : fetchOne(one),
    );
    if (caller.apiVersion >= batchVersion) return { throttleTimeMs: 0, groups };
    return single(groups[0]!, request, caller.apiVersion);
  },
  refuse(request, errorCode, _message, apiVersion) {
    const groups = askedGroups(request, apiVersion).map(({ groupId }) => ({
      groupId,
      errorCode,
      topics: [],
    }));
    return apiVersion >= batchVersion
      ? { throttleTimeMs: 0, groups }
      : single(groups[0]!, request, apiVersion);
  },
});

function askedGroups(request: Request, version: number): Asked[] {
  if (version >= batchVersion) return request.groups;
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: zeroUuid })) ?? null;
  return [{ groupId: request.groupId, topics }];
}

function fetchGroup(
  services: Services,
  { groupId, topics }: Asked,
  requireStable: boolean,
  byTopicId: boolean,
): GroupAnswer | Promise<GroupAnswer> {
  return services.groups.readOffsets<GroupAnswer>(
    groupId,
    (shard) => {
      const read: ReadOffsets = { services, shard, groupId, requireStable, byTopicId };
      const answers = topics === null ? everything(read) : topics.map((topic) => askedTopic(read, topic));
      return { groupId, errorCode: none, topics: answers };
    },
    (errorCode) => ({ groupId, errorCode, topics: [] }),
  );
}

interface ReadOffsets {
  readonly services: Services;
  readonly shard: LoadedShard;
  readonly groupId: string;
  readonly requireStable: boolean;
  readonly byTopicId: boolean;
}

function askedTopic({ services, shard, groupId, requireStable, byTopicId }: ReadOffsets, asked: AskedTopic) {
  const name = byTopicId ? services.cluster.topicById(asked.topicId)?.name : asked.name;
  const partitions = asked.partitionIndexes.map((index) => {
    if (name === undefined) return { ...partitionAnswer(index, null), errorCode: errors.unknownTopicId.code };
    if (requireStable && shard.isPending(groupId, name, index)) {
      return { ...partitionAnswer(index, null), errorCode: errors.unstableOffsetCommit.code };
    }
    return partitionAnswer(index, shard.offset(groupId, name, index));
  });
  return { name: asked.name, topicId: asked.topicId, partitions };
}

function everything({ services, shard, groupId, requireStable, byTopicId }: ReadOffsets) {
  const topics = new Map<string, PartitionAnswer[]>();
  for (const { topic, partition, value } of shard.offsetsOf(groupId)) {
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = []));
    const isUnstable = requireStable && shard.isPending(groupId, topic, partition);
    partitions.push(
      isUnstable
        ? { ...partitionAnswer(partition, null), errorCode: errors.unstableOffsetCommit.code }
        : partitionAnswer(partition, value),
    );
  }
  const answers = [...topics].map(([name, partitions]) => ({
    name,
    topicId: services.cluster.topic(name)?.id ?? zeroUuid,
    partitions,
  }));
  // A topic without an id cannot be named to a client that names topics by id.
  return byTopicId ? answers.filter(({ topicId }) => topicId !== zeroUuid) : answers;
}

function partitionAnswer(partitionIndex: number, value: CommittedOffset | null): PartitionAnswer {
  return {
    partitionIndex,
    committedOffset: value?.offset ?? -1,
    committedLeaderEpoch: value?.leaderEpoch ?? -1,
    metadata: value?.metadata ?? '',
    errorCode: none,
  };
}

/** The form for one group; v1 can say an error only at each partition. */
function single(group: GroupAnswer, request: Request, version: number): Response {
  if (group.errorCode === none || version >= wholeErrorVersion) {
    return { throttleTimeMs: 0, errorCode: group.errorCode, topics: group.topics };
  }
  return {
    throttleTimeMs: 0,
    topics: (request.topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => ({
        ...partitionAnswer(index, null),
        errorCode: group.errorCode,
      })),
    })),
  };
}
