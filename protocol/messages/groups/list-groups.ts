import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string } from '../../schema/field.ts';

/**
 * Lists the groups that the broker coordinates. v1 throttle time, v2 throttled after the answer (KIP-219),
 * v3 flexible, v4 states (KIP-518), v5 types (KIP-848).
 */
export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: '0-5',
  flexible: '3+',
  request: {
    statesFilter: array(string).in('4+'),
    typesFilter: array(string).in('5+'),
  },
  response: {
    throttleTimeMs: int32.in('1+').ignorable(),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.in('4+').ignorable(),
      groupType: string.in('5+').ignorable(),
    }),
  },
});
