import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string, uuid } from '../../schema/field.ts';

/**
 * Deletes topics. v1 is the oldest that is left; v2 throttled after the answer (KIP-219), v3
 * TOPIC_DELETION_DISABLED, v4 flexible, v5 error messages and THROTTLING_QUOTA_EXCEEDED (KIP-599), v6 by
 * topic id (KIP-516).
 */
export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: '1-6',
  flexible: '4+',
  listeners: ['broker', 'controller'],
  request: {
    topics: array({
      name: string.nullable().default(null),
      topicId: uuid,
    }).in('6+'),
    topicNames: array(string).in('1-5').ignorable(),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.default(0),
    responses: array({
      name: string.nullable('6+'),
      topicId: uuid.in('6+').ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().in('5+').default(null).ignorable(),
    }),
  },
});
