/** What `kompakt adopt` says of a directory that is one broker's of several, or holds what this version does not serve. */
import { expect, test } from 'vitest';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { registerBrokerRecord } from '../../../broker/metadata/records/brokers.ts';
import { clientQuotaRecord } from '../../../broker/metadata/records/client-quotas.ts';
import { configRecord } from '../../../broker/metadata/records/configs.ts';
import { featureLevelRecord } from '../../../broker/metadata/records/features.ts';
import { encodeMetadataRecord } from '../../../broker/metadata/records/index.ts';
import { partitionRecord, topicRecord } from '../../../broker/metadata/records/topics.ts';
import { type Adoption, adoptionOf, lookAtDirectory } from '../../../broker/moving.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { open } from '../metadata/cluster-fixture.ts';

/** Of a directory whose metadata says these things besides. */
async function adoptionWith(recordsFor: (directoryId: string) => Buffer[]): Promise<Adoption> {
  const { environment, state, log, close } = await open();
  const records = recordsFor(state.directoryId).map((value) => ({ timestampMs: 1, key: null, value }));
  await log.append(buildBatch({ records }), { origin: 'raft', leaderEpoch: 1 });
  await close();
  const read = readConfiguration();
  if (!read.ok) throw new Error(read.messages.join());
  const look = { environment, configuration: read.configuration, directory: '/data', processId: 1 };
  return adoptionOf(await lookAtDirectory(look, (found) => found));
}

const topicId = 'AAAAAAAAAAAAAAAAAAAAgA';
const otherDirectory = 'AAAAAAAAAAAAAAAAAAAAhA';
const topic = encodeMetadataRecord(topicRecord, 0, { name: 'shared', topicId });
const partition = (partitionId: number, replicas: number[], isr: number[], directoryId: string) =>
  encodeMetadataRecord(partitionRecord, 2, {
    partitionId,
    topicId,
    replicas,
    isr,
    removingReplicas: [],
    addingReplicas: [],
    leader: isr[0]!,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: replicas.map((id) => (id === 1 ? directoryId : otherDirectory)),
  });

test('which partitions it has alone from now on, which may lack records, and which it has not', async () => {
  const { refusals, lost } = await adoptionWith((id) => [
    topic,
    partition(0, [1], [1], id),
    partition(1, [1, 2], [1, 2], id),
    partition(2, [1, 2], [2], id),
    partition(3, [2, 3], [2], id),
  ]);
  expect(refusals).toEqual([]);
  expect(lost).toEqual([
    'shared-3: no replica in this directory, so nobody leads it here',
    'shared-1, shared-2: replicas on other brokers are given up, this node has the only one',
    'shared-2: the replica here was not in sync, so the newest records may be on another broker only',
  ]);
});

test('quotas and features that are kept without effect', async () => {
  const { lost } = await adoptionWith(() => [
    encodeMetadataRecord(clientQuotaRecord, 0, {
      entity: [{ entityType: 'user', entityName: null }],
      key: 'consumer_byte_rate',
      value: 1,
      remove: false,
    }),
    encodeMetadataRecord(featureLevelRecord, 0, {
      name: 'eligible.leader.replicas.version',
      featureLevel: 1,
    }),
  ]);
  expect(lost).toEqual([
    '1 client quotas: kept, not enforced',
    'eligible.leader.replicas.version is at level 1, served here at 0; the directory keeps its level',
  ]);
});

test('one of several log.dirs, and tiered storage, are refused', async () => {
  const { refusals } = await adoptionWith((id) => [
    encodeMetadataRecord(registerBrokerRecord, 4, {
      brokerId: 1,
      isMigratingZkBroker: false,
      incarnationId: 'sf0KkVQDRf6C6V3cBWHl0A',
      brokerEpoch: 9,
      endPoints: [],
      features: [],
      rack: null,
      fenced: true,
      logDirs: [id, otherDirectory],
    }),
    topic,
    encodeMetadataRecord(configRecord, 0, {
      resourceType: 2,
      resourceName: 'shared',
      name: 'remote.storage.enable',
      value: 'true',
    }),
  ]);
  expect(refusals).toEqual([
    expect.stringMatching(/^\/data is one of 2 log\.dirs of its broker \(JBOD\)/),
    expect.stringMatching(/^shared: a part of their records is in remote storage/),
  ]);
});
