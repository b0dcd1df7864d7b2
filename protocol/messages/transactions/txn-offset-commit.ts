import { defineApi } from '../../schema/api.ts';
import { array, int16, int32, int64, string, uuid } from '../../schema/field.ts';

/**
 * Commits offsets as part of a transaction (KIP-98). v1 throttled after the answer (KIP-219), v2 leader
 * epochs (KIP-320), v3 flexible, fenced by generation (KIP-447), v4 TRANSACTION_ABORTABLE (KIP-890), v5 adds
 * the group to the transaction by itself (KIP-890), v6 topic ids.
 */
export const txnOffsetCommit = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: '0-6',
  flexible: '3+',
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: int32.in('3+').default(-1),
    memberId: string.in('3+'),
    groupInstanceId: string.nullable().in('3+').default(null),
    topics: array({
      name: string.in('0-5').ignorable(),
      topicId: uuid.in('6+').ignorable(),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.in('2+').default(-1).ignorable(),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string.in('0-5').ignorable(),
      topicId: uuid.in('6+').ignorable(),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  },
});
