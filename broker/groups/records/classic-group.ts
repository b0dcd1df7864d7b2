/**
 * A classic group in `__consumer_offsets`: one record holds the generation with all its members, rewritten
 * after every rebalance and deleted by a tombstone when the group is gone.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, bytes, int32, int64, string } from '../../../protocol/schema/field.ts';

/** The key of a classic group. */
export const groupMetadataKey = defineRecord({
  name: 'GroupMetadataKey',
  type: 2,
  versions: '0',
  flexible: 'none',
  fields: {
    group: string,
  },
});

/**
 * A classic group's generation. v1 rebalance time-out, v2 time of the last state change, v3 static members
 * (KIP-345), v4 flexible.
 */
export const groupMetadataValue = defineRecord({
  name: 'GroupMetadataValue',
  type: 2,
  versions: '0-4',
  flexible: '4+',
  fields: {
    protocolType: string,
    generation: int32,
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64.in('2+').default(-1).ignorable(),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().in('3+').default(null).ignorable(),
      clientId: string,
      clientHost: string,
      rebalanceTimeout: int32.in('1+').default(-1).ignorable(),
      sessionTimeout: int32,
      subscription: bytes,
      assignment: bytes,
    }),
  },
});
