/** SCRAM credentials in the metadata log (KIP-900). */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { bytes, int8, int32, string } from '../../../protocol/schema/field.ts';

/** A SCRAM credential of a user was set. */
export const userScramCredentialRecord = defineRecord({
  name: 'UserScramCredentialRecord',
  type: 11,
  versions: '0',
  flexible: '0+',
  fields: {
    name: string,
    mechanism: int8,
    salt: bytes,
    storedKey: bytes,
    serverKey: bytes,
    iterations: int32,
  },
});

/** A SCRAM credential of a user was removed. */
export const removeUserScramCredentialRecord = defineRecord({
  name: 'RemoveUserScramCredentialRecord',
  type: 22,
  versions: '0',
  flexible: '0+',
  fields: {
    name: string,
    mechanism: int8,
  },
});
