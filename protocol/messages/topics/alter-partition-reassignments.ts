import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, string } from '../../schema/field.ts';

/**
 * Begins or cancels the move of partitions to other brokers (KIP-455). v1 may keep the replication factor
 * from changing (KIP-860).
 */
export const alterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    timeoutMs: int32.default(60000),
    allowReplicationFactorChange: boolean.in('1+').default(true),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32).nullable().default(null), // null: cancel
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    allowReplicationFactorChange: boolean.in('1+').default(true).ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    }),
  },
});
