import { defineApi } from '../../schema/api.ts';
import { array, int8, int16, int32, int64, string } from '../../schema/field.ts';

/** ListOffsets. */
export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: '1-11',
  flexible: '6+',
  request: {
    replicaId: int32,
    isolationLevel: int8.in('2+'),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.in('4+').default(-1).ignorable(),
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
