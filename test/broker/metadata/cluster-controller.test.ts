import { describe, expect, test } from 'vitest';
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import { create, newTopic, open, recordsInLog, told } from './cluster-fixture.ts';

const { topic: topicType } = configResourceTypes;

describe('internal and automatic topics', () => {
  test('an internal topic is made once, with the partitions of the settings and its own configs', async () => {
    const cluster = await open({ settings: { 'auto.create.topics.enable': false } });
    const made = await Promise.all([
      cluster.controller.ensureInternalTopic('__consumer_offsets'),
      cluster.controller.ensureInternalTopic('__consumer_offsets'),
      cluster.controller.ensureInternalTopic('__transaction_state'),
      cluster.controller.ensureInternalTopic('__share_group_state'),
    ]);
    expect(made[0]).toBe(made[1]);
    expect(made[0]).toMatchObject({ name: '__consumer_offsets', isInternal: true });
    expect([...cluster.state.topics()].map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['__consumer_offsets', 50],
      ['__share_group_state', 50],
      ['__transaction_state', 50],
    ]);
    expect(Object.fromEntries(cluster.state.configs(topicType, '__consumer_offsets'))).toEqual({
      'cleanup.policy': 'compact',
      'compression.type': 'producer',
      'segment.bytes': '104857600',
    });
  });

  test('auto-creation takes the defaults, when it is on', async () => {
    const on = await open({ settings: { 'num.partitions': 4 } });
    expect(await on.controller.autoCreateTopics(['a', '!'])).toMatchObject([
      { name: 'a', errorCode: 0, numPartitions: 4 },
      { name: '!', errorCode: 17 },
    ]);
    expect(await on.controller.autoCreateTopics(['a'])).toMatchObject([{ errorCode: 0, numPartitions: 4 }]);
    const off = await open({ settings: { 'auto.create.topics.enable': false } });
    expect(await off.controller.autoCreateTopics(['a'])).toMatchObject([{ name: 'a', errorCode: 3 }]);
    expect(off.state.topicCount).toBe(0);
  });
});

describe('producer ids, leader epochs, features', () => {
  test('no producer id is given out twice, over stops and crashes', async () => {
    let cluster = await open();
    const { environment } = cluster;
    const blocks: number[] = [];
    for (let start = 0; start < 3; start++) {
      for (let block = 0; block < 2; block++)
        blocks.push((await cluster.controller.allocateProducerIds()).firstProducerId);
      if (start === 1) await cluster.close();
      cluster = await open({ environment });
    }
    expect(blocks).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
    cluster.controller.noteProducerId(8_123);
    expect((await cluster.controller.allocateProducerIds()).firstProducerId).toBe(8_124);
  });

  test('leader epochs rise by one, or up to what a log has already', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a', { numPartitions: 3 }));
    await cluster.controller.bumpLeaderEpochs([
      { topic: 'a', partition: 0 },
      { topic: 'a', partition: 2, atLeast: 4 },
      { topic: 'a', partition: 9 },
    ]);
    const epochs = () =>
      cluster.state.topic('a')!.partitions.map((p) => [p.leaderEpoch, p.partitionEpoch, p.leader]);
    expect(epochs()).toEqual([
      [1, 1, 1],
      [0, 0, 1],
      [4, 4, 1],
    ]);
    expect(cluster.changes.filter(({ kind }) => kind === 'leader-epoch')).toHaveLength(2);
    expect(recordsInLog(cluster).at(-1)).toMatchObject({
      kind: 'partitionChangeRecord',
      record: { partitionId: 2, leader: 1, isr: [1] },
    });
  });

  test('a feature that is not served cannot be raised, and metadata.version not lowered below its records', async () => {
    const cluster = await open();
    const update = async (name: string, level: number, upgradeType = 1) => {
      const [result] = await cluster.controller.updateFeatures([{ name, level, upgradeType }], false);
      return told(result!);
    };
    expect(await update('share.version', 1)).toBe(
      'INVALID_UPDATE_VERSION: Invalid update version 1 for feature share.version. Local controller 1 does not support this feature.',
    );
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(await update(name, 1)).toContain('does not support this feature');
    expect(await update('transaction.version', 3)).toContain('only supports versions 0-2');
    expect(await update('metadata.version', 34)).toContain('only supports versions 7-33');
    expect(await update('metadata.version', 29)).toContain(
      "Can't downgrade the version of this feature without",
    );
    expect(await update('metadata.version', 29, 2)).toContain('Refusing to perform the requested downgrade');
    expect(await update('metadata.version', 31, 2)).toContain("Can't downgrade to a newer version.");
    expect(await update('metadata.version', 31, 0)).toContain('does not support the given upgrade type');
    const { epoch } = cluster.state.features;
    expect(await update('metadata.version', 31)).toBe('NONE');
    expect(cluster.state.features.levels.get('metadata.version')).toBe(31);
    expect(cluster.state.features.epoch).toBeGreaterThan(epoch);
    expect(cluster.changes.at(-1)).toEqual({ kind: 'features' });
    expect(await update('metadata.version', 30, 2)).toBe('NONE');
  });
});
