/** Client quotas in the metadata log. */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, boolean, float64, string } from '../../../protocol/schema/field.ts';

/** A quota of an entity was set or removed (KIP-546). */
export const clientQuotaRecord = defineRecord({
  name: 'ClientQuotaRecord',
  type: 14,
  versions: '0',
  flexible: '0+',
  fields: {
    entity: array({
      entityType: string,
      entityName: string.nullable(), // null: the default of its type
    }),
    key: string,
    value: float64,
    remove: boolean,
  },
});
