import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, string } from '../../schema/field.ts';

/**
 * Adds partitions to topics (KIP-195). v1 throttled after the answer (KIP-219), v2 flexible, v3
 * THROTTLING_QUOTA_EXCEEDED (KIP-599).
 */
export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: '0-3',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    topics: array({
      name: string,
      count: int32, // the new total
      // null: the broker chooses
      assignments: array({
        brokerIds: array(int32),
      }).nullable(),
    }),
    timeoutMs: int32,
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      name: string,
      errorCode: int16,
      errorMessage: string.nullable().default(null),
    }),
  },
});
