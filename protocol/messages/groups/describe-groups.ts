import { defineApi } from '../../schema/api.ts';
import { array, boolean, bytes, int16, int32, string } from '../../schema/field.ts';

/**
 * Describes classic groups. v1 throttle time, v2 throttled after the answer (KIP-219), v3 authorized
 * operations (KIP-430), v4 static members (KIP-345), v5 flexible, v6 GROUP_ID_NOT_FOUND for a group that
 * does not exist (KIP-1043).
 */
export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: '0-6',
  flexible: '5+',
  request: {
    groups: array(string),
    includeAuthorizedOperations: boolean.in('3+'),
  },
  response: {
    throttleTimeMs: int32.in('1+').ignorable(),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().in('6+').default(null),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.nullable().in('4+').default(null).ignorable(),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.in('3+').default(-0x80000000),
    }),
  },
});
