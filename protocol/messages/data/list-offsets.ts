import { defineApi } from '../../schema/api.ts';
import { array, int8, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Finds offsets by timestamp: -1 the end, -2 the start, -3 the greatest timestamp, -4 the start on local
 * disk, -5 the last offset in tiered storage, -6 the first offset still to be uploaded there, else the first
 * record that is not older.
 * v2 isolation level, v3 throttled after the answer (KIP-219), v4 leader epochs (KIP-320), v5 as v4, v6
 * flexible, v7 -3 (KIP-734), v8 -4 (KIP-405), v9 -5 (KIP-1005), v10 time-out (KIP-1075), v11 -6 (KIP-1023).
 */
export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: '1-11',
  flexible: '6+',
  request: {
    replicaId: int32, // -1: a consumer
    isolationLevel: int8.in('2+'), // 0 read uncommitted, 1 read committed
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.in('4+').default(-1).ignorable(), // -1: not checked
        timestamp: int64,
      }),
    }),
    timeoutMs: int32.in('10+').ignorable(),
  },
  response: {
    throttleTimeMs: int32.in('2+').ignorable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: int64.default(-1),
        offset: int64.default(-1),
        leaderEpoch: int32.in('4+').default(-1),
      }),
    }),
  },
});
