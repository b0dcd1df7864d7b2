/**
 * The catalogue of the APIs: every message that Kafka 4.4 speaks, whether a broker here serves it or not.
 */
import type { AnyApi } from '../schema/api.ts';
import { addRaftVoter } from './cluster/add-raft-voter.ts';
import { allocateProducerIds } from './cluster/allocate-producer-ids.ts';
import { alterPartition } from './cluster/alter-partition.ts';
import { apiVersions } from './cluster/api-versions.ts';
import { assignReplicasToDirs } from './cluster/assign-replicas-to-dirs.ts';
import { beginQuorumEpoch } from './cluster/begin-quorum-epoch.ts';
import { brokerHeartbeat } from './cluster/broker-heartbeat.ts';
import { brokerRegistration } from './cluster/broker-registration.ts';
import { controllerRegistration } from './cluster/controller-registration.ts';
import { describeCluster } from './cluster/describe-cluster.ts';
import { describeQuorum } from './cluster/describe-quorum.ts';
import { endQuorumEpoch } from './cluster/end-quorum-epoch.ts';
import { envelope } from './cluster/envelope.ts';
import { fetchSnapshot } from './cluster/fetch-snapshot.ts';
import { removeRaftVoter } from './cluster/remove-raft-voter.ts';
import { getTelemetrySubscriptions, pushTelemetry } from './cluster/telemetry.ts';
import { unregisterBroker } from './cluster/unregister-broker.ts';
import { unregisterController } from './cluster/unregister-controller.ts';
import { updateFeatures } from './cluster/update-features.ts';
import { updateRaftVoter } from './cluster/update-raft-voter.ts';
import { vote } from './cluster/vote.ts';
import { alterConfigs } from './configs/alter-configs.ts';
import { describeConfigs } from './configs/describe-configs.ts';
import { incrementalAlterConfigs } from './configs/incremental-alter-configs.ts';
import { listConfigResources } from './configs/list-config-resources.ts';
import { deleteRecords } from './data/delete-records.ts';
import { describeProducers } from './data/describe-producers.ts';
import { fetch } from './data/fetch.ts';
import { listOffsets } from './data/list-offsets.ts';
import { offsetForLeaderEpoch } from './data/offset-for-leader-epoch.ts';
import { produce } from './data/produce.ts';
import { consumerGroupDescribe } from './groups/consumer-group-describe.ts';
import { consumerGroupHeartbeat } from './groups/consumer-group-heartbeat.ts';
import { deleteGroups } from './groups/delete-groups.ts';
import { describeGroups } from './groups/describe-groups.ts';
import { findCoordinator } from './groups/find-coordinator.ts';
import { heartbeat } from './groups/heartbeat.ts';
import { joinGroup } from './groups/join-group.ts';
import { leaveGroup } from './groups/leave-group.ts';
import { listGroups } from './groups/list-groups.ts';
import { offsetCommit } from './groups/offset-commit.ts';
import { offsetDelete } from './groups/offset-delete.ts';
import { offsetFetch } from './groups/offset-fetch.ts';
import { syncGroup } from './groups/sync-group.ts';
import { createAcls, deleteAcls, describeAcls } from './security/acls.ts';
import { alterClientQuotas, describeClientQuotas } from './security/client-quotas.ts';
import {
  createDelegationToken,
  describeDelegationToken,
  expireDelegationToken,
  renewDelegationToken,
} from './security/delegation-tokens.ts';
import { saslAuthenticate } from './security/sasl-authenticate.ts';
import { saslHandshake } from './security/sasl-handshake.ts';
import { alterUserScramCredentials, describeUserScramCredentials } from './security/scram.ts';
import { shareAcknowledge } from './shares/share-acknowledge.ts';
import { shareFetch } from './shares/share-fetch.ts';
import { shareGroupDescribe } from './shares/share-group-describe.ts';
import { shareGroupHeartbeat } from './shares/share-group-heartbeat.ts';
import {
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  describeShareGroupOffsets,
} from './shares/share-group-offsets.ts';
import {
  deleteShareGroupState,
  initializeShareGroupState,
  readShareGroupState,
  readShareGroupStateSummary,
  writeShareGroupState,
} from './shares/share-group-state.ts';
import { streamsGroupDescribe } from './streams/streams-group-describe.ts';
import { streamsGroupHeartbeat } from './streams/streams-group-heartbeat.ts';
import { streamsGroupTopologyDescriptionUpdate } from './streams/streams-group-topology-description-update.ts';
import { alterPartitionReassignments } from './topics/alter-partition-reassignments.ts';
import { alterReplicaLogDirs } from './topics/alter-replica-log-dirs.ts';
import { createPartitions } from './topics/create-partitions.ts';
import { createTopics } from './topics/create-topics.ts';
import { deleteTopics } from './topics/delete-topics.ts';
import { describeLogDirs } from './topics/describe-log-dirs.ts';
import { describeTopicPartitions } from './topics/describe-topic-partitions.ts';
import { electLeaders } from './topics/elect-leaders.ts';
import { listPartitionReassignments } from './topics/list-partition-reassignments.ts';
import { metadata } from './topics/metadata.ts';
import { addOffsetsToTxn } from './transactions/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from './transactions/add-partitions-to-txn.ts';
import { describeTransactions } from './transactions/describe-transactions.ts';
import { endTxn } from './transactions/end-txn.ts';
import { initProducerId } from './transactions/init-producer-id.ts';
import { listTransactions } from './transactions/list-transactions.ts';
import { txnOffsetCommit } from './transactions/txn-offset-commit.ts';
import { writeTxnMarkers } from './transactions/write-txn-markers.ts';

export const messages = {
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  txnOffsetCommit,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  alterReplicaLogDirs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  createDelegationToken,
  renewDelegationToken,
  expireDelegationToken,
  describeDelegationToken,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeClientQuotas,
  alterClientQuotas,
  describeUserScramCredentials,
  alterUserScramCredentials,
  vote,
  beginQuorumEpoch,
  endQuorumEpoch,
  describeQuorum,
  alterPartition,
  updateFeatures,
  envelope,
  fetchSnapshot,
  describeCluster,
  describeProducers,
  brokerRegistration,
  brokerHeartbeat,
  unregisterBroker,
  describeTransactions,
  listTransactions,
  allocateProducerIds,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  controllerRegistration,
  getTelemetrySubscriptions,
  pushTelemetry,
  assignReplicasToDirs,
  listConfigResources,
  describeTopicPartitions,
  shareGroupHeartbeat,
  shareGroupDescribe,
  shareFetch,
  shareAcknowledge,
  addRaftVoter,
  removeRaftVoter,
  updateRaftVoter,
  initializeShareGroupState,
  readShareGroupState,
  writeShareGroupState,
  deleteShareGroupState,
  readShareGroupStateSummary,
  streamsGroupHeartbeat,
  streamsGroupDescribe,
  describeShareGroupOffsets,
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  streamsGroupTopologyDescriptionUpdate,
  unregisterController,
} as const;

/** The name of an API in the catalogue. */
export type ApiName = keyof typeof messages;

const byKey: (AnyApi | undefined)[] = [];
for (const api of Object.values(messages)) byKey[api.key] = api;

/** The API that a request header names; undefined for keys that nobody has or that Kafka 4 has dropped. */
export function apiByKey(key: number): AnyApi | undefined {
  return byKey[key];
}
