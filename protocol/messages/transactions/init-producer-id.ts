import { defineApi } from '../../schema/api.ts';
import { boolean, int16, int32, int64, string } from '../../schema/field.ts';

/** InitProducerId. */
export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: '0-6',
  flexible: '2+',
  unstable: 6,
  advertised: '0-5',
  request: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.in('3+').default(-1),
    producerEpoch: int16.in('3+').default(-1),
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
