import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string } from '../../schema/field.ts';

/**
 * Takes members out of a classic group. v1 throttle time, v2 throttled after the answer (KIP-219), v3 many
 * members, static ones among them (KIP-345), v4 flexible, v5 reason (KIP-800).
 */
export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: string,
    memberId: string.in('0-2'),
    members: array({
      memberId: string, // may be empty for a static member
      groupInstanceId: string.nullable().default(null),
      reason: string.nullable().in('5+').default(null).ignorable(),
    }).in('3+'),
  },
  response: {
    throttleTimeMs: int32.in('1+').ignorable(),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      errorCode: int16,
    }).in('3+'),
  },
});
