import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, string, uuid } from '../../schema/field.ts';

/**
 * Tells topics, partitions, leaders and the brokers' addresses, and may create topics on the way.
 * v1 null for all topics (v0: an empty list), racks, controller; v2 cluster id, v3 throttle time, v4 topic
 * creation can be declined, v5 offline replicas (KIP-112), v6 throttled after the answer (KIP-219), v7
 * leader epochs (KIP-320), v8 authorized operations (KIP-430), v9 flexible, v10 topic ids in answers
 * (KIP-516), v11 cluster operations moved to DescribeCluster (KIP-700), v12 asking by topic id, v13 an error
 * for the whole answer (KIP-1102).
 */
export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: '0-13',
  flexible: '9+',
  request: {
    // null: all; in v0 an empty list is all
    topics: array({
      topicId: uuid.in('10+').ignorable(),
      name: string.nullable('10+'),
    }).nullable('1+'),
    allowAutoTopicCreation: boolean.in('4+').default(true),
    includeClusterAuthorizedOperations: boolean.in('8-10'),
    includeTopicAuthorizedOperations: boolean.in('8+'),
  },
  response: {
    throttleTimeMs: int32.in('3+').ignorable(),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().in('1+').default(null).ignorable(),
    }),
    clusterId: string.nullable().in('2+').default(null).ignorable(),
    controllerId: int32.in('1+').default(-1).ignorable(),
    topics: array({
      errorCode: int16,
      name: string.nullable('12+'),
      topicId: uuid.in('10+').ignorable(),
      isInternal: boolean.in('1+').ignorable(),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.in('7+').default(-1).ignorable(),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).in('5+').ignorable(),
      }),
      topicAuthorizedOperations: int32.in('8+').default(-0x80000000), // bits; the least int32: not asked for
    }),
    clusterAuthorizedOperations: int32.in('8-10').default(-0x80000000), // bits; the least int32: not asked for
    errorCode: int16.in('13+').ignorable(),
  },
});
