import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, records, string, struct, uuid } from '../../schema/field.ts';

/** Produce. */
export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: '3-13',
  flexible: '9+',
  advertised: '0-13',
  request: {
    transactionalId: string.nullable().default(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: string.in('3-12').ignorable(),
      topicId: uuid.in('13+').ignorable(),
      partitionData: array({
        index: int32,
        records: records.nullable().default(null),
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
        logAppendTimeMs: int64.default(-1),
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
