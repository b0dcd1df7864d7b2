import { defineApi } from '../../schema/api.ts';
import { array, int8, int16, int32, string } from '../../schema/field.ts';

/**
 * Lists the resources that have configurations. v0 client metrics subscriptions alone (KIP-714, under the
 * name ListClientMetricsResources), v1 any type (KIP-1142).
 */
export const listConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: '0-1',
  flexible: '0+',
  request: {
    resourceTypes: array(int8).in('1+'),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    configResources: array({
      resourceName: string,
      resourceType: int8.in('1+').default(16).ignorable(),
    }),
  },
});
