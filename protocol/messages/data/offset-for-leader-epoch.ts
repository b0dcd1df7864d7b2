import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Finds where a leader epoch ended, so that a client notices a truncation (KIP-320). v3 replica id, v4
 * flexible.
 */
export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: '2-4',
  flexible: '4+',
  request: {
    replicaId: int32.in('3+').default(-2).ignorable(), // -1 a consumer, -2 a tool
    topics: array({
      topic: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.default(-1),
        leaderEpoch: int32,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.default(-1),
        endOffset: int64.default(-1),
      }),
    }),
  },
});
