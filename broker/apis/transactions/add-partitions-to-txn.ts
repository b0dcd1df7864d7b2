import { errors } from '../../../protocol/errors.ts';
import { addPartitionsToTxn } from '../../../protocol/messages/transactions/add-partitions-to-txn.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { isInternalTopic } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { epochPerTransaction } from '../../transactions/transaction.ts';
import type { TopicPartition } from '../../transactions/transaction-decisions.ts';
import { defineHandler } from '../handler.ts';
import { knownToVersion } from './fenced.ts';
import { onceEach } from './once-each.ts';

type Request = RequestOf<typeof addPartitionsToTxn>;
type Response = ResponseInit<typeof addPartitionsToTxn>;
type Asked = Request['transactions'][number];
/** One for all partitions, or one for each of them. */
type Codes = number | readonly number[];

/** From these versions on: PRODUCER_FENCED; many transactions at once, from brokers, which may merely ask. */
const fencedVersion = 2;
const batchVersion = 4;

/** Adds partitions to a transaction: all that a request names, or none. */
export const addPartitionsToTxnHandler = defineHandler(addPartitionsToTxn, {
  versions: '0-5',
  handle(services, request, { apiVersion }) {
    const asked = transactionsOf(request, apiVersion);
    const decided = asked.map((transaction) => decide(services, transaction, apiVersion));
    if (decided.some((codes) => codes instanceof Promise))
      return Promise.all(decided).then((codes) => answer(asked, codes, apiVersion));
    return answer(asked, decided as readonly Codes[], apiVersion);
  },
  // From v4 on the code stands once, before that at each partition; the other of the two is not written.
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    errorCode,
    resultsByTopicV3AndBelow: results(request.v3AndBelowTopics, errorCode),
  }),
});

function transactionsOf(request: Request, apiVersion: number): readonly Asked[] {
  if (apiVersion >= batchVersion) return request.transactions;
  return [
    {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      verifyOnly: false,
      topics: request.v3AndBelowTopics,
    },
  ];
}

function decide(
  { transactions, cluster }: Services,
  asked: Asked,
  apiVersion: number,
): Codes | Promise<Codes> {
  const partitions = partitionsOf(asked);
  const refusals = partitions.map(({ topic, partition }) => {
    // Offsets enter a transaction by AddOffsetsToTxn alone.
    if (apiVersion < batchVersion && isInternalTopic(topic)) return errors.topicAuthorizationFailed.code;
    const isThere = cluster.topic(topic)?.partitions[partition] !== undefined;
    return isThere ? null : errors.unknownTopicOrPartition.code;
  });
  if (refusals.some((refusal) => refusal !== null))
    return refusals.map((refusal) => refusal ?? errors.operationNotAttempted.code);
  if (asked.verifyOnly) return transactions.verify(asked, partitions);
  const clientVersion = apiVersion >= batchVersion ? epochPerTransaction : 0;
  const added = transactions.addPartitions(asked, partitions, clientVersion);
  const speak = (errorCode: number): number => knownToVersion(errorCode, apiVersion >= fencedVersion);
  return added instanceof Promise ? added.then(speak) : speak(added);
}

function partitionsOf({ topics }: Asked): TopicPartition[] {
  return topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ topic: name, partition })),
  );
}

function answer(asked: readonly Asked[], decided: readonly Codes[], apiVersion: number): Response {
  if (apiVersion < batchVersion)
    return { throttleTimeMs: 0, resultsByTopicV3AndBelow: results(asked[0]!.topics, decided[0]!) };
  const resultsByTransaction = asked.map(({ transactionalId, topics, verifyOnly }, i) => ({
    transactionalId,
    topicResults: (verifyOnly ? resultsOnce : results)(topics, decided[i]!),
  }));
  return { throttleTimeMs: 0, errorCode: errors.none.code, resultsByTransaction };
}

function results(topics: Asked['topics'], codes: Codes) {
  let next = 0;
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: typeof codes === 'number' ? codes : codes[next++]!,
    })),
  }));
}

/** Who merely asks is answered from a map of partitions, as Kafka does. */
function resultsOnce(topics: Asked['topics'], codes: Codes) {
  const said = results(topics, codes).flatMap(({ name, resultsByPartition }) =>
    resultsByPartition.map((result) => [name, result.partitionIndex, result] as const),
  );
  return onceEach(said).map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map(([, result]) => result),
  }));
}
