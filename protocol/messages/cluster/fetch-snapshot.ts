import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, records, string, struct, uint16, uuid } from '../../schema/field.ts';

const snapshotId = {
  endOffset: int64,
  epoch: int32,
};

/** Reads a part of a KRaft snapshot (KIP-630). v1 directory ids and endpoints (KIP-853). */
export const fetchSnapshot = defineApi({
  key: 59,
  name: 'FetchSnapshot',
  versions: '0-1',
  flexible: '0+',
  listeners: ['controller'],
  request: {
    clusterId: string.nullable().tag(0).default(null),
    replicaId: int32.default(-1),
    maxBytes: int32.default(0x7fffffff),
    topics: array({
      name: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32,
        snapshotId: struct(snapshotId),
        position: int64,
        replicaDirectoryId: uuid.tag(0, '1+').ignorable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    topics: array({
      name: string,
      partitions: array({
        index: int32,
        errorCode: int16,
        snapshotId: struct(snapshotId),
        currentLeader: struct({
          leaderId: int32,
          leaderEpoch: int32,
        }).tag(0),
        size: int64,
        position: int64,
        unalignedRecords: records,
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: uint16,
    }).tag(0, '1+'),
  },
});
