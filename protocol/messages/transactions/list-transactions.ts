import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, string } from '../../schema/field.ts';

/**
 * Lists the transactional ids that the broker coordinates (KIP-664). v1 only those that run for some time
 * (KIP-994), v2 only ids that match a pattern (KIP-1152).
 */
export const listTransactions = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: '0-2',
  flexible: '0+',
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: int64.in('1+').default(-1), // at least this many milliseconds; negative: any
    transactionalIdPattern: string.nullable().in('2+').default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array({
      transactionalId: string,
      producerId: int64,
      transactionState: string,
    }),
  },
});
