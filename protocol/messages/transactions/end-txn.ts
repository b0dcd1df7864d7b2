import { defineApi } from '../../schema/api.ts';
import { boolean, int16, int32, int64, string } from '../../schema/field.ts';

/** EndTxn. */
export const endTxn = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    producerId: int64.in('5+').default(-1).ignorable(),
    producerEpoch: int16.in('5+').default(-1).ignorable(),
  },
});
