import type { ClusterMachine } from './cluster-machine.ts';
import { eligibleLeadersFeature } from './features.ts';
import { brokerRegistrationChangeRecord } from './records/brokers.ts';
import { encodeMetadataRecord } from './records/index.ts';
import { partitionChangeRecord } from './records/topics.ts';

/**
 * What a stop writes. A stop of ours only fences, so that the next start finds everything led and writes as little as it can. Where Apache
 * Kafka has the directory next, it finds what its own controlled shutdown leaves: partitions that nobody leads. It would load coordinators
 * twice otherwise, once under the epoch that it found and again when it has led itself into the next one.
 *
 *    BrokerRegistrationChange  in controlled shutdown     ┐
 *    PartitionChange …         leader -1                  ┘ only for Kafka
 *    BrokerRegistrationChange  fenced                     so that the next start of Kafka need not wait for our session to lapse
 */
export function stopRecord({ nodeId, brokerEpoch }: ClusterMachine): Buffer {
  return encodeMetadataRecord(brokerRegistrationChangeRecord, 0, {
    brokerId: nodeId,
    brokerEpoch,
    fenced: 1,
  });
}

/** Before `stopRecord`, where Kafka is next. */
export function* controlledShutdownRecords(state: ClusterMachine): Generator<Buffer> {
  const { nodeId, brokerEpoch } = state;
  const inControlledShutdown = 1;
  yield encodeMetadataRecord(brokerRegistrationChangeRecord, 1, {
    brokerId: nodeId,
    brokerEpoch,
    inControlledShutdown,
  });
  for (const { id, partitions } of state.topics())
    for (const partition of partitions)
      if (partition?.leader === nodeId) yield leaderlessRecord(state, id, partition.index);
}

const noLeader = -1;

/** With eligible leader replicas the in-sync set empties and says who was in it; without, its last member stays. */
function leaderlessRecord(state: ClusterMachine, topicId: string, partitionId: number): Buffer {
  const { nodeId } = state;
  const version = state.recordVersions.partitionChange;
  const hasElr = version >= 2 && (state.recordedFeatures.get(eligibleLeadersFeature) ?? 0) > 0;
  return encodeMetadataRecord(partitionChangeRecord, version, {
    topicId,
    partitionId,
    leader: noLeader,
    ...(hasElr ? { isr: [], eligibleLeaderReplicas: [nodeId], lastKnownElr: [nodeId] } : {}),
  });
}
