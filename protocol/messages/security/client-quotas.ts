/** Quotas of users, client ids and IP addresses (KIP-546). v1 flexible. */
import { defineApi } from '../../schema/api.ts';
import { array, boolean, float64, int8, int16, int32, string } from '../../schema/field.ts';

const entityData = {
  entityType: string,
  entityName: string.nullable(),
};

/** Lists the quotas of the entities that match. */
export const describeClientQuotas = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    components: array({
      entityType: string,
      matchType: int8,
      match: string.nullable(),
    }),
    strict: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable(),
    entries: array({
      entity: array({
        entityType: string,
        entityName: string.nullable(),
      }),
      values: array({
        key: string,
        value: float64,
      }),
    }).nullable(),
  },
});

/** Sets and removes quotas. */
export const alterClientQuotas = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: '0-1',
  flexible: '1+',
  listeners: ['broker', 'controller'],
  request: {
    entries: array({
      entity: array(entityData),
      ops: array({
        key: string,
        value: float64,
        remove: boolean,
      }),
    }),
    validateOnly: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    entries: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      entity: array(entityData),
    }),
  },
});
