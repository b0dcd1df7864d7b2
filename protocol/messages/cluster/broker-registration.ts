import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string, uint16, uuid } from '../../schema/field.ts';

/**
 * A broker registers with the controller (KIP-631). v1 migration from ZooKeeper (KIP-866), v2 log
 * directories (KIP-858), v3 the epoch before a clean shutdown (KIP-966), v4 features whose least version is
 * 0.
 */
export const brokerRegistration = defineApi({
  key: 62,
  name: 'BrokerRegistration',
  versions: '0-4',
  flexible: '0+',
  listeners: ['controller'],
  request: {
    brokerId: int32,
    clusterId: string,
    incarnationId: uuid,
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
    rack: string.nullable(),
    isMigratingZkBroker: boolean.in('1+'),
    logDirs: array(uuid).in('2+').ignorable(),
    previousBrokerEpoch: int64.in('3+').default(-1).ignorable(),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    brokerEpoch: int64.default(-1),
  },
});
