import { defineApi } from '../../schema/api.ts';
import { array, int8, int16, int32, int64, uuid } from '../../schema/field.ts';

/**
 * A partition's leader tells the controller its in-sync replicas (KIP-497). v2 is the oldest that is left,
 * with topic ids; v3 broker epochs (KIP-903).
 */
export const alterPartition = defineApi({
  key: 56,
  name: 'AlterPartition',
  versions: '2-3',
  flexible: '2+',
  listeners: ['controller'],
  request: {
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        leaderEpoch: int32,
        newIsr: array(int32).in('2'),
        newIsrWithEpochs: array({
          brokerId: int32,
          brokerEpoch: int64.default(-1),
        }).in('3+'),
        leaderRecoveryState: int8,
        partitionEpoch: int32,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        leaderId: int32,
        leaderEpoch: int32,
        isr: array(int32),
        leaderRecoveryState: int8,
        partitionEpoch: int32,
      }),
    }),
  },
});
