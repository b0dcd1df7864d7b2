import { defineApi } from '../../schema/api.ts';
import { bytes, int16, int64, string } from '../../schema/field.ts';

/** SaslAuthenticate. */
export const saslAuthenticate = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: '0-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  request: {
    authBytes: bytes,
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    sessionLifetimeMs: int64.in('1+').ignorable(),
  },
});
