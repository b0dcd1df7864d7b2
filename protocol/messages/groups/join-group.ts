import { defineApi } from '../../schema/api.ts';
import { array, boolean, bytes, int16, int32, string } from '../../schema/field.ts';

/**
 * Joins a classic group, and waits until the rebalance is over.
 * v1 rebalance time-out of its own, v2 throttle time, v3 throttled after the answer (KIP-219), v4 a first
 * join without member id gets one and MEMBER_ID_REQUIRED (KIP-394), v5 static members (KIP-345), v6
 * flexible, v7 protocol type in the answer (KIP-559), v8 reason (KIP-800), v9 the leader may be told to keep
 * the assignment (KIP-814).
 */
export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: '0-9',
  flexible: '6+',
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.in('1+').default(-1).ignorable(),
    memberId: string, // empty: not a member yet
    groupInstanceId: string.nullable().in('5+').default(null),
    protocolType: string,
    protocols: array({
      name: string,
      metadata: bytes, // for consumers a ConsumerProtocolSubscription
    }),
    reason: string.nullable().in('8+').default(null).ignorable(),
  },
  response: {
    throttleTimeMs: int32.in('2+').ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.nullable().in('7+').default(null).ignorable(),
    protocolName: string.nullable('7+'), // what all members support; null where the join failed
    leader: string,
    skipAssignment: boolean.in('9+'),
    memberId: string,
    // for the leader alone
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().in('5+').default(null).ignorable(),
      metadata: bytes,
    }),
  },
});
