import { defineApi } from '../../schema/api.ts';
import { boolean, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Gives a producer its id and epoch (KIP-98). v1 throttled after the answer (KIP-219), v2 flexible, v3
 * recovers an epoch (KIP-360), v4 PRODUCER_FENCED (KIP-588), v5 TRANSACTION_ABORTABLE (KIP-890), v6
 * two-phase commit (KIP-939), not stable yet.
 */
export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: '0-6',
  flexible: '2+',
  unstable: 6,
  advertised: '0-5',
  request: {
    transactionalId: string.nullable(), // null: idempotent alone
    transactionTimeoutMs: int32,
    producerId: int64.in('3+').default(-1),
    producerEpoch: int16.in('3+').default(-1), // -1: a new producer
    enable2Pc: boolean.in('6+'),
    keepPreparedTxn: boolean.in('6+'),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    producerId: int64.default(-1),
    producerEpoch: int16,
    ongoingTxnProducerId: int64.in('6+').default(-1),
    ongoingTxnProducerEpoch: int16.in('6+').default(-1),
  },
});
