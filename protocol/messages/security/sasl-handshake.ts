import { defineApi } from '../../schema/api.ts';
import { array, int16, string } from '../../schema/field.ts';

/**
 * Chooses a SASL mechanism. v1 the tokens that follow travel inside SaslAuthenticate (KIP-152). Never got a
 * flexible version.
 */
export const saslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: '0-1',
  flexible: 'none',
  listeners: ['broker', 'controller'],
  request: {
    mechanism: string,
  },
  response: {
    errorCode: int16,
    mechanisms: array(string),
  },
});
