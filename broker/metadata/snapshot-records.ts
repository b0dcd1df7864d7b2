import type { ClusterMachine } from './cluster-machine.ts';
import { configResourceTypes, type PartitionState } from './cluster-state.ts';
import { eligibleLeadersFeature, kraftVersionFeature, metadataVersionFeature } from './features.ts';
import { registerBrokerRecord } from './records/brokers.ts';
import { configRecord } from './records/configs.ts';
import { featureLevelRecord } from './records/features.ts';
import { encodeMetadataRecord } from './records/index.ts';
import { producerIdsRecord } from './records/producer-ids.ts';
import { partitionRecord, topicRecord } from './records/topics.ts';

/**
 * The cluster as records that make it again: what a snapshot holds. Replayed into an empty machine they leave it as this one is. The
 * order is that of Apache Kafka's snapshots, and the versions are those of the directory's metadata.version, which comes first:
 *
 *    FeatureLevel … │ RegisterBroker … │ Topic, its Partitions … │ Config … │ ProducerIds │ what is kept for others …
 *
 * A feature that was turned off is said to be off: who reads it must not take it for one that nobody has thought of.
 */
export function* snapshotRecords(state: ClusterMachine): Generator<Buffer> {
  yield* featureRecords(state);
  const { registerBroker } = state.recordVersions;
  for (const registration of state.registrations.values())
    yield encodeMetadataRecord(registerBrokerRecord, registerBroker, {
      ...registration,
      // A directory that was brought down to a level before them has no place for these.
      logDirs: registerBroker >= 3 ? registration.logDirs : [],
      cordonedLogDirs: registerBroker >= 4 ? registration.cordonedLogDirs : null,
    });
  for (const { name, id: topicId, partitions } of state.topics()) {
    yield encodeMetadataRecord(topicRecord, 0, { name, topicId });
    for (const partition of partitions)
      if (partition !== undefined) yield partitionValue(state, topicId, partition);
  }
  for (const resourceType of Object.values(configResourceTypes))
    for (const resourceName of state.configuredResources(resourceType))
      for (const [name, value] of state.configs(resourceType, resourceName))
        yield encodeMetadataRecord(configRecord, 0, { resourceType, resourceName, name, value });
  const { nextProducerId } = state;
  if (nextProducerId > 0)
    yield encodeMetadataRecord(producerIdsRecord, 0, { brokerId: -1, brokerEpoch: -1, nextProducerId });
  yield* state.kept.values();
}

function* featureRecords(state: ClusterMachine): Generator<Buffer> {
  const { recordedFeatures: levels } = state;
  const names = [...state.mentionedFeatures].filter((name) => name !== metadataVersionFeature);
  for (const name of [metadataVersionFeature, ...names])
    if (name !== kraftVersionFeature)
      yield encodeMetadataRecord(featureLevelRecord, 0, { name, featureLevel: levels.get(name) ?? 0 });
}

function partitionValue(state: ClusterMachine, topicId: string, partition: PartitionState): Buffer {
  const version = state.recordVersions.partition;
  const { leader, leaderEpoch, partitionEpoch, leaderRecoveryState } = partition;
  const hasElr = version >= 2 && (state.recordedFeatures.get(eligibleLeadersFeature) ?? 0) > 0;
  const unlessEmpty = (ids: readonly number[]) => (hasElr && ids.length > 0 ? [...ids] : null);
  return encodeMetadataRecord(partitionRecord, version, {
    partitionId: partition.index,
    topicId,
    replicas: [...partition.replicas],
    isr: [...partition.isr],
    removingReplicas: [...partition.removingReplicas],
    addingReplicas: [...partition.addingReplicas],
    leader,
    leaderRecoveryState,
    leaderEpoch,
    partitionEpoch,
    ...(version >= 1 ? { directories: [...partition.directories] } : {}),
    ...(version >= 2
      ? {
          eligibleLeaderReplicas: unlessEmpty(partition.eligibleLeaderReplicas),
          lastKnownElr: unlessEmpty(partition.lastKnownElr),
        }
      : {}),
  });
}
