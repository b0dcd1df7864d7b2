/** What a client asks about the cluster as a whole. */
import { apiVersions } from '../../../../protocol/messages/cluster/api-versions.ts';
import { describeCluster } from '../../../../protocol/messages/cluster/describe-cluster.ts';
import { describeQuorum } from '../../../../protocol/messages/cluster/describe-quorum.ts';
import { updateFeatures } from '../../../../protocol/messages/cluster/update-features.ts';
import { apiByKey } from '../../../../protocol/messages/index.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import { type Scenario, versionsOf } from '../scenario.ts';

/** By name, so that an API which one side lacks is one difference and not a shift of all behind it. */
function byName({ apiKeys, supportedFeatures, finalizedFeatures, ...rest }: ResponseOf<typeof apiVersions>) {
  const range = ({ minVersion, maxVersion }: { minVersion: number; maxVersion: number }) =>
    `${minVersion}-${maxVersion}`;
  return {
    ...rest,
    apis: Object.fromEntries(
      apiKeys.map((api) => [apiByKey(api.apiKey)?.name ?? `key ${api.apiKey}`, range(api)]),
    ),
    supported: Object.fromEntries(supportedFeatures.map((feature) => [feature.name, range(feature)])),
    finalized: Object.fromEntries(
      finalizedFeatures.map(({ name, minVersionLevel, maxVersionLevel }) => [
        name,
        `${minVersionLevel}-${maxVersionLevel}`,
      ]),
    ),
  };
}

const software = { clientSoftwareName: 'differential', clientSoftwareVersion: '1.0' };

const apis: Scenario = {
  name: 'apis',
  async run(side) {
    for (const version of versionsOf('apiVersions')) {
      const body = version >= 3 ? software : {};
      await (await side.connect()).ask(apiVersions, version, body, '', byName);
    }
    for (const name of ['', '-', 'a b', 'a.', '.a', 'a-b.c', 'ü', '3']) {
      const peer = await side.connect();
      await peer.ask(
        apiVersions,
        3,
        { clientSoftwareName: name, clientSoftwareVersion: '1' },
        `name '${name}'`,
        byName,
      );
      await peer.ask(
        apiVersions,
        3,
        { clientSoftwareName: 'a', clientSoftwareVersion: name },
        `version '${name}'`,
        byName,
      );
    }
    const cluster = await (await side.main()).ready(describeCluster, 0, {
      includeClusterAuthorizedOperations: false,
    });
    const nodeId = cluster.controllerId;
    const { clusterId } = cluster;
    for (const [note, whom] of [
      ['as it is', { clusterId, nodeId }],
      ['another cluster', { clusterId: 'another', nodeId }],
      ['another node', { clusterId, nodeId: nodeId + 1 }],
      ['node without cluster', { nodeId }],
      ['cluster without node', { clusterId }],
    ] as const)
      await side.ask(apiVersions, 5, { ...software, ...whom }, note, byName);
  },
};

const nodes: Scenario = {
  name: 'nodes',
  async run(side) {
    const plain = { includeClusterAuthorizedOperations: false };
    for (const version of versionsOf('describeCluster')) {
      for (const includeClusterAuthorizedOperations of [false, true])
        await side.ask(describeCluster, version, { includeClusterAuthorizedOperations });
      for (const endpointType of version >= 1 ? [0, 1, 2, 3, -1] : [])
        await side.ask(describeCluster, version, { ...plain, endpointType }, `of type ${endpointType}`);
      if (version >= 2)
        await side.ask(describeCluster, version, { ...plain, includeFencedBrokers: true }, 'fenced');
    }
  },
};

const quorum: Scenario = {
  name: 'quorum',
  async run(side) {
    const metadataLog = { topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] };
    for (const version of versionsOf('describeQuorum')) {
      for (const [note, topics] of [
        ['', [metadataLog]],
        ['nothing', []],
        ['another topic', [{ topicName: 'other', partitions: [{ partitionIndex: 0 }] }]],
        ['another partition', [{ ...metadataLog, partitions: [{ partitionIndex: 1 }] }]],
        ['twice', [metadataLog, metadataLog]],
      ] as const)
        await side.ask(describeQuorum, version, { topics: [...topics] }, note, withoutOffsets);
    }
  },
};

/** How far the metadata log is, and on which epoch, is another matter on each side. */
function withoutOffsets(answer: ResponseOf<typeof describeQuorum>) {
  return {
    ...answer,
    topics: answer.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map((partition) => ({
        ...partition,
        leaderEpoch: partition.leaderEpoch > 0 ? 'some' : partition.leaderEpoch,
        highWatermark: partition.highWatermark > 0 ? 'some' : partition.highWatermark,
        currentVoters: partition.currentVoters.map((voter) => ({
          ...voter,
          logEndOffset: voter.logEndOffset > 0 ? 'some' : voter.logEndOffset,
        })),
      })),
    })),
  };
}

const features: Scenario = {
  name: 'features',
  async run(side) {
    for (const version of versionsOf('updateFeatures')) {
      const validateOnly = version >= 1 ? { validateOnly: true } : {};
      for (const [feature, maxVersionLevel] of [
        ['metadata.version', 30],
        ['metadata.version', 99],
        ['metadata.version', 1],
        ['metadata.version', 0],
        ['no.such.feature', 1],
        ['kraft.version', 0],
        ['group.version', 0],
        ['transaction.version', 99],
        ['', 1],
      ] as const) {
        // v0 cannot try: what it asks for must not change anything.
        if (version === 0 && (feature === 'kraft.version' || maxVersionLevel === 1)) continue;
        await side.ask(
          updateFeatures,
          version,
          { featureUpdates: [{ feature, maxVersionLevel }], ...validateOnly },
          `${feature} to ${maxVersionLevel}`,
        );
      }
    }
    for (const upgradeType of [0, 1, 2, 3, 4, -1])
      for (const maxVersionLevel of [29, 30, 31, 7]) {
        const featureUpdates = [{ feature: 'metadata.version', maxVersionLevel, upgradeType }];
        await side.ask(
          updateFeatures,
          2,
          { featureUpdates, validateOnly: true },
          `${maxVersionLevel} by ${upgradeType}`,
        );
      }
    const twice = { feature: 'group.version', maxVersionLevel: 0 };
    await side.ask(updateFeatures, 2, { featureUpdates: [twice, twice], validateOnly: true }, 'twice');
    await side.ask(updateFeatures, 2, { featureUpdates: [], validateOnly: true }, 'nothing');
  },
};

export const clusterScenarios: readonly Scenario[] = [apis, nodes, quorum, features];
