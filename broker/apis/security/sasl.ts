import { errors } from '../../../protocol/errors.ts';
import { saslAuthenticate } from '../../../protocol/messages/security/sasl-authenticate.ts';
import { saslHandshake } from '../../../protocol/messages/security/sasl-handshake.ts';
import { defineHandler } from '../handler.ts';

/** No listener asks for SASL yet: a client that starts it anyway hears what Kafka says on a PLAINTEXT listener. */
export const saslHandshakeHandler = defineHandler(saslHandshake, {
  versions: '0-1',
  handle: () => ({ errorCode: errors.illegalSaslState.code, mechanisms: [] }),
  refuse: (_request, errorCode) => ({ errorCode, mechanisms: [] }),
});

const nothing = Buffer.alloc(0);

export const saslAuthenticateHandler = defineHandler(saslAuthenticate, {
  versions: '0-2',
  handle: () => ({
    errorCode: errors.illegalSaslState.code,
    errorMessage: 'This listener does not ask for SASL authentication',
    authBytes: nothing,
  }),
  refuse: (_request, errorCode, errorMessage) => ({ errorCode, errorMessage, authBytes: nothing }),
});
