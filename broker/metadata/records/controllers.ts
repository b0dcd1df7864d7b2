/** Controllers in the metadata log (KIP-919, KIP-853). */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, boolean, int16, int32, string, uint16, uuid } from '../../../protocol/schema/field.ts';

/** A controller as it registered (KIP-919). */
export const registerControllerRecord = defineRecord({
  name: 'RegisterControllerRecord',
  type: 27,
  versions: '0',
  flexible: '0+',
  fields: {
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: boolean,
    endPoints: array({
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
});

/** A controller is no longer part of the cluster. */
export const unregisterControllerRecord = defineRecord({
  name: 'UnregisterControllerRecord',
  type: 29,
  versions: '0',
  flexible: '0+',
  fields: {
    controllerId: int32,
  },
});
