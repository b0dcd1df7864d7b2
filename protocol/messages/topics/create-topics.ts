import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, string, uuid } from '../../schema/field.ts';

/**
 * Creates topics. v2 is the oldest that is left; v3 throttled after the answer (KIP-219), v4 -1 for the
 * broker's default partitions and replication factor (KIP-464), v5 flexible, configs in the answer
 * (KIP-525), v6 THROTTLING_QUOTA_EXCEEDED (KIP-599), v7 topic ids in answers (KIP-516).
 */
export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: '2-7',
  flexible: '5+',
  listeners: ['broker', 'controller'],
  request: {
    topics: array({
      name: string,
      numPartitions: int32, // -1: the broker's default, or given by `assignments`
      replicationFactor: int16, // -1: the broker's default, or given by `assignments`
      assignments: array({
        partitionIndex: int32,
        brokerIds: array(int32),
      }),
      configs: array({
        name: string,
        value: string.nullable(),
      }),
    }),
    timeoutMs: int32.default(60000),
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string,
      topicId: uuid.in('7+').ignorable(),
      errorCode: int16,
      errorMessage: string.nullable(),
      topicConfigErrorCode: int16.tag(0, '5+').ignorable(),
      numPartitions: int32.in('5+').default(-1).ignorable(),
      replicationFactor: int16.in('5+').default(-1).ignorable(),
      // null when the caller may not see them
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: boolean,
        configSource: int8.default(-1),
        isSensitive: boolean,
      })
        .nullable()
        .in('5+')
        .ignorable(),
    }),
  },
});
