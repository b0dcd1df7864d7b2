import type { ClusterMachine } from './cluster-machine.ts';
import type { PartitionState, TopicState } from './cluster-state.ts';
import {
  eligibleLeadersFeature,
  formatFeatures,
  formatMetadataVersion,
  metadataVersionFeature,
  recordVersionsAt,
  supportedFeatures,
} from './features.ts';
import { brokerRegistrationChangeRecord, registerBrokerRecord } from './records/brokers.ts';
import { featureLevelRecord } from './records/features.ts';
import { encodeMetadataRecord } from './records/index.ts';
import { abortTransactionRecord } from './records/metadata-transactions.ts';
import { partitionChangeRecord } from './records/topics.ts';
import { noLeaderChange } from './topics.ts';

/**
 * What each start writes after its LeaderChange, so that Apache Kafka finds what its own start would have left:
 *
 *    AbortTransaction        only if who wrote last died inside a metadata transaction
 *    FeatureLevel, …         only if the directory has no metadata.version: format's records, from bootstrap.checkpoint or ours;
 *                            and where a feature is served since then that the log of ours has no word on
 *    RegisterBroker          this process, fenced as Kafka writes it; its epoch is the record's own offset
 *    BrokerRegistrationChange  unfenced
 *    PartitionChange …       partitions that a stopped Kafka, or a cluster of more nodes, left without us as the leader
 */
export interface StartOptions {
  /** Where the first of the records will be. */
  readonly firstOffset: number;
  /** What a directory without metadata.version begins with; null: ours. */
  readonly bootstrap: Bootstrap | null;
  readonly incarnationId: string;
  readonly endpoints: readonly Endpoint[];
  readonly rack: string | null;
}

/** Records that format left for the first start, and the metadata.version among them. */
export interface Bootstrap {
  readonly values: readonly Buffer[];
  readonly metadataVersion: number;
}

/** A listener as clients are told of it. */
export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number;
}

/** All but the partitions, see `claimRecords`. */
export function startRecords(state: ClusterMachine, options: StartOptions): Buffer[] {
  const entries: Buffer[] = [];
  if (state.isInTransaction)
    entries.push(encodeMetadataRecord(abortTransactionRecord, 0, { reason: 'the writer stopped' }));
  let { registerBroker } = state.recordVersions;
  if (state.metadataVersion === undefined) {
    const { values, metadataVersion } = options.bootstrap ?? ownBootstrap();
    entries.push(...values);
    registerBroker = recordVersionsAt(metadataVersion).registerBroker;
  } else entries.push(...laterFeatures(state, state.metadataVersion));
  const brokerEpoch = options.firstOffset + entries.length;
  const features = Object.entries(supportedFeatures)
    .filter(([, { max }]) => max > 0)
    .map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max }));
  entries.push(
    encodeMetadataRecord(registerBrokerRecord, registerBroker, {
      brokerId: state.nodeId,
      incarnationId: options.incarnationId,
      brokerEpoch,
      endPoints: [...options.endpoints],
      features,
      rack: options.rack,
      fenced: true,
      ...(registerBroker >= 3 ? { logDirs: [state.directoryId] } : {}),
    }),
    encodeMetadataRecord(brokerRegistrationChangeRecord, 0, {
      brokerId: state.nodeId,
      brokerEpoch,
      fenced: unfenced,
    }),
  );
  return entries;
}

const unfenced = -1;

/** Of a directory that was never formatted: no feature is finalized before it is served. */
function ownBootstrap(): Bootstrap {
  const levels = [{ name: metadataVersionFeature, level: formatMetadataVersion }, ...formatFeatures];
  return { values: levels.map(featureLevel), metadataVersion: formatMetadataVersion };
}

/** Features that are served since a directory was formatted; not where a Kafka has led, whose format leaves out what is to be off. */
function laterFeatures(state: ClusterMachine, metadataVersion: number): Buffer[] {
  if (state.kept.counts.has('registerControllerRecord')) return [];
  return formatFeatures
    .filter(({ name, since }) => metadataVersion >= since && !state.mentionsFeature(name))
    .map(featureLevel);
}

function featureLevel({ name, level }: { readonly name: string; readonly level: number }): Buffer {
  return encodeMetadataRecord(featureLevelRecord, 0, { name, featureLevel: level });
}

/** Makes this node the one replica and leader of every partition that it has a replica of, where it is not yet. */
export function* claimRecords(state: ClusterMachine): Generator<Buffer> {
  for (const topic of state.topics())
    for (const partition of topic.partitions)
      if (partition?.replicas.includes(state.nodeId)) {
        const entry = claimRecord(state, topic, partition);
        if (entry !== null) yield entry;
      }
}

function claimRecord(state: ClusterMachine, topic: TopicState, partition: PartitionState): Buffer | null {
  const { nodeId, directoryId } = state;
  const version = state.recordVersions.partitionChange;
  const isOnly = (ids: readonly number[]) => ids.length === 1 && ids[0] === nodeId;
  const hasDirectory =
    version === 0 || (partition.directories.length === 1 && partition.directories[0] === directoryId);
  if (partition.leader === nodeId && isOnly(partition.isr) && isOnly(partition.replicas) && hasDirectory)
    return null;
  return partitionChange(state, topic.id, partition.index, {
    leader: partition.leader === nodeId ? noLeaderChange : nodeId,
    isr: [nodeId],
    ...(isOnly(partition.replicas) ? {} : { replicas: [nodeId], removingReplicas: [], addingReplicas: [] }),
    ...(hasDirectory ? {} : { directories: [directoryId] }),
  });
}

/** A new leader epoch under the same leader. */
export function leaderEpochRecord(state: ClusterMachine, topicId: string, partitionId: number): Buffer {
  return partitionChange(state, topicId, partitionId, { leader: state.nodeId, isr: [state.nodeId] });
}

function partitionChange(
  state: ClusterMachine,
  topicId: string,
  partitionId: number,
  change: {
    readonly leader: number;
    readonly isr: number[];
    readonly replicas?: number[];
    readonly removingReplicas?: number[];
    readonly addingReplicas?: number[];
    readonly directories?: string[];
  },
): Buffer {
  const version = state.recordVersions.partitionChange;
  // With a full in-sync set nobody else is eligible: Kafka empties both lists then.
  const elr =
    version >= 2 && (state.recordedFeatures.get(eligibleLeadersFeature) ?? 0) > 0
      ? { eligibleLeaderReplicas: [], lastKnownElr: [] }
      : {};
  return encodeMetadataRecord(partitionChangeRecord, version, { topicId, partitionId, ...change, ...elr });
}
