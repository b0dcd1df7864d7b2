/**
 * Topics and their partitions in the metadata log. A topic is a TopicRecord and a PartitionRecord per
 * partition; what changes later about a partition is a PartitionChangeRecord.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, int8, int32, string, uuid } from '../../../protocol/schema/field.ts';

/** A topic was created. */
export const topicRecord = defineRecord({
  name: 'TopicRecord',
  type: 2,
  versions: '0',
  flexible: '0+',
  fields: {
    name: string,
    topicId: uuid,
  },
});

/** A topic was deleted, with its partitions and configurations. */
export const removeTopicRecord = defineRecord({
  name: 'RemoveTopicRecord',
  type: 9,
  versions: '0',
  flexible: '0+',
  fields: {
    topicId: uuid,
  },
});

/** A partition as it was created. v1 log directories (KIP-858), v2 eligible leader replicas (KIP-966). */
export const partitionRecord = defineRecord({
  name: 'PartitionRecord',
  type: 3,
  versions: '0-2',
  flexible: '0+',
  fields: {
    partitionId: int32.default(-1),
    topicId: uuid,
    replicas: array(int32),
    isr: array(int32),
    removingReplicas: array(int32),
    addingReplicas: array(int32),
    leader: int32.default(-1),
    leaderRecoveryState: int8.tag(0), // 0 recovered, 1 recovering from an unclean election
    leaderEpoch: int32.default(-1),
    partitionEpoch: int32.default(-1),
    directories: array(uuid).in('1+'), // one for each of `replicas`
    eligibleLeaderReplicas: array(int32).nullable().tag(1, '2+').default(null),
    lastKnownElr: array(int32).nullable().tag(2, '2+').default(null),
  },
});

/**
 * What changed about a partition: an absent tag means no change. v1 log directories (KIP-858), v2 eligible
 * leader replicas (KIP-966).
 */
export const partitionChangeRecord = defineRecord({
  name: 'PartitionChangeRecord',
  type: 5,
  versions: '0-2',
  flexible: '0+',
  fields: {
    partitionId: int32.default(-1),
    topicId: uuid,
    isr: array(int32).nullable().tag(0).default(null),
    leader: int32.tag(1).default(-2), // -2: no change, -1: none
    replicas: array(int32).nullable().tag(2).default(null),
    removingReplicas: array(int32).nullable().tag(3).default(null),
    addingReplicas: array(int32).nullable().tag(4).default(null),
    leaderRecoveryState: int8.tag(5).default(-1), // -1: no change
    directories: array(uuid).nullable().tag(8, '1+').default(null),
    eligibleLeaderReplicas: array(int32).nullable().tag(6, '2+').default(null),
    lastKnownElr: array(int32).nullable().tag(7, '2+').default(null),
  },
});

/**
 * The eligible leader replicas of a topic, or of all topics if the name is empty, are forgotten (KIP-966).
 */
export const clearElrRecord = defineRecord({
  name: 'ClearElrRecord',
  type: 28,
  versions: '0',
  flexible: '0+',
  fields: {
    topicName: string,
  },
});
