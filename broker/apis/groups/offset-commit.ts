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
const none = errors.none.code;

/** Commits offsets of a group: those of partitions that exist, whatever becomes of the others. */
export const offsetCommitHandler = defineHandler(offsetCommit, {
  versions: '2-10',
  handle(services, request, caller) {
    const byTopicId = caller.apiVersion >= topicIdVersion;
    const nowMs = services.environment.clock.nowMs();
    const offsets: OffsetToCommit[] = [];
    /** The code of each partition, in order; -1: to be committed. */
    const codes = request.topics.map((asked) => {
      const topic = byTopicId
        ? services.cluster.topicById(asked.topicId)
        : services.cluster.topic(asked.name);
      return asked.partitions.map((partition) => {
        const code = partitionError(services, topic, byTopicId, partition);
        if (code === none) offsets.push(offsetOf(request, topic!, partition, nowMs));
        return code;
      });
    });
    const committed = offsets.length === 0 ? none : commit(services, request, caller, offsets);
    return committed instanceof Promise
      ? committed.then((code) => answer(request, codes, code))
      : answer(request, codes, committed);
  },
  refuse: (request, errorCode) =>
    answer(
      request,
      request.topics.map(({ partitions }) => partitions.map(() => none)),
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
  );
}

function partitionError(
  { settings }: Services,
  topic: TopicState | undefined,
  byTopicId: boolean,
  partition: AskedTopic['partitions'][number],
): number {
  if (topic === undefined)
    return byTopicId ? errors.unknownTopicId.code : errors.unknownTopicOrPartition.code;
  if (topic.partitions[partition.partitionIndex] === undefined) return errors.unknownTopicOrPartition.code;
  const metadataLength = partition.committedMetadata?.length ?? 0;
  return metadataLength > settings['offset.metadata.max.bytes'] ? errors.offsetMetadataTooLarge.code : none;
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

/** A partition without an error of its own gets the code of the commit. */
function answer(request: Request, codes: readonly (readonly number[])[], committed: number): Response {
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, topicId, partitions }, i) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }, j) => {
        const own = codes[i]![j]!;
        return { partitionIndex, errorCode: own === none ? committed : own };
      }),
    })),
  };
}
