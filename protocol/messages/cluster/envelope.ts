import { defineApi } from '../../schema/api.ts';
import { bytes, int16 } from '../../schema/field.ts';

/** A broker forwards a client's request to the controller (KIP-590). */
export const envelope = defineApi({
  key: 58,
  name: 'Envelope',
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  request: {
    requestData: bytes,
    requestPrincipal: bytes.nullable(),
    clientHostAddress: bytes,
  },
  response: {
    responseData: bytes.nullable().default(null),
    errorCode: int16,
  },
});
