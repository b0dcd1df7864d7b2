/** Features that are served since a directory was made. */
import { expect, test } from 'vitest';
import { ClusterMachine } from '../../../broker/metadata/cluster-machine.ts';
import { registerControllerRecord } from '../../../broker/metadata/records/controllers.ts';
import { featureLevelRecord } from '../../../broker/metadata/records/features.ts';
import { decodeMetadataRecord, encodeMetadataRecord } from '../../../broker/metadata/records/index.ts';
import { startRecords } from '../../../broker/metadata/start-records.ts';
import { open } from './cluster-fixture.ts';

const feature = 'transaction.version';

/** What a start writes first into a directory whose only feature is metadata.version. */
function firstRecordAt(metadataVersion: number, ...others: Buffer[]) {
  const state = new ClusterMachine(1);
  const level = { name: 'metadata.version', featureLevel: metadataVersion };
  state.replay(encodeMetadataRecord(featureLevelRecord, 0, level), { offset: 1, timestampMs: 0 });
  for (const value of others) state.replay(value, { offset: 2, timestampMs: 0 });
  const incarnationId = 'sf0KkVQDRf6C6V3cBWHl0A';
  const options = { firstOffset: 2, bootstrap: null, incarnationId, endpoints: [], rack: null };
  return decodeMetadataRecord(startRecords(state, options)[0]!);
}

test('a directory from before transactions were served gets transaction.version with the next start', () => {
  expect(firstRecordAt(30)).toMatchObject({
    kind: 'featureLevelRecord',
    record: { name: feature, featureLevel: 2 },
  });
});

test('one of a Kafka that did not know it does not', () => {
  expect(firstRecordAt(20)).toMatchObject({ kind: 'registerBrokerRecord' });
});

test('one that a Kafka has led does not: its format says nothing of a feature that is to be off', () => {
  const controller = encodeMetadataRecord(registerControllerRecord, 0, {
    controllerId: 1,
    incarnationId: 'sf0KkVQDRf6C6V3cBWHl0A',
    zkMigrationReady: false,
    endPoints: [],
    features: [],
  });
  expect(firstRecordAt(30, controller)).toMatchObject({ kind: 'registerBrokerRecord' });
});

test('one where somebody has turned it off keeps it off', async () => {
  const cluster = await open();
  const { environment } = cluster;
  await cluster.controller.updateFeatures([{ name: feature, level: 0, upgradeType: 2 }], false);
  await cluster.close();
  const again = await open({ environment });
  expect(again.state.features.levels.has(feature)).toBe(false);
});
