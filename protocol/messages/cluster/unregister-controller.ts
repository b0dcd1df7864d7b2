import { defineApi } from '../../schema/api.ts';
import { int16, int32, string } from '../../schema/field.ts';

/** Takes a controller that is gone out of the cluster (KIP-1312). */
export const unregisterController = defineApi({
  key: 94,
  name: 'UnregisterController',
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    controllerId: int32,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});
