import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, string, uint16, uuid } from '../../schema/field.ts';

/** Adds a voter to a KRaft quorum (KIP-853). v1 may answer before the change is committed (KIP-1186). */
export const addRaftVoter = defineApi({
  key: 80,
  name: 'AddRaftVoter',
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    clusterId: string.nullable(),
    timeoutMs: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array({
      name: string,
      host: string,
      port: uint16,
    }),
    ackWhenCommitted: boolean.in('1+').default(true),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});
