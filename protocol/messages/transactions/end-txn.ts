import { defineApi } from '../../schema/api.ts';
import { boolean, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Commits or aborts a transaction (KIP-98). v1 throttled after the answer (KIP-219), v2 PRODUCER_FENCED
 * (KIP-588), v3 flexible, v4 TRANSACTION_ABORTABLE (KIP-890), v5 every end gives a new epoch (KIP-890).
 */
export const endTxn = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: boolean, // false: abort
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    producerId: int64.in('5+').default(-1).ignorable(),
    producerEpoch: int16.in('5+').default(-1).ignorable(),
  },
});
