import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string, uint16, uuid } from '../../schema/field.ts';

/**
 * Asks a KRaft voter for its vote (KIP-595). v1 directory ids and endpoints (KIP-853), v2 pre-votes
 * (KIP-996).
 */
export const vote = defineApi({
  key: 52,
  name: 'Vote',
  versions: '0-2',
  flexible: '0+',
  listeners: ['controller'],
  request: {
    clusterId: string.nullable().default(null),
    voterId: int32.in('1+').default(-1).ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        replicaEpoch: int32,
        replicaId: int32,
        replicaDirectoryId: uuid.in('1+').ignorable(),
        voterDirectoryId: uuid.in('1+').ignorable(),
        lastOffsetEpoch: int32,
        lastOffset: int64,
        preVote: boolean.in('2+'),
      }),
    }),
  },
  response: {
    errorCode: int16,
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        leaderId: int32,
        leaderEpoch: int32,
        voteGranted: boolean,
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: uint16,
    }).tag(0, '1+'),
  },
});
