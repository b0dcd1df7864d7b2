import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, string, struct, uuid } from '../../schema/field.ts';

/** Describes share groups (KIP-932). v0 was an early access and is gone. */
export const shareGroupDescribe = defineApi({
  key: 77,
  name: 'ShareGroupDescribe',
  versions: '1',
  flexible: '1+',
  request: {
    groupIds: array(string),
    includeAuthorizedOperations: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        rackId: string.nullable().default(null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        assignment: struct({
          topicPartitions: array({
            topicId: uuid,
            topicName: string,
            partitions: array(int32),
          }),
        }),
      }),
      authorizedOperations: int32.default(-0x80000000),
    }),
  },
});
