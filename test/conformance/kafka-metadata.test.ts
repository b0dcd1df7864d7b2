/** The cluster metadata in directories that Apache Kafka 4.3.1 left: what is read from it, and what is written behind it. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configResourceTypes } from '../../broker/metadata/cluster-state.ts';
import type { OpenedCluster } from '../../broker/metadata/open-cluster.ts';
import {
  dataDirectory,
  metadataDirectory,
  newTopic,
  open,
  recordsInLog,
  snapshotOf,
} from '../broker/metadata/cluster-fixture.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { KafkaDirectory } from './kafka-directory.ts';

const names = [
  '1-plain',
  '3-txn-0-before',
  '4-unclean-0-killed',
  '4-unclean-late-0-killed',
  '5-coordinators',
];

describe.each(names)('the cluster metadata of %s', (name) => {
  let directory: KafkaDirectory;
  let cluster: OpenedCluster;

  const reopen = async () => {
    const { environment, path: at } = directory;
    cluster = await open({ environment, directory: at, settings: { 'kompakt.ignore.acls': true } });
    return cluster;
  };

  beforeAll(async () => {
    directory = await KafkaDirectory.unpack(name);
    await reopen();
  });
  afterAll(() => directory.remove());

  it('knows the identity', () => {
    const meta = fs.readFileSync(path.join(directory.path, 'meta.properties'), 'latin1');
    expect(meta).toContain(`cluster.id=${cluster.state.clusterId}\n`);
    expect(meta).toContain(`directory.id=${cluster.state.directoryId}\n`);
  });

  it('has exactly the partitions that lie there, with their topic ids', () => {
    const onDisk = fs
      .readdirSync(directory.path, { withFileTypes: true })
      .filter(
        (entry) => entry.isDirectory() && /-\d+$/.test(entry.name) && !entry.name.startsWith('__cluster'),
      )
      .map(({ name: partition }) => {
        const metadata = fs.readFileSync(path.join(directory.path, partition, 'partition.metadata'), 'utf8');
        return `${partition} ${metadata.slice(-22)}`;
      });
    const known = [...cluster.state.topics()].flatMap((topic) =>
      topic.partitions.map(({ index }) => `${topic.name}-${index} ${topic.id}`),
    );
    expect(known.sort()).toEqual(onDisk.sort());
  });

  it('makes this node the leader of all of them, in an epoch that no batch has yet', () => {
    for (const topic of cluster.state.topics())
      for (const partition of topic.partitions) {
        expect(partition).toMatchObject({ leader: 1, isr: [1], replicas: [1] });
        expect(partition.directories).toEqual([cluster.state.directoryId]);
        const epochs = path.join(
          directory.path,
          `${topic.name}-${partition.index}`,
          'leader-epoch-checkpoint',
        );
        const lines = fs.existsSync(epochs)
          ? fs.readFileSync(epochs, 'utf8').trim().split('\n').slice(2)
          : [];
        for (const line of lines)
          expect(partition.leaderEpoch).toBeGreaterThanOrEqual(Number(line.split(' ')[0]));
      }
  });

  it('goes on one epoch later, and is the same at the next start', async () => {
    const quorum = () =>
      JSON.parse(fs.readFileSync(path.join(directory.path, '__cluster_metadata-0/quorum-state'), 'utf8'));
    expect(quorum()).toMatchObject({ leaderId: 1, leaderEpoch: 2, data_version: 0 });
    await cluster.controller.createTopics([newTopic('ours', { numPartitions: 2 })], { validateOnly: false });
    const before = snapshotOf(cluster.state);
    expect(await cluster.close()).toBe(true);
    await reopen();
    expect(snapshotOf(cluster.state)).toEqual(before);
    expect(quorum()).toMatchObject({ leaderEpoch: 3 });
  });

  it('tells clients no feature that is not served, and keeps what the log has', () => {
    expect(Object.fromEntries(cluster.state.features.levels)).toEqual({
      'metadata.version': 30,
      'transaction.version': 2,
    });
    expect(Object.fromEntries(cluster.state.recordedFeatures)).toMatchObject({
      'metadata.version': 30,
      'transaction.version': 2,
      'group.version': 1,
      'eligible.leader.replicas.version': 1,
    });
  });
});

describe('the metadata of 5-coordinators', () => {
  let directory: KafkaDirectory;
  let cluster: OpenedCluster;
  beforeAll(async () => {
    directory = await KafkaDirectory.unpack('5-coordinators');
    cluster = await open({
      environment: directory.environment,
      directory: directory.path,
      settings: { 'kompakt.ignore.acls': true },
    });
  });
  afterAll(() => directory.remove());

  const configs = (type: keyof typeof configResourceTypes, name: string) =>
    Object.fromEntries(cluster.state.configs(configResourceTypes[type], name));

  it('has the topics, grown and without the deleted one', () => {
    const topics = [...cluster.state.topics()].map(({ name, id, partitions }) => [
      name,
      id,
      partitions.length,
    ]);
    expect(topics).toEqual([
      ['__consumer_offsets', 'SJMlK3JLQEG2a78bo5JuuA', 4],
      ['__transaction_state', 'kFgwKuTTTU2Dwc4QArjUSg', 2],
      ['kv', 'pv-6XbK3TzKycc8yQkOfyg', 3],
      ['orders', 'fHDWq2wUT1CCWPJnFH2LPg', 3],
    ]);
    expect(cluster.state.topic('doomed')).toBeUndefined();
  });

  it('has the configs of every kind of resource', () => {
    expect(configs('topic', 'kv')).toEqual({
      'cleanup.policy': 'compact',
      'min.compaction.lag.ms': '5000',
      'message.timestamp.type': 'LogAppendTime',
      'retention.ms': '-1',
    });
    expect(configs('topic', 'orders')).toEqual({
      'retention.ms': '1000000000005',
      'segment.bytes': '2097152',
    });
    expect(configs('broker', '')).toEqual({ 'min.insync.replicas': '1', 'message.max.bytes': '1500000' });
    expect(configs('broker', '1')).toEqual({ 'log.cleaner.threads': '1' });
    expect(configs('group', 'new-live')).toEqual({ 'consumer.session.timeout.ms': '50000' });
    expect([...cluster.state.configuredResources(configResourceTypes.topic)]).not.toContain('doomed');
  });

  it('keeps what is not served, and gives out no producer id twice', async () => {
    expect(Object.fromEntries(cluster.state.kept.counts)).toEqual({
      accessControlEntryRecord: 2,
      userScramCredentialRecord: 2,
      clientQuotaRecord: 3,
      registerControllerRecord: 1,
    });
    expect(await cluster.controller.allocateProducerIds()).toEqual({ firstProducerId: 1000, count: 1000 });
  });
});

/** What `kafka-storage format --standalone` of Apache Kafka 4.4.0 leaves for node 7: kraft.version 1, six features. */
const formattedBy44 = Buffer.from(
  [
    'AAAAAAAAAAAAAACaAAAAAAL6H5PHACAAAAACAAABogXJ8K0AAAGiBcnwrf//////////////////AAAAAyoAAAAIAAAAAxYAAAAAAaIFyfCBAAAeAAACCAAA',
    'AAUKAAAAAQAAggEAAAQIAAAABm4AAAIAAAAHMoZQJwtmQXKS4n7VZUS32QILQ09OVFJPTExFUgoxMjcuMC4wLjGZfQAAAAABAAAAAAAAAAAAAAADAAAA8QAA',
    'AAACpbOBMQAAAAAABQAAAaIFyfDiAAABogXJ8OL//////////////////wAAAAY6AAAAAS4BDAARbWV0YWRhdGEudmVyc2lvbgAhAABaAAACAU4BDAAhZWxp',
    'Z2libGUubGVhZGVyLnJlcGxpY2FzLnZlcnNpb24AAQAANAAABAEoAQwADmdyb3VwLnZlcnNpb24AAQAANAAABgEoAQwADnNoYXJlLnZlcnNpb24AAgAAOAAA',
    'CAEsAQwAEHN0cmVhbXMudmVyc2lvbgABAABAAAAKATQBDAAUdHJhbnNhY3Rpb24udmVyc2lvbgACAAAAAAAAAAAACQAAAD8AAAAAAhaP9TQAIAAAAAAAAAGi',
    'Bcnw5QAAAaIFyfDl//////////////////8AAAABGgAAAAgAAAAEBgAAAAA=',
  ].join(''),
  'base64',
);

