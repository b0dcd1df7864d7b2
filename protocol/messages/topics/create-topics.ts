import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, string, uuid } from '../../schema/field.ts';

/** CreateTopics. */
export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: '2-7',
  flexible: '5+',
  listeners: ['broker', 'controller'],
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
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
