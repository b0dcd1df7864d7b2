/**
 * A consumer group (KIP-848) in `__consumer_offsets`: the group's epoch, each member, the target assignment
 * and what each member currently owns are records of their own, so that a heartbeat writes only what it
 * changed. A tombstone deletes the part whose key it carries.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, bytes, int8, int32, int64, string, struct, uuid } from '../../../protocol/schema/field.ts';

const topicPartitions = {
  topicId: uuid,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tag(0),
};

/** The key of a consumer group. */
export const consumerGroupMetadataKey = defineRecord({
  name: 'ConsumerGroupMetadataKey',
  type: 3,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

/** A consumer group: its epoch grows with every change of members, subscriptions or topics. */
export const consumerGroupMetadataValue = defineRecord({
  name: 'ConsumerGroupMetadataValue',
  type: 3,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: int32,
    metadataHash: int64.tag(0), // of the subscribed topics and their partitions (KIP-1101)
  },
});

/**
 * The key of what a group knew of its topics; brokers since 4.1 write tombstones only and keep a hash
 * instead (KIP-1101).
 */
export const consumerGroupPartitionMetadataKey = defineRecord({
  name: 'ConsumerGroupPartitionMetadataKey',
  type: 4,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const consumerGroupPartitionMetadataValue = defineRecord({
  name: 'ConsumerGroupPartitionMetadataValue',
  type: 4,
  versions: '0',
  flexible: '0+',
  fields: {
    topics: array({
      topicId: uuid,
      topicName: string,
      numPartitions: int32,
      partitionMetadata: array({
        partition: int32,
        racks: array(string),
      }),
    }),
  },
});

/** The key of a member. */
export const consumerGroupMemberMetadataKey = defineRecord({
  name: 'ConsumerGroupMemberMetadataKey',
  type: 5,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

/** What a member said about itself. */
export const consumerGroupMemberMetadataValue = defineRecord({
  name: 'ConsumerGroupMemberMetadataValue',
  type: 5,
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
    subscribedTopicRegex: string.nullable(),
    rebalanceTimeoutMs: int32.default(-1),
    serverAssignor: string.nullable(),
    classicMemberMetadata: struct({
      // null unless the member joined by the classic protocol
      sessionTimeoutMs: int32,
      supportedProtocols: array({
        name: string,
        metadata: bytes,
      }),
    })
      .nullable()
      .tag(0),
  },
});

/** The key of the target assignment's epoch. */
export const consumerGroupTargetAssignmentMetadataKey = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  type: 6,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

/** The group epoch that the target assignment was computed for. */
export const consumerGroupTargetAssignmentMetadataValue = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  type: 6,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tag(0), // milliseconds; 0: not known
  },
});

/** The key of a member's target assignment. */
export const consumerGroupTargetAssignmentMemberKey = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  type: 7,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

/** What a member is to own. */
export const consumerGroupTargetAssignmentMemberValue = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  type: 7,
  versions: '0',
  flexible: '0+',
  fields: {
    topicPartitions: array({
      topicId: uuid,
      partitions: array(int32),
    }),
  },
});

/** The key of a member's current assignment. */
export const consumerGroupCurrentMemberAssignmentKey = defineRecord({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  type: 8,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

/** What a member owns now, and what it has been asked to give up. */
export const consumerGroupCurrentMemberAssignmentValue = defineRecord({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  type: 8,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
});

/** The key of a resolved regular expression. */
export const consumerGroupRegularExpressionKey = defineRecord({
  name: 'ConsumerGroupRegularExpressionKey',
  type: 16,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    regularExpression: string,
  },
});

/** The topics that a regular expression of the group matched. */
export const consumerGroupRegularExpressionValue = defineRecord({
  name: 'ConsumerGroupRegularExpressionValue',
  type: 16,
  versions: '0',
  flexible: '0+',
  fields: {
    topics: array(string),
    version: int64, // offset of the metadata log that the topics are from
    timestamp: int64, // milliseconds
  },
});
