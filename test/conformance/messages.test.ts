/** Every API body that Kafka's own classes wrote decodes to its JSON, and encodes to the same bytes again. */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { messages } from '../../protocol/messages/index.ts';
import type { AnyApi } from '../../protocol/schema/api.ts';
import { checkBody, vectorLines } from './kafka-json.ts';

const byName = new Map<string, AnyApi>(Object.values(messages).map((api) => [api.name, api]));

/** How many lines each file has: a line that goes missing is a failure, not a smaller test. */
const lineCounts = {
  AddOffsetsToTxn: 35,
  AddPartitionsToTxn: 54,
  AddRaftVoter: 24,
  AllocateProducerIds: 8,
  AlterClientQuotas: 24,
  AlterConfigs: 34,
  AlterPartition: 22,
  AlterPartitionReassignments: 26,
  AlterReplicaLogDirs: 18,
  AlterShareGroupOffsets: 13,
  AlterUserScramCredentials: 12,
  ApiVersions: 45,
  AssignReplicasToDirs: 12,
  BeginQuorumEpoch: 22,
  BrokerHeartbeat: 28,
  BrokerRegistration: 51,
  ConsumerGroupDescribe: 24,
  ConsumerGroupHeartbeat: 26,
  ControllerRegistration: 12,
  CreateAcls: 30,
  CreateDelegationToken: 28,
  CreatePartitions: 46,
  CreateTopics: 68,
  DeleteAcls: 33,
  DeleteGroups: 35,
  DeleteRecords: 28,
  DeleteShareGroupOffsets: 13,
  DeleteShareGroupState: 12,
  DeleteTopics: 59,
  DescribeAcls: 33,
  DescribeClientQuotas: 24,
  DescribeCluster: 30,
  DescribeConfigs: 44,
  DescribeDelegationToken: 30,
  DescribeGroups: 61,
  DescribeLogDirs: 50,
  DescribeProducers: 12,
  DescribeQuorum: 30,
  DescribeShareGroupOffsets: 24,
  DescribeTopicPartitions: 14,
  DescribeTransactions: 11,
  DescribeUserScramCredentials: 13,
  ElectLeaders: 34,
  EndQuorumEpoch: 22,
  EndTxn: 43,
  Envelope: 12,
  ExpireDelegationToken: 15,
  Fetch: 158,
  FetchSnapshot: 24,
  FindCoordinator: 64,
  GetTelemetrySubscriptions: 10,
  Heartbeat: 35,
  IncrementalAlterConfigs: 24,
  InitProducerId: 60,
  InitializeShareGroupState: 12,
  JoinGroup: 100,
  LeaveGroup: 54,
  ListConfigResources: 18,
  ListGroups: 42,
  ListOffsets: 101,
  ListPartitionReassignments: 14,
  ListTransactions: 32,
  Metadata: 141,
  OffsetCommit: 88,
  OffsetDelete: 10,
  OffsetFetch: 110,
  OffsetForLeaderEpoch: 27,
  Produce: 117,
  PushTelemetry: 9,
  ReadShareGroupState: 12,
  ReadShareGroupStateSummary: 22,
  RemoveRaftVoter: 12,
  RenewDelegationToken: 15,
  SaslAuthenticate: 22,
  SaslHandshake: 16,
  ShareAcknowledge: 26,
  ShareFetch: 26,
  ShareGroupDescribe: 13,
  ShareGroupHeartbeat: 14,
  StreamsGroupDescribe: 24,
  StreamsGroupHeartbeat: 26,
  StreamsGroupTopologyDescriptionUpdate: 13,
  SyncGroup: 52,
  TxnOffsetCommit: 73,
  UnregisterBroker: 10,
  UnregisterController: 10,
  UpdateFeatures: 34,
  UpdateRaftVoter: 12,
  Vote: 35,
  WriteShareGroupState: 22,
  WriteTxnMarkers: 18,
} as const;

test('there is a file of vectors for each of the 91 APIs, with 3,101 lines in all', () => {
  const files = readdirSync(new URL('../vectors/api/', import.meta.url)).filter((name) =>
    /^[A-Z]/.test(name),
  );
  expect(files.map((name) => name.replace('.jsonl', '')).sort()).toEqual([...byName.keys()].sort());
  expect(Object.keys(lineCounts).sort()).toEqual([...byName.keys()].sort());
  expect(byName.size).toBe(91);
  expect(Object.values(lineCounts).reduce((sum, count) => sum + count, 0)).toBe(3101);
});

test.each(Object.entries(lineCounts))('%s: %i bodies', (name, count) => {
  const api = byName.get(name)!;
  const seen = new Set<string>();
  let lines = 0;
  for (const line of vectorLines(`api/${name}.jsonl`)) {
    const what = `${name} ${line.kind} v${line.version} ${line.case}`;
    const schema = line.kind === 'request' ? api.request : api.response;
    checkBody(schema, line, Buffer.from(line.hex, 'hex'), what);
    seen.add(`${line.kind} ${line.version}`);
    lines++;
  }
  expect(lines).toBe(count);
  for (let version = api.versions.low; version <= api.versions.high; version++)
    for (const kind of ['request', 'response']) expect(seen).toContain(`${kind} ${version}`);
});
