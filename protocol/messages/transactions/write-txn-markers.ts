import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Has a partition's leader write transaction markers; sent by transaction coordinators. v1 is the oldest
 * that is left; v2 the transaction version, which decides how epochs are checked (KIP-1228).
 */
export const writeTxnMarkers = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: '1-2',
  flexible: '1+',
  request: {
    markers: array({
      producerId: int64,
      producerEpoch: int16,
      transactionResult: boolean, // true: committed
      topics: array({
        name: string,
        partitionIndexes: array(int32),
      }),
      coordinatorEpoch: int32,
      transactionVersion: int8.in('2+').ignorable(),
    }),
  },
  response: {
    markers: array({
      producerId: int64,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          errorCode: int16,
        }),
      }),
    }),
  },
});
