import { errors } from '../../../protocol/errors.ts';
import { describeQuorum } from '../../../protocol/messages/cluster/describe-quorum.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { kraftVersionFeature } from '../../metadata/features.ts';
import { clusterMetadataTopic } from '../../metadata/topic-names.ts';
import { defineHandler } from '../handler.ts';

/** From this version on voters are told with their directory, and nodes with their endpoints (KIP-853). */
const directoryVersion = 2;

/** The metadata quorum: one voter, which leads and has everything. */
export const describeQuorumHandler = defineHandler(describeQuorum, {
  versions: '0-2',
  handle({ cluster, metadata, environment }, request, caller) {
    const asked = request.topics.flatMap(({ topicName, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topicName, partitionIndex })),
    );
    const isMetadata = asked.every(
      ({ topicName, partitionIndex }) => topicName === clusterMetadataTopic && partitionIndex === 0,
    );
    if (asked.length !== 1 || !isMetadata) {
      return {
        errorCode: errors.none.code,
        errorMessage: '',
        topics: request.topics.map(({ topicName, partitions }) => ({
          topicName,
          partitions: partitions.map(({ partitionIndex }) => strangePartition(partitionIndex)),
        })),
        nodes: [],
      };
    }
    const now = environment.clock.nowMs();
    const { endOffset } = metadata.quorum();
    const knowsDirectories = caller.apiVersion >= directoryVersion;
    // Raft does not know the directories of its voters before its own version 1.
    const isNamed = knowsDirectories && (cluster.features.levels.get(kraftVersionFeature) ?? 0) > 0;
    const voter = {
      replicaId: cluster.nodeId,
      replicaDirectoryId: isNamed ? cluster.directoryId : zeroUuid,
      logEndOffset: endOffset,
      lastFetchTimestamp: now,
      lastCaughtUpTimestamp: now,
    };
    return {
      errorCode: errors.none.code,
      errorMessage: '',
      topics: [
        {
          topicName: clusterMetadataTopic,
          partitions: [
            {
              partitionIndex: 0,
              errorCode: errors.none.code,
              errorMessage: '',
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
      nodes: knowsDirectories ? [{ nodeId: cluster.nodeId, listeners: [] }] : [],
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
