import { errors } from '../../../protocol/errors.ts';
import { describeProducers } from '../../../protocol/messages/data/describe-producers.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { topicNameProblem } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';
import { remembering } from '../remembering.ts';

/** The producers that a partition remembers (KIP-664). */
export const describeProducersHandler = defineHandler(describeProducers, {
  versions: '0',
  handle(services, request) {
    const remembered = remembering<ReturnType<typeof describe>>();
    return {
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) =>
          remembered(`${name} ${index}`, () => describe(services, name, index)),
        ),
      })),
    };
  },
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => refusal(partitionIndex, errorCode)),
    })),
  }),
});

function describe({ partitions, cluster }: Services, topic: string, partitionIndex: number) {
  const problem = topicNameProblem(topic);
  if (problem !== null)
    return refusal(partitionIndex, errors.invalidTopicException.code, `Topic name is invalid: ${problem}`);
  if (cluster.topic(topic) === undefined) {
    const { code, message } = errors.unknownTopicOrPartition;
    return refusal(partitionIndex, code, message);
  }
  const partition = partitions.get(topic, partitionIndex);
  if (partition === undefined)
    return refusal(partitionIndex, partitions.missingCode(topic, zeroUuid, false, partitionIndex));
  return {
    partitionIndex,
    errorCode: errors.none.code,
    errorMessage: null,
    activeProducers: [...partition.log.producers()].map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.epoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: producer.lastTimestampMs,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.transactionFirstOffset,
    })),
  };
}

function refusal(partitionIndex: number, errorCode: number, errorMessage: string | null = null) {
  return { partitionIndex, errorCode, errorMessage, activeProducers: [] };
}
