import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string, uuid } from '../../schema/field.ts';

/**
 * Tells committed offsets. v1 is the oldest that is left; v2 null for all topics, v3 throttle time, v4
 * throttled after the answer (KIP-219), v5 leader epochs (KIP-320), v6 flexible, v7 can refuse offsets of
 * open transactions (KIP-447), v8 many groups (KIP-709), v9 member epochs of consumer groups (KIP-848), v10
 * topic ids.
 */
export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: '1-10',
  flexible: '6+',
  request: {
    groupId: string.in('1-7'),
    // null: all
    topics: array({
      name: string,
      partitionIndexes: array(int32),
    })
      .nullable('2-7')
      .in('1-7'),
    groups: array({
      groupId: string,
      memberId: string.nullable().in('9+').default(null).ignorable(),
      memberEpoch: int32.in('9+').default(-1).ignorable(),
      // null: all
      topics: array({
        name: string.in('8-9').ignorable(),
        topicId: uuid.in('10+').ignorable(),
        partitionIndexes: array(int32),
      }).nullable(),
    }).in('8+'),
    requireStable: boolean.in('7+'),
  },
  response: {
    throttleTimeMs: int32.in('3+').ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64, // -1: none
        committedLeaderEpoch: int32.in('5-7').default(-1).ignorable(),
        metadata: string.nullable(),
        errorCode: int16,
      }),
    }).in('1-7'),
    errorCode: int16.in('2-7').ignorable(),
    groups: array({
      groupId: string,
      topics: array({
        name: string.in('8-9').ignorable(),
        topicId: uuid.in('10+').ignorable(),
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64, // -1: none
          committedLeaderEpoch: int32.default(-1),
          metadata: string.nullable(),
          errorCode: int16,
        }),
      }),
      errorCode: int16,
    }).in('8+'),
  },
});
