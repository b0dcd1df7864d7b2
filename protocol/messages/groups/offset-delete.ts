import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string } from '../../schema/field.ts';

/**
 * Deletes committed offsets of topics that the group is not subscribed to (KIP-496). Never got a flexible
 * version.
 */
export const offsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: '0',
  flexible: 'none',
  request: {
    groupId: string,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
      }),
    }),
  },
  response: {
    errorCode: int16,
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
