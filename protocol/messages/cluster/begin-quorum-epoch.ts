import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, string, uint16, uuid } from '../../schema/field.ts';

/** A KRaft leader announces itself (KIP-595). v1 flexible, directory ids and endpoints (KIP-853). */
export const beginQuorumEpoch = defineApi({
  key: 53,
  name: 'BeginQuorumEpoch',
  versions: '0-1',
  flexible: '1+',
  listeners: ['controller'],
  request: {
    clusterId: string.nullable().default(null),
    voterId: int32.in('1+').default(-1).ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        voterDirectoryId: uuid.in('1+').ignorable(),
        leaderId: int32,
        leaderEpoch: int32,
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
