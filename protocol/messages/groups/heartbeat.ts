import { defineApi } from '../../schema/api.ts';
import { int16, int32, string } from '../../schema/field.ts';

/**
 * Keeps a classic group member alive. v1 throttle time, v2 throttled after the answer (KIP-219), v3 static
 * members (KIP-345), v4 flexible.
 */
export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: '0-4',
  flexible: '4+',
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().in('3+').default(null),
  },
  response: {
    throttleTimeMs: int32.in('1+').ignorable(),
    errorCode: int16,
  },
});
