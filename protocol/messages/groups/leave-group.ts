import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string } from '../../schema/field.ts';

/** LeaveGroup. */
export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: string,
    memberId: string.in('0-2'),
    members: array({
      memberId: string,
      groupInstanceId: string.nullable().default(null),
      reason: string.nullable().in('5+').default(null).ignorable(),
    }).in('3+'),
  },
  response: {
    throttleTimeMs: int32.in('1+').ignorable(),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable(),
      errorCode: int16,
    }).in('3+'),
  },
});
