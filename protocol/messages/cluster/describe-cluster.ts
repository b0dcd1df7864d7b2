import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, string } from '../../schema/field.ts';

/**
 * Tells the brokers of the cluster (KIP-700). v1 or its controllers (KIP-919), v2 fenced brokers too
 * (KIP-1073).
 */
export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: '0-2',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    includeClusterAuthorizedOperations: boolean,
    endpointType: int8.in('1+').default(1), // 1 brokers, 2 controllers
    includeFencedBrokers: boolean.in('2+'),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    endpointType: int8.in('1+').default(1),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
      isFenced: boolean.in('2+'),
    }),
    clusterAuthorizedOperations: int32.default(-0x80000000), // bits; the least int32: not asked for
  },
});
