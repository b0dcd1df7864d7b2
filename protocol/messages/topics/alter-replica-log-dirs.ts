import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string } from '../../schema/field.ts';

/**
 * Moves replicas to another log directory of the same broker (KIP-113). v1 throttled after the answer
 * (KIP-219), v2 flexible.
 */
export const alterReplicaLogDirs = defineApi({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: '1-2',
  flexible: '2+',
  request: {
    dirs: array({
      path: string,
      topics: array({
        name: string,
        partitions: array(int32),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
