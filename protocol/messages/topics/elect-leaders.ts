import { defineApi } from '../../schema/api.ts';
import { array, int8, int16, int32, string } from '../../schema/field.ts';

/** Elects the preferred, or any live, replica as leader. v1 unclean elections (KIP-460), v2 flexible. */
export const electLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: '0-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    electionType: int8.in('1+'), // 0 preferred, 1 unclean
    // null: all
    topicPartitions: array({
      topic: string,
      partitions: array(int32),
    }).nullable(),
    timeoutMs: int32.default(60000),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.in('1+'),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({
        partitionId: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    }),
  },
});
