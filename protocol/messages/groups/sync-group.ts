import { defineApi } from '../../schema/api.ts';
import { array, bytes, int16, int32, string } from '../../schema/field.ts';

/**
 * Hands the leader's assignment to the coordinator, and each member its part. v1 throttle time, v2 throttled
 * after the answer (KIP-219), v3 static members (KIP-345), v4 flexible, v5 protocol type and name to check
 * (KIP-559).
 */
export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().in('3+').default(null),
    protocolType: string.nullable().in('5+').default(null).ignorable(),
    protocolName: string.nullable().in('5+').default(null).ignorable(),
    // from the leader alone
    assignments: array({
      memberId: string,
      assignment: bytes,
    }),
  },
  response: {
    throttleTimeMs: int32.in('1+').ignorable(),
    errorCode: int16,
    protocolType: string.nullable().in('5+').default(null).ignorable(),
    protocolName: string.nullable().in('5+').default(null).ignorable(),
    assignment: bytes, // for consumers a ConsumerProtocolAssignment
  },
});
