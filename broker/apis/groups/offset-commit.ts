import { errors } from '../../../protocol/errors.ts';
import { offsetCommit } from '../../../protocol/messages/groups/offset-commit.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import type { OffsetToCommit } from '../../groups/group-coordinator.ts';
import type { TopicState } from '../../metadata/cluster-state.ts';
import type { Services } from '../../services.ts';
import { type Caller, defineHandler } from '../handler.ts';

type Request = RequestOf<typeof offsetCommit>;
type Response = ResponseInit<typeof offsetCommit>;
type AskedTopic = Request['topics'][number];

const topicIdVersion = 10;
const groupNotFoundVersion = 9;

/** Commits offsets of a group: those of partitions that exist, whatever becomes of the others. */
export const offsetCommitHandler = defineHandler(offsetCommit, {
  versions: '2-10',
  handle(services, request, caller) {
    const byTopicId = caller.apiVersion >= topicIdVersion;
    const nowMs = services.environment.clock.nowMs();
    const offsets: OffsetToCommit[] = [];
    /** In order of the request: a code, or null where the commit decides. */
    const codes = request.topics.map((asked) => {
      const topic = byTopicId
        ? services.cluster.topicById(asked.topicId)
        : services.cluster.topic(asked.name);
      return asked.partitions.map((partition) => {
        if (topic?.partitions[partition.partitionIndex] === undefined)
          return topic === undefined && byTopicId
            ? errors.unknownTopicId.code
            : errors.unknownTopicOrPartition.code;
        offsets.push(offsetOf(request, topic, partition, nowMs));
        return null;
      });
    });
    // Nothing that could be committed: the group is not even looked at.
    if (offsets.length === 0) return answer(request, codes, []);
    const committed = commit(services, request, caller, offsets);
    return committed instanceof Promise
      ? committed.then((results) => answer(request, codes, results))
      : answer(request, codes, committed);
  },
  refuse: (request, errorCode) =>
    answer(
      request,
      request.topics.map(({ partitions }) => partitions.map(() => errorCode)),
      errorCode,
    ),
});

function commit({ groups }: Services, request: Request, caller: Caller, offsets: readonly OffsetToCommit[]) {
  return groups.commitOffsets(
    {
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generationId: request.generationIdOrMemberEpoch,
      knowsGroupIdNotFound: caller.apiVersion >= groupNotFoundVersion,
    },
    offsets,
    caller,
  );
}

function offsetOf(
  request: Request,
  topic: TopicState,
  partition: AskedTopic['partitions'][number],
  nowMs: number,
): OffsetToCommit {
  return {
    topic: topic.name,
    partition: partition.partitionIndex,
    value: {
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata ?? '',
      commitTimestampMs: nowMs,
      expireTimestampMs: request.retentionTimeMs === -1 ? -1 : nowMs + request.retentionTimeMs,
      topicId: topic.id,
    },
  };
}

interface TopicAnswer {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: { readonly partitionIndex: number; readonly errorCode: number }[];
}

/**
 * `committed`: one code for all that were to be committed, or one for each of them, in order. As in Kafka, what could not be committed
 * comes first, each topic once, and the rest joins it; where all could be, topics stand as they were named.
 */
function answer(
  request: Request,
  codes: readonly (readonly (number | null)[])[],
  committed: number | readonly number[],
): Response {
  const refused = new Map<string, TopicAnswer>();
  const done: TopicAnswer[] = [];
  let next = 0;
  for (const [i, { name, topicId, partitions }] of request.topics.entries()) {
    const own: TopicAnswer = { name, topicId, partitions: [] };
    const others: TopicAnswer = { name, topicId, partitions: [] };
    for (const [j, { partitionIndex }] of partitions.entries()) {
      const code = codes[i]![j]!;
      if (code !== null) own.partitions.push({ partitionIndex, errorCode: code });
      else {
        const errorCode = typeof committed === 'number' ? committed : committed[next++]!;
        others.partitions.push({ partitionIndex, errorCode });
      }
    }
    if (own.partitions.length > 0) join(refused, own);
    if (others.partitions.length > 0) done.push(others);
  }
  if (refused.size === 0) return { throttleTimeMs: 0, topics: done };
  for (const topic of done) join(refused, topic);
  return { throttleTimeMs: 0, topics: [...refused.values()] };
}

/** Adds a topic, or its partitions to the topic where that is there already. */
function join(topics: Map<string, TopicAnswer>, topic: TopicAnswer): void {
  const key = `${topic.name} ${topic.topicId}`;
  const known = topics.get(key);
  if (known === undefined) topics.set(key, topic);
  else for (const partition of topic.partitions) known.partitions.push(partition);
}
