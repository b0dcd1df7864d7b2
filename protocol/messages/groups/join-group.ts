import { defineApi } from '../../schema/api.ts';
import { array, boolean, bytes, int16, int32, string } from '../../schema/field.ts';

/** JoinGroup. */
export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: '0-9',
  flexible: '6+',
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.in('1+').default(-1).ignorable(),
    memberId: string,
    groupInstanceId: string.nullable().in('5+').default(null),
    protocolType: string,
    protocols: array({
      name: string,
      metadata: bytes,
    }),
    reason: string.nullable().in('8+').default(null).ignorable(),
  },
  response: {
    throttleTimeMs: int32.in('2+').ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.nullable().in('7+').default(null).ignorable(),
    protocolName: string.nullable('7+'),
    leader: string,
    skipAssignment: boolean.in('9+'),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().in('5+').default(null).ignorable(),
      metadata: bytes,
    }),
  },
});
