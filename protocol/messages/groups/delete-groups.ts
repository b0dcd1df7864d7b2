import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string } from '../../schema/field.ts';

/**
 * Deletes empty groups (KIP-229). v1 throttled after the answer (KIP-219), v2 flexible, v3 error messages
 * (KIP-1331).
 */
export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: '0-3',
  flexible: '2+',
  request: {
    groupsNames: array(string),
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      groupId: string,
      errorCode: int16,
      errorMessage: string.nullable().in('3+').default(null).ignorable(),
    }),
  },
});
