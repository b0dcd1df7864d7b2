import { describe, expect, test } from 'vitest';
import { ClusterMachine } from '../../../broker/metadata/cluster-machine.ts';
import { readKraftLog } from '../../../broker/metadata/kraft-reader.ts';
import { accessControlEntryRecord } from '../../../broker/metadata/records/acls.ts';
import { clientQuotaRecord } from '../../../broker/metadata/records/client-quotas.ts';
import { delegationTokenRecord } from '../../../broker/metadata/records/delegation-tokens.ts';
import { featureLevelRecord } from '../../../broker/metadata/records/features.ts';
import { decodeMetadataRecord, encodeMetadataRecord } from '../../../broker/metadata/records/index.ts';
import { beginTransactionRecord } from '../../../broker/metadata/records/metadata-transactions.ts';
import {
  removeUserScramCredentialRecord,
  userScramCredentialRecord,
} from '../../../broker/metadata/records/scram.ts';
import { clearElrRecord, partitionRecord, topicRecord } from '../../../broker/metadata/records/topics.ts';
import { snapshotsAmong } from '../../../broker/metadata/snapshot-file.ts';
import { snapshotRecords } from '../../../broker/metadata/snapshot-records.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { KafkaDirectory } from '../../conformance/kafka-directory.ts';
import { faultyEnvironment } from '../../simulation/simulated-environment.ts';
import { type ClusterUnderTest, metadataDirectory, newTopic, open, snapshotOf } from './cluster-fixture.ts';

const hourMs = 3_600_000;

const snapshots = ({ environment: { files } }: ClusterUnderTest) =>
  snapshotsAmong(files.listSync(metadataDirectory)).map(({ endOffset }) => endOffset);
const segments = ({ environment: { files } }: ClusterUnderTest) =>
  files.listSync(metadataDirectory).filter((name) => name.endsWith('.log'));
const create = ({ controller }: ClusterUnderTest, name: string) =>
  controller.createTopics([newTopic(name, { configs: [{ name: 'retention.ms', value: '5' }] })], {
    validateOnly: false,
  });
const append = ({ log }: ClusterUnderTest, ...values: Buffer[]) =>
  log.append(buildBatch({ records: values.map((value) => ({ timestampMs: 1, key: null, value })) }), {
    origin: 'raft',
    leaderEpoch: 1,
  });

