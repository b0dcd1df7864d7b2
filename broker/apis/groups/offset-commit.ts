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

/** `committed`: one code for all that were to be committed, or one for each of them, in order. */
function answer(
  request: Request,
  codes: readonly (readonly (number | null)[])[],
  committed: number | readonly number[],
): Response {
  let next = 0;
  const topics = request.topics.map(({ name, topicId, partitions }, i) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }, j) => {
      const own = codes[i]![j]!;
      const errorCode = own ?? (typeof committed === 'number' ? committed : committed[next++]!);
      return { partitionIndex, errorCode };
    }),
  }));
  return { throttleTimeMs: 0, topics: topics.filter(({ partitions }) => partitions.length > 0) };
}
