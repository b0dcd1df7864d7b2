/**
 * What `__transaction_state` holds: one record per transactional id, rewritten at each step of a
 * transaction.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, int8, int16, int32, int64, string } from '../../../protocol/schema/field.ts';

/** The key of a transactional id. */
export const transactionLogKey = defineRecord({
  name: 'TransactionLogKey',
  type: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    transactionalId: string,
  },
});

/**
 * A transaction and its producer. v1 flexible; producer ids before and after an epoch overflow, and the
 * transaction version of the client (KIP-890).
 */
export const transactionLogValue = defineRecord({
  name: 'TransactionLogValue',
  type: 0,
  versions: '0-1',
  flexible: '1+',
  fields: {
    producerId: int64,
    previousProducerId: int64.tag(0, '1+').default(-1),
    nextProducerId: int64.tag(1, '1+').default(-1),
    producerEpoch: int16,
    nextProducerEpoch: int16.tag(3, '1+').default(-1),
    transactionTimeoutMs: int32,
    transactionStatus: int8, // the id of a state: 0 Empty, 1 Ongoing, 2 PrepareCommit, …
    transactionPartitions: array({
      // null when the transaction is empty
      topic: string,
      partitionIds: array(int32),
    }).nullable(),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    clientTransactionVersion: int16.tag(2, '1+'),
  },
});
