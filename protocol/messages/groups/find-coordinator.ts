import { defineApi } from '../../schema/api.ts';
import { array, int8, int16, int32, string } from '../../schema/field.ts';

/**
 * Tells which broker coordinates a group (key type 0), a transactional id (1) or a share partition (2). v1
 * key types and error messages, v2 throttled after the answer (KIP-219), v3 flexible, v4 many keys at once
 * (KIP-699), v5 TRANSACTION_ABORTABLE (KIP-890), v6 share partitions (KIP-932).
 */
export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: '0-6',
  flexible: '3+',
  request: {
    key: string.in('0-3'),
    keyType: int8.in('1+'), // 0 group, 1 transactional id, 2 share partition
    coordinatorKeys: array(string).in('4+'),
  },
  response: {
    throttleTimeMs: int32.in('1+').ignorable(),
    errorCode: int16.in('0-3'),
    errorMessage: string.nullable().in('1-3').ignorable(),
    nodeId: int32.in('0-3'),
    host: string.in('0-3'),
    port: int32.in('0-3'),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: string.nullable(),
    }).in('4+'),
  },
});
