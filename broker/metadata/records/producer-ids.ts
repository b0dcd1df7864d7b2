/** Blocks of producer ids in the metadata log. */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { int32, int64 } from '../../../protocol/schema/field.ts';

/** Ids below `nextProducerId` have been handed to brokers in blocks. */
export const producerIdsRecord = defineRecord({
  name: 'ProducerIdsRecord',
  type: 15,
  versions: '0',
  flexible: '0+',
  fields: {
    brokerId: int32, // the broker that the newest block went to
    brokerEpoch: int64.default(-1),
    nextProducerId: int64,
  },
});
