import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, string } from '../../schema/field.ts';

/** Sets, deletes, appends to or subtracts from single configurations (KIP-339). v1 flexible. */
export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: '0-1',
  flexible: '1+',
  listeners: ['broker', 'controller'],
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        configOperation: int8, // 0 set, 1 delete, 2 append, 3 subtract
        value: string.nullable(),
      }),
    }),
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    responses: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
    }),
  },
});
