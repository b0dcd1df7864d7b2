import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, string, struct, uuid } from '../../schema/field.ts';

const cursor = {
  topicName: string,
  partitionIndex: int32,
};

/** Describes topics a page of partitions at a time, with eligible leader replicas (KIP-966). */
export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: '0',
  flexible: '0+',
  request: {
    topics: array({
      name: string,
    }),
    responsePartitionLimit: int32.default(2000),
    cursor: struct(cursor).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      errorCode: int16,
      name: string.nullable(),
      topicId: uuid,
      isInternal: boolean,
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.default(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        eligibleLeaderReplicas: array(int32).nullable().default(null),
        lastKnownElr: array(int32).nullable().default(null),
        offlineReplicas: array(int32),
      }),
      topicAuthorizedOperations: int32.default(-0x80000000),
    }),
    nextCursor: struct(cursor).nullable().default(null),
  },
});
