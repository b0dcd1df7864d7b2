/** SCRAM credentials (KIP-554). */
import { defineApi } from '../../schema/api.ts';
import { array, bytes, int8, int16, int32, string } from '../../schema/field.ts';

/** Lists mechanisms and iteration counts of users; null for all users. */
export const describeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    users: array({
      name: string,
    }).nullable(),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({
      user: string,
      errorCode: int16,
      errorMessage: string.nullable(),
      credentialInfos: array({
        mechanism: int8,
        iterations: int32,
      }),
    }),
  },
});

/** Sets and deletes credentials. */
export const alterUserScramCredentials = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    deletions: array({
      name: string,
      mechanism: int8,
    }),
    upsertions: array({
      name: string,
      mechanism: int8,
      iterations: int32,
      salt: bytes,
      saltedPassword: bytes,
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({
      user: string,
      errorCode: int16,
      errorMessage: string.nullable(),
    }),
  },
});
