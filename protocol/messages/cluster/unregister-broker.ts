import { defineApi } from '../../schema/api.ts';
import { int16, int32, string } from '../../schema/field.ts';

/** Takes a broker that is gone out of the cluster (KIP-500). */
export const unregisterBroker = defineApi({
  key: 64,
  name: 'UnregisterBroker',
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    brokerId: int32,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});
