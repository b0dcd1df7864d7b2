import { ApiError, errors } from '../../../protocol/errors.ts';
import { describeTopicPartitions } from '../../../protocol/messages/topics/describe-topic-partitions.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import type { ClusterState, TopicState } from '../../metadata/cluster-state.ts';
import { isInternalTopic, topicNameProblem } from '../../metadata/topic-names.ts';
import { allOperations, notAsked } from '../authorized-operations.ts';
import { defineHandler } from '../handler.ts';

type Request = RequestOf<typeof describeTopicPartitions>;
type TopicAnswer = NonNullable<ResponseInit<typeof describeTopicPartitions>['topics']>[number];

/** Topics page by page, in order of their names (KIP-966). */
export const describeTopicPartitionsHandler = defineHandler(describeTopicPartitions, {
  versions: '0',
  handle({ cluster, settings }, request) {
    const names = namesFrom(cluster, request);
    const limit = Math.max(
      1,
      Math.min(settings['max.request.partition.size.limit'], request.responsePartitionLimit),
    );
    const topics: TopicAnswer[] = [];
    let left = limit;
    for (const name of names) {
      if (left === 0)
        return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: 0 } };
      const topic = cluster.topic(name);
      if (topic === undefined) {
        if (request.topics.length > 0) topics.push(unknownTopic(name));
        continue;
      }
      const first = request.cursor?.topicName === name ? request.cursor.partitionIndex : 0;
      const page = describe(topic, first, left);
      topics.push(page);
      left -= page.partitions.length;
      const next = first + page.partitions.length;
      if (next < topic.partitions.length) {
        return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: next } };
      }
    }
    return { throttleTimeMs: 0, topics, nextCursor: null };
  },
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name }) => ({
      ...unknownTopic(name),
      errorCode,
      topicAuthorizedOperations: notAsked,
    })),
    nextCursor: null,
  }),
});

/** The names asked for (all when none is), from the cursor's topic on. */
function namesFrom(cluster: ClusterState, request: Request): string[] {
  const { cursor } = request;
  const asked =
    request.topics.length === 0
      ? [...cluster.topics()].map(({ name }) => name)
      : request.topics.map(({ name }) => name);
  const names = [...new Set(asked)].filter((name) => cursor === null || name >= cursor.topicName).sort();
  if (cursor === null) return names;
  if (cursor.partitionIndex < 0) throw new ApiError(errors.invalidRequest, 'the cursor names no partition');
  if (request.topics.length > 0 && !names.includes(cursor.topicName)) {
    throw new ApiError(errors.invalidRequest, `the topics do not contain the cursor's ${cursor.topicName}`);
  }
  return names;
}

function describe(topic: TopicState, first: number, limit: number) {
  return {
    errorCode: errors.none.code,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.slice(first, first + limit).map((partition) => ({
      errorCode: partition.leader < 0 ? errors.leaderNotAvailable.code : errors.none.code,
      partitionIndex: partition.index,
      leaderId: partition.leader,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: partition.replicas,
      isrNodes: partition.isr,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: allOperations.topic,
  };
}

function unknownTopic(name: string): TopicAnswer {
  return {
    errorCode:
      topicNameProblem(name) === null
        ? errors.unknownTopicOrPartition.code
        : errors.invalidTopicException.code,
    name,
    topicId: zeroUuid,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: allOperations.topic,
  };
}
