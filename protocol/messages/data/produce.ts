import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, records, string, struct, uuid } from '../../schema/field.ts';

/**
 * Appends record batches to partitions. v0-2 are gone from Kafka 4 but still listed in ApiVersions, for
 * clients that refuse a broker without them.
 * v3 record batch v2 and transactional ids, v5 log start offset, v6 throttled after the answer (KIP-219), v7
 * zstd (KIP-110), v8 which records were at fault (KIP-467), v9 flexible, v10 the new leader beside
 * NOT_LEADER (KIP-951), v11 TRANSACTION_ABORTABLE (KIP-890), v12 adds partitions to a transaction by itself
 * (KIP-890), v13 topic ids (KIP-516).
 */
export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: '3-13',
  flexible: '9+',
  advertised: '0-13',
  request: {
    transactionalId: string.nullable().default(null),
    acks: int16, // -1 all in-sync replicas, 0 no answer at all, 1 the leader
    timeoutMs: int32,
    topicData: array({
      name: string.in('3-12').ignorable(),
      topicId: uuid.in('13+').ignorable(),
      partitionData: array({
        index: int32,
        records: records.nullable().default(null), // one batch per partition, base offset 0
      }),
    }),
  },
  response: {
    responses: array({
      name: string.in('3-12').ignorable(),
      topicId: uuid.in('13+').ignorable(),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: int64.default(-1), // -1 unless the topic stamps records itself
        logStartOffset: int64.in('5+').default(-1).ignorable(),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: string.nullable().default(null),
        })
          .in('8+')
          .ignorable(),
        errorMessage: string.nullable().in('8+').default(null).ignorable(),
        currentLeader: struct({
          leaderId: int32.default(-1),
          leaderEpoch: int32.default(-1),
        }).tag(0, '10+'),
      }),
    }),
    throttleTimeMs: int32.default(0),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().default(null),
    }).tag(0, '10+'),
  },
});
