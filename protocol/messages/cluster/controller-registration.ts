import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, string, uint16, uuid } from '../../schema/field.ts';

/** A controller registers with the active one (KIP-919). */
export const controllerRegistration = defineApi({
  key: 70,
  name: 'ControllerRegistration',
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  request: {
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: boolean,
    listeners: array({
      name: string,
      host: string,
      port: uint16,
      securityProtocol: int16,
    }),
    features: array({
      name: string,
      minSupportedVersion: int16,
      maxSupportedVersion: int16,
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});
