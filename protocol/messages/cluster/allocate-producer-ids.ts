import { defineApi } from '../../schema/api.ts';
import { int16, int32, int64 } from '../../schema/field.ts';

/** A broker asks the controller for a block of producer ids (KIP-730). */
export const allocateProducerIds = defineApi({
  key: 67,
  name: 'AllocateProducerIds',
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  request: {
    brokerId: int32,
    brokerEpoch: int64.default(-1),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    producerIdStart: int64,
    producerIdLen: int32,
  },
});
