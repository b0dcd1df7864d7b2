import { writeTxnMarkers } from '../../../protocol/messages/transactions/write-txn-markers.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import type { Services } from '../../services.ts';
import { answerEach } from '../answer-each.ts';
import { defineHandler } from '../handler.ts';
import { onceEach } from './once-each.ts';

type Marker = RequestOf<typeof writeTxnMarkers>['markers'][number];

/**
 * Writes markers whatever the coordinator thinks: how an administrator ends a transaction that hangs. The answer is by producer, as
 * Kafka's is, however many markers each had.
 */
export const writeTxnMarkersHandler = defineHandler(writeTxnMarkers, {
  versions: '1-2',
  async handle(services, { markers }) {
    const all = markers.flatMap((marker) =>
      marker.topics.flatMap(({ name, partitionIndexes }) =>
        partitionIndexes.map((index) => ({ marker, topic: name, index })),
      ),
    );
    const codes = (await answerEach(services.environment.clock, all, (one) => write(services, one))).values();
    const said = new Map<number, [string, number, number][]>();
    for (const { marker, topic, index } of all) {
      const ofProducer = said.get(marker.producerId) ?? [];
      said.set(marker.producerId, ofProducer);
      ofProducer.push([topic, index, codes.next().value!]);
    }
    return {
      markers: Array.from(said, ([producerId, ofProducer]) => ({
        producerId,
        topics: onceEach(ofProducer).map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
        })),
      })),
    };
  },
  refuse: ({ markers }, errorCode) => ({
    markers: markers.map(({ producerId, topics }) => ({
      producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
      })),
    })),
  }),
});

function write(
  { transactions }: Services,
  { marker, topic, index }: { readonly marker: Marker; readonly topic: string; readonly index: number },
): number | Promise<number> {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult, transactionVersion } = marker;
  const ending = {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    committed: transactionResult,
    transactionVersion,
  };
  return transactions.markers.write(ending, { topic, partition: index });
}
