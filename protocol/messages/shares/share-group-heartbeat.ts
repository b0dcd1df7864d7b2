import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string, struct, uuid } from '../../schema/field.ts';

/** Joins, keeps and leaves a share group (KIP-932). v0 was an early access and is gone. */
export const shareGroupHeartbeat = defineApi({
  key: 76,
  name: 'ShareGroupHeartbeat',
  versions: '1',
  flexible: '1+',
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32, // 0 joins, -1 leaves
    rackId: string.nullable().default(null),
    subscribedTopicNames: array(string).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({
      topicPartitions: array({
        topicId: uuid,
        partitions: array(int32),
      }),
    })
      .nullable()
      .default(null),
  },
});
