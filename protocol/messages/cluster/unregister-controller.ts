import { defineApi } from '../../schema/api.ts';
import { int16, int32, string } from '../../schema/field.ts';

/** UnregisterController. */
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
