import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string, uint16, uuid } from '../../schema/field.ts';

/** A KRaft leader resigns (KIP-595). v1 flexible, directory ids and endpoints (KIP-853). */
export const endQuorumEpoch = defineApi({
  key: 54,
  name: 'EndQuorumEpoch',
  versions: '0-1',
  flexible: '1+',
  listeners: ['controller'],
  request: {
    clusterId: string.nullable().default(null),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32,
        preferredSuccessors: array(int32).in('0').ignorable(),
        preferredCandidates: array({
          candidateId: int32,
          candidateDirectoryId: uuid,
        })
          .in('1+')
          .ignorable(),
      }),
    }),
    leaderEndpoints: array({
      name: string,
      host: string,
      port: uint16,
    })
      .in('1+')
      .ignorable(),
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
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: uint16,
    }).tag(0, '1+'),
  },
});
