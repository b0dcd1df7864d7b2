import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string, struct, uuid } from '../../schema/field.ts';

const topicPartitions = {
  topicId: uuid,
  partitions: array(int32),
};

/**
 * Joins, keeps and leaves a consumer group (KIP-848). A null field means that nothing changed. v1 regular
 * expressions, and member ids made by the client (KIP-1082).
 */
export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32, // 0 joins, -1 leaves, -2 a static member leaves for a while
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    subscribedTopicNames: array(string).nullable().default(null),
    subscribedTopicRegex: string.nullable().in('1+').default(null),
    serverAssignor: string.nullable().default(null),
    topicPartitions: array(topicPartitions).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({
      topicPartitions: array(topicPartitions),
    })
      .nullable()
      .default(null),
  },
});