describe('a directory that Kafka has formatted and never started', () => {
  const meta = [
    'version=1',
    'node.id=7',
    'cluster.id=some-cluster',
    'directory.id=MoZQJwtmQXKS4n7VZUS32Q',
    '',
  ].join('\n');

  it.each([
    ['4.4', `${metadataDirectory}/00000000000000000000-0000000000.checkpoint`],
    ['4.3', `${dataDirectory}/bootstrap.checkpoint`],
  ])('begins with the records of format, as %s leaves them', async (_version, checkpoint) => {
    const environment = simulatedEnvironment();
    environment.files.makeDirectorySync(metadataDirectory);
    environment.files.replaceFileSync(`${dataDirectory}/meta.properties`, Buffer.from(meta));
    environment.files.replaceFileSync(checkpoint, formattedBy44);
    const cluster = await open({ environment });
    expect(cluster.state).toMatchObject({ nodeId: 7, clusterId: 'some-cluster' });
    expect(Object.fromEntries(cluster.state.recordedFeatures)).toMatchObject({
      'metadata.version': 33,
      'transaction.version': 2,
      'share.version': 2,
    });
    // The log must hold them itself: no Kafka reads them from there once the log is not empty.
    const kinds = recordsInLog(cluster).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'featureLevelRecord')).toHaveLength(6);
    await cluster.controller.createTopics([newTopic('ours')], { validateOnly: false });
    await cluster.close();
    const again = await open({ environment });
    expect(snapshotOf(again.state)).toEqual(snapshotOf(cluster.state));
    expect(recordsInLog(again).filter(({ kind }) => kind === 'featureLevelRecord')).toHaveLength(6);
  });

  it('keeps to kraft.version 1', async () => {
    const environment = simulatedEnvironment();
    environment.files.makeDirectorySync(metadataDirectory);
    environment.files.replaceFileSync(`${dataDirectory}/meta.properties`, Buffer.from(meta));
    environment.files.replaceFileSync(
      `${metadataDirectory}/00000000000000000000-0000000000.checkpoint`,
      formattedBy44,
    );
    const { state } = await open({ environment });
    expect(state.features.levels.get('kraft.version')).toBe(1);
    expect(environment.files.readFileSync(`${metadataDirectory}/quorum-state`).toString()).toBe(
      '{"leaderId":7,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}',
    );
  });
});
