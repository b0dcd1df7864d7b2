import { writeTxnMarkers } from '../../../protocol/messages/transactions/write-txn-markers.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';

type Marker = RequestOf<typeof writeTxnMarkers>['markers'][number];

/** Writes markers whatever the coordinator thinks: how an administrator ends a transaction that hangs. */
export const writeTxnMarkersHandler = defineHandler(writeTxnMarkers, {
  versions: '1-2',
  async handle(services, { markers }) {
    const written = markers.map((marker) => write(services, marker));
    return { markers: await Promise.all(written) };
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

async function write({ transactions }: Services, marker: Marker) {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult, transactionVersion } = marker;
  const ending = {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    committed: transactionResult,
    transactionVersion,
  };
  const topics = marker.topics.map(async ({ name, partitionIndexes }) => ({
    name,
    partitions: await Promise.all(
      partitionIndexes.map(async (partitionIndex) => ({
        partitionIndex,
        errorCode: await transactions.markers.write(ending, { topic: name, partition: partitionIndex }),
      })),
    ),
  }));
  return { producerId, topics: await Promise.all(topics) };
}
