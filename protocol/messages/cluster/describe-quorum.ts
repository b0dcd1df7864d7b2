import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, string, uint16, uuid } from '../../schema/field.ts';

const replicaState = {
  replicaId: int32,
  replicaDirectoryId: uuid.in('2+'),
  logEndOffset: int64,
  lastFetchTimestamp: int64.in('1+').default(-1).ignorable(),
  lastCaughtUpTimestamp: int64.in('1+').default(-1).ignorable(),
};

/**
 * Tells the voters and observers of a KRaft quorum (KIP-595). v1 when they were last heard of (KIP-836), v2
 * directory ids, endpoints and error messages (KIP-853).
 */
export const describeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  versions: '0-2',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  request: {
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
      }),
    }),
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable().in('2+').ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().in('2+').ignorable(),
        leaderId: int32, // -1: none
        leaderEpoch: int32,
        highWatermark: int64,
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array({
      nodeId: int32,
      listeners: array({
        name: string,
        host: string,
        port: uint16,
      }),
    }).in('2+'),
  },
});
