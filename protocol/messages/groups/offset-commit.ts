import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, string, uuid } from '../../schema/field.ts';

/**
 * Commits offsets of a group. v2 is the oldest that is left; v3 throttle time, v4 throttled after the answer
 * (KIP-219), v5 no retention of its own (KIP-211), v6 leader epochs (KIP-320), v7 static members (KIP-345),
 * v8 flexible, v9 member epochs of consumer groups (KIP-848), v10 topic ids.
 */
export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: '2-10',
  flexible: '8+',
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.default(-1), // -1: from outside the group
    memberId: string,
    groupInstanceId: string.nullable().in('7+').default(null),
    retentionTimeMs: int64.in('2-4').default(-1).ignorable(), // -1: as long as the group keeps offsets
    topics: array({
      name: string.in('2-9').ignorable(),
      topicId: uuid.in('10+').ignorable(),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.in('6+').default(-1).ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.in('3+').ignorable(),
    topics: array({
      name: string.in('2-9').ignorable(),
      topicId: uuid.in('10+').ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
