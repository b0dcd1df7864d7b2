import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, uuid } from '../../schema/field.ts';

/**
 * A broker tells the controller that it lives (KIP-631). v1 failed log directories (KIP-858), v2 cordoned
 * ones (KIP-1066).
 */
export const brokerHeartbeat = defineApi({
  key: 63,
  name: 'BrokerHeartbeat',
  versions: '0-2',
  flexible: '0+',
  listeners: ['controller'],
  request: {
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    currentMetadataOffset: int64,
    wantFence: boolean,
    wantShutDown: boolean,
    offlineLogDirs: array(uuid).tag(0, '1+'),
    cordonedLogDirs: array(uuid).nullable().tag(1, '2+').default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    isCaughtUp: boolean,
    isFenced: boolean.default(true),
    shouldShutDown: boolean,
  },
});
