import { defineApi } from '../../schema/api.ts';
import { array, boolean, int16, int32, int64, string } from '../../schema/field.ts';

const addPartitionsToTxnTopic = {
  name: string,
  partitions: array(int32),
};

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32,
  partitionErrorCode: int16,
};

const addPartitionsToTxnTopicResult = {
  name: string,
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
};

/**
 * Adds partitions to a transaction (KIP-98). v1 throttled after the answer (KIP-219), v2 PRODUCER_FENCED
 * (KIP-588), v3 flexible, v4 many transactions, from brokers only, which may merely ask (KIP-890), v5
 * TRANSACTION_ABORTABLE (KIP-890).
 */
export const addPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: array({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      verifyOnly: boolean,
      topics: array(addPartitionsToTxnTopic),
    }).in('4+'),
    v3AndBelowTransactionalId: string.in('0-3'),
    v3AndBelowProducerId: int64.in('0-3'),
    v3AndBelowProducerEpoch: int16.in('0-3'),
    v3AndBelowTopics: array(addPartitionsToTxnTopic).in('0-3'),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.in('4+').ignorable(),
    resultsByTransaction: array({
      transactionalId: string,
      topicResults: array(addPartitionsToTxnTopicResult),
    }).in('4+'),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult).in('0-3'),
  },
});