describe('a snapshot', () => {
  test('is taken after so many bytes, and takes the place of the segments before it', async () => {
    const settings = {
      'metadata.log.max.record.bytes.between.snapshots': 500,
      'metadata.max.retention.bytes': 1,
    };
    const environment = faultyEnvironment();
    const cluster = await open({ environment, settings });
    for (let n = 0; n < 40; n++) {
      await create(cluster, `topic-${n}`);
      await environment.clock.advance(1);
    }
    expect(snapshots(cluster)).toHaveLength(1);
    expect(snapshots(cluster)[0]).toBeGreaterThan(100);
    expect(segments(cluster)[0]).not.toBe('00000000000000000000.log');
    expect(cluster.log.logStartOffset).toBe(snapshots(cluster)[0]);
    const before = snapshotOf(cluster.state);
    await cluster.close();
    const again = await open({ environment, settings });
    expect(snapshotOf(again.state)).toEqual(before);
    expect(again.state.topicCount).toBe(40);
  });

  test('is taken an hour after the first change, and not when nothing has changed', async () => {
    const environment = faultyEnvironment();
    const cluster = await open({ environment });
    await create(cluster, 'orders');
    await environment.clock.advance(hourMs - 1);
    expect(snapshots(cluster)).toEqual([]);
    await environment.clock.advance(1);
    expect(snapshots(cluster)).toEqual([cluster.log.endOffset]);
    await environment.clock.advance(5 * hourMs);
    expect(snapshots(cluster)).toHaveLength(1);
    await create(cluster, 'payments');
    await environment.clock.advance(hourMs);
    expect(snapshots(cluster)).toHaveLength(2);
    await environment.clock.advance(8 * 24 * hourMs);
    await create(cluster, 'refunds');
    await environment.clock.advance(hourMs);
    expect(snapshots(cluster), 'older than metadata.max.retention.ms').toHaveLength(1);
    await cluster.close();
    expect(environment.clock.pendingTimers).toBe(0);
  });

  test('holds what nobody acts on here, and what is remembered of other nodes', async () => {
    const first = await open();
    const { environment } = first;
    const topicId = 'AAAAAAAAAAAAAAAAAAAAgA';
    const bytes = (text: string) => Buffer.from(text);
    const scram = (name: string) =>
      encodeMetadataRecord(userScramCredentialRecord, 0, {
        name,
        mechanism: 1,
        salt: bytes('salt'),
        storedKey: bytes('stored'),
        serverKey: bytes('server'),
        iterations: 4096,
      });
    const quota = (value: number, remove: boolean, ...types: string[]) =>
      encodeMetadataRecord(clientQuotaRecord, 0, {
        entity: types.map((entityType) => ({ entityType, entityName: 'ann' })),
        key: 'producer_byte_rate',
        value,
        remove,
      });
    await append(
      first,
      encodeMetadataRecord(accessControlEntryRecord, 0, {
        id: 'AAAAAAAAAAAAAAAAAAAAgg',
        resourceType: 2,
        resourceName: 'orders',
        patternType: 3,
        principal: 'User:ann',
        host: '*',
        operation: 3,
        permissionType: 3,
      }),
      scram('ann'),
      scram('bob'),
      encodeMetadataRecord(removeUserScramCredentialRecord, 0, { name: 'bob', mechanism: 1 }),
      quota(1, false, 'user', 'client-id'),
      quota(2, false, 'client-id', 'user'),
      quota(3, false, 'user'),
      quota(0, true, 'user'),
      encodeMetadataRecord(delegationTokenRecord, 0, {
        owner: 'User:ann',
        requester: 'User:ann',
        renewers: ['User:bob'],
        issueTimestamp: 1,
        maxTimestamp: 2,
        expirationTimestamp: 3,
        tokenId: 'token',
      }),
      encodeMetadataRecord(featureLevelRecord, 0, {
        name: 'eligible.leader.replicas.version',
        featureLevel: 1,
      }),
      encodeMetadataRecord(topicRecord, 0, { name: 'shared', topicId }),
      encodeMetadataRecord(partitionRecord, 2, {
        partitionId: 0,
        topicId,
        replicas: [2, 3, 4],
        isr: [2],
        removingReplicas: [3],
        addingReplicas: [4],
        leader: 2,
        leaderRecoveryState: 1,
        leaderEpoch: 5,
        partitionEpoch: 9,
        directories: ['AAAAAAAAAAAAAAAAAAAAhA', 'AAAAAAAAAAAAAAAAAAAAhg', 'AAAAAAAAAAAAAAAAAAAAiA'],
        eligibleLeaderReplicas: [3],
        lastKnownElr: [4],
      }),
    );
    const second = await open({ environment, settings: { 'kompakt.ignore.acls': true } });
    await second.handOver({ name: 'CONTROLLER', host: 'localhost', port: 9093 });
    const held = { ...snapshotOf(second.state), records: [...snapshotRecords(second.state)] };
    await second.close();
    expect([...second.state.kept.counts]).toEqual([
      ['accessControlEntryRecord', 1],
      ['userScramCredentialRecord', 1],
      ['clientQuotaRecord', 1],
      ['delegationTokenRecord', 1],
    ]);
    environment.files.removeFileSync(`${metadataDirectory}/00000000000000000000.log`);
    const state = new ClusterMachine(1);
    const read = readKraftLog(environment.files, metadataDirectory, (record, position) =>
      state.apply(record, position),
    );
    state.clusterId = second.state.clusterId;
    state.setKraftVersion(read.kraftVersion, -1);
    expect({ ...snapshotOf(state), records: [...snapshotRecords(state)] }).toEqual({
      ...held,
      features: [...held.features, ['kraft.version', 1]].sort(),
    });
    expect(state.topic('shared')!.partitions[0]).toMatchObject({
      removingReplicas: [3],
      addingReplicas: [4],
      leaderRecoveryState: 1,
      eligibleLeaderReplicas: [3],
      lastKnownElr: [4],
    });
    expect(read.voters).toMatchObject([{ voterId: 1, voterDirectoryId: second.state.directoryId }]);
  });

  test('forgets eligible leaders that were cleared', () => {
    const state = new ClusterMachine(1);
    const topicId = 'AAAAAAAAAAAAAAAAAAAAgA';
    const replay = (value: Buffer) => state.replay(value, { offset: 1, timestampMs: 1 });
    replay(encodeMetadataRecord(topicRecord, 0, { name: 'a', topicId }));
    for (const eligibleLeaderReplicas of [[2], []])
      replay(
        encodeMetadataRecord(partitionRecord, 2, {
          partitionId: eligibleLeaderReplicas.length,
          topicId,
          replicas: [1],
          isr: [1],
          removingReplicas: [],
          addingReplicas: [],
          leader: 1,
          leaderEpoch: 0,
          partitionEpoch: 4,
          directories: ['AAAAAAAAAAAAAAAAAAAAhA'],
          eligibleLeaderReplicas,
        }),
      );
    const epochs = () =>
      state.topic('a')!.partitions.map((each) => [each.partitionEpoch, each.eligibleLeaderReplicas.length]);
    replay(encodeMetadataRecord(clearElrRecord, 0, { topicName: 'b' }));
    expect(epochs()).toEqual([
      [4, 0],
      [4, 1],
    ]);
    replay(encodeMetadataRecord(clearElrRecord, 0, { topicName: '' }));
    expect(epochs()).toEqual([
      [4, 0],
      [5, 0],
    ]);
  });

  test('is not taken in the middle of a transaction of the metadata', async () => {
    const cluster = await open({ settings: { 'metadata.log.max.record.bytes.between.snapshots': 1 } });
    cluster.state.replay(encodeMetadataRecord(beginTransactionRecord, 0, {}), { offset: 9, timestampMs: 1 });
    const before = snapshots(cluster);
    await expect(cluster.handOver({ name: 'CONTROLLER', host: 'localhost', port: 9093 })).rejects.toThrow(
      'no snapshot',
    );
    expect(snapshots(cluster)).toEqual(before);
  });

  test('that cannot be written leaves the log as it is and nothing of itself, and is taken later', async () => {
    const settings = { 'metadata.log.max.record.bytes.between.snapshots': 500 };
    const environment = faultyEnvironment();
    const cluster = await open({ environment, settings });
    environment.files.fail('write').on('*.part').with('ENOSPC').times(1);
    const failed = () =>
      environment.files.listSync(metadataDirectory).filter((name) => name.endsWith('.part'));
    let n = 0;
    while (snapshots(cluster).length === 0) {
      expect(n).toBeLessThan(40);
      await create(cluster, `topic-${n++}`);
      await environment.clock.advance(1);
      expect(failed()).toEqual([]);
    }
    await cluster.close();
    expect((await open({ environment, settings })).state.topicCount).toBe(n);
  });

  test('of which a crash has left a part, under the names of ours and of Kafka, is cleared away', async () => {
    const first = await open();
    await first.close();
    const { files } = first.environment;
    const leftovers = [
      '00000000000000000005-0000000001.checkpoint.part',
      '00000000000000000005-00000000012683472.checkpoint.part',
      '00000000000000000003-0000000001.checkpoint.deleted',
    ];
    for (const name of leftovers) files.replaceFileSync(`${metadataDirectory}/${name}`, Buffer.from('x'));
    await open({ environment: first.environment });
    expect(files.listSync(metadataDirectory).filter((name) => leftovers.includes(name))).toEqual([]);
  });
});

