import { errors } from '../../../protocol/errors.ts';
import { describeQuorum } from '../../../protocol/messages/cluster/describe-quorum.ts';
import { clusterMetadataTopic } from '../../metadata/topic-names.ts';
import { defineHandler } from '../handler.ts';

/** The metadata quorum: one voter, which leads and has everything. */
export const describeQuorumHandler = defineHandler(describeQuorum, {
  versions: '0-2',
  handle({ cluster, metadata, environment }, request) {
    const asked = request.topics.flatMap(({ topicName, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topicName, partitionIndex })),
    );
    const isMetadata = asked.every(
      ({ topicName, partitionIndex }) => topicName === clusterMetadataTopic && partitionIndex === 0,
    );
    if (asked.length !== 1 || !isMetadata) {
      return {
        errorCode: errors.none.code,
        errorMessage: null,
        topics: request.topics.map(({ topicName, partitions }) => ({
          topicName,
          partitions: partitions.map(({ partitionIndex }) => strangePartition(partitionIndex)),
        })),
        nodes: [],
      };
    }
    const now = environment.clock.nowMs();
    const { endOffset } = metadata.quorum();
    const voter = {
      replicaId: cluster.nodeId,
      replicaDirectoryId: cluster.directoryId,
      logEndOffset: endOffset,
      lastFetchTimestamp: now,
      lastCaughtUpTimestamp: now,
    };
    return {
      errorCode: errors.none.code,
      errorMessage: null,
      topics: [
        {
          topicName: clusterMetadataTopic,
          partitions: [
            {
              partitionIndex: 0,
              errorCode: errors.none.code,
              errorMessage: null,
              leaderId: cluster.nodeId,
              leaderEpoch: cluster.epoch,
              highWatermark: endOffset,
              currentVoters: [voter],
              observers: [],
            },
          ],
        },
      ],
      // No listener for other controllers is opened.
      nodes: [{ nodeId: cluster.nodeId, listeners: [] }],
    };
  },
  refuse: (_request, errorCode, errorMessage) => ({ errorCode, errorMessage, topics: [], nodes: [] }),
});

function strangePartition(partitionIndex: number) {
  return {
    partitionIndex,
    errorCode: errors.unknownTopicOrPartition.code,
    errorMessage: errors.unknownTopicOrPartition.message,
    leaderId: 0,
    leaderEpoch: 0,
    highWatermark: 0,
    currentVoters: [],
    observers: [],
  };
}
