import { defineApi } from '../../schema/api.ts';
import { bytes, int16, int64, string } from '../../schema/field.ts';

/** Carries the tokens of a SASL exchange (KIP-152). v1 lifetime of the session (KIP-368), v2 flexible. */
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
