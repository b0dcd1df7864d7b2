/**
 * A share group (KIP-932) in `__consumer_offsets`, in the same parts as a consumer group; the state of its
 * partitions is kept in `__share_group_state`.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, int8, int32, int64, string, uuid } from '../../../protocol/schema/field.ts';

const topicPartition = {
  topicId: uuid,
  partitions: array(int32),
};

const topicPartitions = {
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
};

/** The key of a member. */
export const shareGroupMemberMetadataKey = defineRecord({
  name: 'ShareGroupMemberMetadataKey',
  type: 10,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const shareGroupMemberMetadataValue = defineRecord({
  name: 'ShareGroupMemberMetadataValue',
  type: 10,
  versions: '0',
  flexible: '0+',
  fields: {
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
  },
});

/** The key of a share group. */
export const shareGroupMetadataKey = defineRecord({
  name: 'ShareGroupMetadataKey',
  type: 11,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const shareGroupMetadataValue = defineRecord({
  name: 'ShareGroupMetadataValue',
  type: 11,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: int32,
    metadataHash: int64,
  },
});

/** The key of the target assignment's epoch. */
export const shareGroupTargetAssignmentMetadataKey = defineRecord({
  name: 'ShareGroupTargetAssignmentMetadataKey',
  type: 12,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const shareGroupTargetAssignmentMetadataValue = defineRecord({
  name: 'ShareGroupTargetAssignmentMetadataValue',
  type: 12,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tag(0), // milliseconds; 0: not known
  },
});

/** The key of a member's target assignment. */
export const shareGroupTargetAssignmentMemberKey = defineRecord({
  name: 'ShareGroupTargetAssignmentMemberKey',
  type: 13,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const shareGroupTargetAssignmentMemberValue = defineRecord({
  name: 'ShareGroupTargetAssignmentMemberValue',
  type: 13,
  versions: '0',
  flexible: '0+',
  fields: {
    topicPartitions: array(topicPartition),
  },
});

/** The key of a member's current assignment. */
export const shareGroupCurrentMemberAssignmentKey = defineRecord({
  name: 'ShareGroupCurrentMemberAssignmentKey',
  type: 14,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const shareGroupCurrentMemberAssignmentValue = defineRecord({
  name: 'ShareGroupCurrentMemberAssignmentValue',
  type: 14,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartition),
  },
});

/** The key of the list of partitions that have share state. */
export const shareGroupStatePartitionMetadataKey = defineRecord({
  name: 'ShareGroupStatePartitionMetadataKey',
  type: 15,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const shareGroupStatePartitionMetadataValue = defineRecord({
  name: 'ShareGroupStatePartitionMetadataValue',
  type: 15,
  versions: '0',
  flexible: '0+',
  fields: {
    initializingTopics: array(topicPartitions),
    initializedTopics: array(topicPartitions),
    deletingTopics: array({
      topicId: uuid,
      topicName: string,
    }),
  },
});
