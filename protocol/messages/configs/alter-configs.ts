import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, string } from '../../schema/field.ts';

/**
 * Replaces all configurations of a resource; superseded by IncrementalAlterConfigs. v1 throttled after the
 * answer (KIP-219), v2 flexible.
 */
export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: '0-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
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
