import { errors } from '../../../protocol/errors.ts';
import { describeProducers } from '../../../protocol/messages/data/describe-producers.ts';
import { defineHandler } from '../handler.ts';

/** The producers that a partition remembers (KIP-664). */
export const describeProducersHandler = defineHandler(describeProducers, {
  versions: '0',
  handle: ({ partitions }, request) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        const partition = partitions.get(name, partitionIndex);
        if (partition === undefined) return refusal(partitionIndex, errors.unknownTopicOrPartition.code);
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
      }),
    })),
  }),
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => refusal(partitionIndex, errorCode)),
    })),
  }),
});

function refusal(partitionIndex: number, errorCode: number) {
  return { partitionIndex, errorCode, errorMessage: null, activeProducers: [] };
}
