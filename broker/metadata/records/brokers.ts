/** Brokers in the metadata log: registered when they start, fenced until they have caught up. */
import { defineRecord } from '../../../protocol/schema/api.ts';
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  int64,
  string,
  uint16,
  uuid,
} from '../../../protocol/schema/field.ts';

/**
 * A broker as it registered. v1 controlled shutdown, v2 migration from ZooKeeper, v3 log directories
 * (KIP-858), v4 cordoned log directories.
 */
export const registerBrokerRecord = defineRecord({
  name: 'RegisterBrokerRecord',
  type: 0,
  versions: '0-4',
  flexible: '0+',
  fields: {
    brokerId: int32,
    isMigratingZkBroker: boolean.in('2+'),
    incarnationId: uuid,
    brokerEpoch: int64, // offset of this record
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
    rack: string.nullable(),
    fenced: boolean.default(true),
    inControlledShutdown: boolean.in('1+'),
    logDirs: array(uuid).tag(0, '3+'),
    cordonedLogDirs: array(uuid).nullable().tag(1, '4+').default(null),
  },
});

/**
 * A change of what a broker registered. v1 controlled shutdown, v2 log directories (KIP-858), v3 cordoned
 * log directories.
 */
export const brokerRegistrationChangeRecord = defineRecord({
  name: 'BrokerRegistrationChangeRecord',
  type: 17,
  versions: '0-3',
  flexible: '0+',
  fields: {
    brokerId: int32,
    brokerEpoch: int64,
    fenced: int8.tag(0), // -1 unfenced, 0 no change, 1 fenced
    inControlledShutdown: int8.tag(1, '1+'), // 0 no change, 1 in controlled shutdown
    logDirs: array(uuid).tag(2, '2+'),
    cordonedLogDirs: array(uuid).nullable().tag(3, '3+').default(null),
  },
});

/** A broker was fenced; replaced by BrokerRegistrationChangeRecord. */
export const fenceBrokerRecord = defineRecord({
  name: 'FenceBrokerRecord',
  type: 7,
  versions: '0',
  flexible: '0+',
  fields: {
    id: int32,
    epoch: int64,
  },
});

/** A broker was unfenced; replaced by BrokerRegistrationChangeRecord. */
export const unfenceBrokerRecord = defineRecord({
  name: 'UnfenceBrokerRecord',
  type: 8,
  versions: '0',
  flexible: '0+',
  fields: {
    id: int32,
    epoch: int64,
  },
});

/** A broker is no longer part of the cluster. */
export const unregisterBrokerRecord = defineRecord({
  name: 'UnregisterBrokerRecord',
  type: 1,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: int32,
    brokerEpoch: int64,
  },
});
