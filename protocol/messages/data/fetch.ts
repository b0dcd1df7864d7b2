import { defineApi } from '../../schema/api.ts';
import {
  array,
  greatestLong,
  int8,
  int16,
  int32,
  int64,
  records,
  string,
  struct,
  uuid,
} from '../../schema/field.ts';

/**
 * Reads record batches, and waits for them if need be.
 * v4 isolation level, v5 log start offset, v6 KAFKA_STORAGE_ERROR, v7 fetch sessions (KIP-227), v8 throttled
 * after the answer (KIP-219), v9 leader epochs (KIP-320), v10 zstd (KIP-110), v11 racks and preferred
 * replicas (KIP-392), v12 flexible, diverging epochs (KIP-595), v13 topic ids (KIP-516), v14 tiered storage
 * (KIP-405), v15 replica epochs (KIP-903), v16 endpoints of new leaders (KIP-951), v17 directory ids
 * (KIP-853), v18 high watermarks of KRaft followers (KIP-1166).
 */
export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: '4-18',
  flexible: '12+',
  listeners: ['broker', 'controller'],
  request: {
    clusterId: string.nullable().tag(0, '12+').default(null).ignorable(),
    replicaId: int32.in('4-14').default(-1), // -1: a consumer
    replicaState: struct({
      replicaId: int32.default(-1), // -1: a consumer
      replicaEpoch: int64.default(-1),
    }).tag(1, '15+'),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(0x7fffffff),
    isolationLevel: int8, // 0 read uncommitted, 1 read committed
    sessionId: int32.in('7+').ignorable(), // 0: none yet
    sessionEpoch: int32.in('7+').default(-1).ignorable(), // 0 opens a session, -1 closes it or goes without
    topics: array({
      topic: string.in('4-12').ignorable(),
      topicId: uuid.in('13+').ignorable(),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.in('9+').default(-1).ignorable(), // -1: not checked
        fetchOffset: int64,
        lastFetchedEpoch: int32.in('12+').default(-1), // -1: not checked for divergence
        logStartOffset: int64.in('5+').default(-1).ignorable(), // of a follower
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.tag(0, '17+').ignorable(),
        highWatermark: int64.tag(1, '18+').default(greatestLong).ignorable(),
      }),
    }),
    forgottenTopicsData: array({
      topic: string.in('7-12').ignorable(),
      topicId: uuid.in('13+').ignorable(),
      partitions: array(int32),
    }).in('7+'),
    rackId: string.in('11+').ignorable(),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.in('7+').ignorable(),
    sessionId: int32.in('7+'), // 0: no session
    responses: array({
      topic: string.in('4-12').ignorable(),
      topicId: uuid.in('13+').ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: int64.default(-1),
        logStartOffset: int64.in('5+').default(-1).ignorable(),
        // present: truncate to it
        divergingEpoch: struct({
          epoch: int32.default(-1),
          endOffset: int64.default(-1),
        }).tag(0, '12+'),
        currentLeader: struct({
          leaderId: int32.default(-1),
          leaderEpoch: int32.default(-1),
        }).tag(1, '12+'),
        snapshotId: struct({
          endOffset: int64.default(-1),
          epoch: int32.default(-1),
        }).tag(2, '12+'),
        // null unless reading committed
        abortedTransactions: array({
          producerId: int64,
          firstOffset: int64,
        }).nullable(),
        preferredReadReplica: int32.in('11+').default(-1), // -1: this one
        records: records.nullable().default(null),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
    }).tag(0, '16+'),
  },
});