test('what Kafka wrote into its snapshot is what ours of the same state would hold', async () => {
  const directory = await KafkaDirectory.unpack('5-coordinators');
  try {
    const { files } = directory.environment;
    const metadata = files.join(directory.path, '__cluster_metadata-0');
    const { name } = snapshotsAmong(files.listSync(metadata)).at(-1)!;
    const alone = files.join(directory.path, 'alone');
    files.makeDirectorySync(alone);
    files.replaceFileSync(files.join(alone, name), files.readFileSync(files.join(metadata, name)));
    const state = new ClusterMachine(1);
    const theirs: string[] = [];
    readKraftLog(files, alone, (record, position, value) => {
      theirs.push(describeValue(value));
      state.apply(record, position);
    });
    const ours = [...snapshotRecords(state)].map(describeValue);
    expect(ours.length).toBeGreaterThan(20);
    expect(ours.sort()).toEqual(theirs.sort());
  } finally {
    directory.remove();
  }
});

/** With its lists in order: Kafka's come out of hash maps. */
function describeValue(value: Buffer): string {
  const { kind, version, record } = decodeMetadataRecord(value);
  const inOrder = (_key: string, part: unknown) =>
    Array.isArray(part) ? part.map((each) => JSON.stringify(each)).sort() : part;
  return `${kind} ${version} ${JSON.stringify(record, inOrder)}`;
}
