/** The requests that faults are tried with. */
import { listOffsets } from '../../../protocol/messages/data/list-offsets.ts';
import { oneRecord, type PeerWorld } from './peer.ts';

export const toProduce = (topics: Record<string, readonly number[]>, acks = 1) => ({
  acks,
  timeoutMs: 1000,
  topicData: Object.entries(topics).map(([name, partitions]) => ({
    name,
    partitionData: partitions.map((index) => ({ index, records: oneRecord('v') })),
  })),
});

export const toFetch = (topic: string, partitions: readonly number[], more = {}) => ({
  maxWaitMs: 500,
  minBytes: 1,
  isolationLevel: 0,
  sessionId: 0,
  sessionEpoch: -1,
  topics: [
    {
      topic,
      partitions: partitions.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1000 })),
    },
  ],
  ...more,
});

export async function endOffsets(world: PeerWorld, topic: string, count: number): Promise<number[]> {
  const partitions = Array.from({ length: count }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: -1,
  }));
  const answer = await world
    .peer('reader')
    .ask(listOffsets, 7, { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] });
  return answer!.topics[0]!.partitions.map(({ offset }) => offset);
}
