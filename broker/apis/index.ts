/**
 * Every API with its handler: what dispatch serves and ApiVersions lists. A message of the catalogue without a handler here does
 * not compile. What no issue serves yet is `notServed`: declared, not advertised.
 */
import { messages } from '../../protocol/messages/index.ts';
import type { AnyApi } from '../../protocol/schema/api.ts';
import { clusterHandlers } from './cluster/index.ts';
import { configHandlers } from './configs/index.ts';
import { dataHandlers } from './data/index.ts';
import { groupHandlers } from './groups/index.ts';
import { type AnyHandler, type Handler, notServed } from './handler.ts';
import { securityHandlers } from './security/index.ts';
import { topicHandlers } from './topics/index.ts';
import { transactionHandlers } from './transactions/index.ts';

type Messages = typeof messages;
type HandlersFor<Catalogue extends { readonly [name: string]: AnyApi }> = {
  readonly [Name in keyof Catalogue]: Handler<Catalogue[Name]>;
};

export const handlers: HandlersFor<Messages> = {
  ...clusterHandlers,
  ...configHandlers,
  ...dataHandlers,
  ...groupHandlers,
  ...securityHandlers,
  ...topicHandlers,
  ...transactionHandlers,

  // Groups of KIP-848, share groups, streams groups.
  consumerGroupHeartbeat: notServed(messages.consumerGroupHeartbeat),
  consumerGroupDescribe: notServed(messages.consumerGroupDescribe),
  shareGroupHeartbeat: notServed(messages.shareGroupHeartbeat),
  shareGroupDescribe: notServed(messages.shareGroupDescribe),
  shareFetch: notServed(messages.shareFetch),
  shareAcknowledge: notServed(messages.shareAcknowledge),
  initializeShareGroupState: notServed(messages.initializeShareGroupState),
  readShareGroupState: notServed(messages.readShareGroupState),
  writeShareGroupState: notServed(messages.writeShareGroupState),
  deleteShareGroupState: notServed(messages.deleteShareGroupState),
  readShareGroupStateSummary: notServed(messages.readShareGroupStateSummary),
  describeShareGroupOffsets: notServed(messages.describeShareGroupOffsets),
  alterShareGroupOffsets: notServed(messages.alterShareGroupOffsets),
  deleteShareGroupOffsets: notServed(messages.deleteShareGroupOffsets),
  streamsGroupHeartbeat: notServed(messages.streamsGroupHeartbeat),
  streamsGroupDescribe: notServed(messages.streamsGroupDescribe),
  streamsGroupTopologyDescriptionUpdate: notServed(messages.streamsGroupTopologyDescriptionUpdate),

  // Security.
  alterClientQuotas: notServed(messages.alterClientQuotas),
  alterUserScramCredentials: notServed(messages.alterUserScramCredentials),

  // Client telemetry.
  getTelemetrySubscriptions: notServed(messages.getTelemetrySubscriptions),
  pushTelemetry: notServed(messages.pushTelemetry),

  // Between the nodes of a cluster, of which there is one.
  vote: notServed(messages.vote),
  beginQuorumEpoch: notServed(messages.beginQuorumEpoch),
  endQuorumEpoch: notServed(messages.endQuorumEpoch),
  fetchSnapshot: notServed(messages.fetchSnapshot),
  addRaftVoter: notServed(messages.addRaftVoter),
  removeRaftVoter: notServed(messages.removeRaftVoter),
  updateRaftVoter: notServed(messages.updateRaftVoter),
  alterPartition: notServed(messages.alterPartition),
  envelope: notServed(messages.envelope),
  brokerRegistration: notServed(messages.brokerRegistration),
  brokerHeartbeat: notServed(messages.brokerHeartbeat),
  unregisterBroker: notServed(messages.unregisterBroker),
  allocateProducerIds: notServed(messages.allocateProducerIds),
  controllerRegistration: notServed(messages.controllerRegistration),
  unregisterController: notServed(messages.unregisterController),
  assignReplicasToDirs: notServed(messages.assignReplicasToDirs),
};

/** The same as a list, for those who do not care which is which. */
export const allHandlers = Object.values(handlers) as unknown as readonly AnyHandler[];
