/** Configurations of topics, brokers, groups and client metrics in the metadata log. */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { int8, string } from '../../../protocol/schema/field.ts';

/** One configuration key of one resource. */
export const configRecord = defineRecord({
  name: 'ConfigRecord',
  type: 4,
  versions: '0',
  flexible: '0+',
  fields: {
    resourceType: int8, // 2 topic, 4 broker, 16 client metrics, 32 group
    resourceName: string,
    name: string,
    value: string.nullable(), // null: the key goes back to its default
  },
});
