import { describe, expect, test } from 'vitest';
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import type { NewTopic } from '../../../broker/metadata/metadata-controller.ts';
import { errorName } from '../../../protocol/errors.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { type ClusterUnderTest, newTopic, open, recordsInLog } from './cluster-fixture.ts';

const { topic: topicType, broker: brokerType, group: groupType } = configResourceTypes;

interface Answered {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** 'NONE', or the error's name and message. */
function told({ errorCode, errorMessage }: Answered): string {
  return errorCode === 0 ? 'NONE' : `${errorName(errorCode)}: ${errorMessage}`;
}

async function create(cluster: ClusterUnderTest, ...topics: NewTopic[]): Promise<string[]> {
  const results = await cluster.controller.createTopics(topics, { validateOnly: false });
  return results.map((result) => `${result.name} ${told(result)}`);
}

describe('createTopics', () => {
  test('creates topics with their partitions and configs, in one batch, and tells of them when they are whole', async () => {
    const cluster = await open();
    const before = cluster.log.endOffset;
    const partitionsSeen: number[] = [];
    cluster.state.onChange((change) => {
      if (change.kind === 'topic-created') partitionsSeen.push(change.topic.partitions.length);
    });
    const results = await cluster.controller.createTopics(
      [
        newTopic('a', { numPartitions: 2 }),
        newTopic('b', { configs: [{ name: 'retention.ms', value: '7' }] }),
      ],
      { validateOnly: false },
    );
    expect(results).toMatchObject([
      { name: 'a', errorCode: 0, numPartitions: 2, replicationFactor: 1 },
      { name: 'b', errorCode: 0, numPartitions: 1, replicationFactor: 1 },
    ]);
    expect(partitionsSeen).toEqual([2, 1]);
    expect(cluster.log.endOffset - before).toBe(6);
    expect(cluster.state.topic('a')).toBe(cluster.state.topicById(results[0]!.topicId));
    expect([...cluster.state.configs(topicType, 'b')]).toEqual([['retention.ms', '7']]);
    expect(cluster.changes.map((change) => change.kind)).toEqual([
      'topic-created',
      'topic-created',
      'configs',
    ]);
    expect(cluster.state.topic('a')!.partitions[1]).toEqual({
      index: 1,
      leader: 1,
      leaderEpoch: 0,
      partitionEpoch: 0,
      replicas: [1],
      isr: [1],
      directories: [cluster.state.directoryId],
    });
    expect(recordsInLog(cluster).at(-1)).toMatchObject({ kind: 'partitionRecord', version: 2 });
  });

  test.each([
    ['', 'the empty string is not allowed'],
    ['.', "'.' is not allowed"],
    ['..', "'..' is not allowed"],
    ['a b', "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
    ['ü', "'ü' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"],
    ['x'.repeat(250), `the length of '${'x'.repeat(250)}' is longer than the max allowed length 249`],
  ])('refuses the name %j', async (name, reason) => {
    expect(await create(await open(), newTopic(name))).toEqual([
      `${name} INVALID_TOPIC_EXCEPTION: Topic name is invalid: ${reason}`,
    ]);
  });

  test('refuses names that exist, that meet in metrics, that are there twice, and the metadata topic', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a.b'), newTopic('c'));
    expect(
      await create(
        cluster,
        newTopic('a.b'),
        newTopic('a_b'),
        newTopic('twice'),
        newTopic('d'),
        newTopic('twice'),
        newTopic('__cluster_metadata'),
      ),
    ).toEqual([
      "a.b TOPIC_ALREADY_EXISTS: Topic 'a.b' already exists.",
      "a_b INVALID_TOPIC_EXCEPTION: Topic 'a_b' collides with existing topic: a.b",
      'd NONE',
      'twice INVALID_REQUEST: Duplicate topic name.',
      '__cluster_metadata INVALID_REQUEST: Creation of internal topic __cluster_metadata is prohibited.',
    ]);
  });

  test('on a disk that ignores case, refuses names that differ in nothing else', async () => {
    const cluster = await open();
    expect(await create(cluster, newTopic('orders'), newTopic('Orders'))).toEqual([
      'orders NONE',
      'Orders NONE',
    ]);
    const { environment } = await open();
    environment.files.isCaseInsensitive = () => true;
    const ignoring = await open({ environment });
    expect(await create(ignoring, newTopic('orders'), newTopic('Orders'))).toEqual([
      'orders NONE',
      "Orders INVALID_TOPIC_EXCEPTION: Topic 'Orders' collides with existing topic: orders, because this disk does not tell upper from lower case",
    ]);
    expect((await create(ignoring, newTopic('ORDERS')))[0]).toContain('collides with existing topic: orders');
  });

  test('refuses partitions and replicas as Kafka does', async () => {
    const cluster = await open({ settings: { 'num.partitions': 3 } });
    const assigned = (...assignments: NewTopic['assignments'][number][]) => ({
      numPartitions: -1,
      replicationFactor: -1,
      assignments,
    });
    const on = (partitionIndex: number, ...brokerIds: number[]) => ({ partitionIndex, brokerIds });
    expect(
      await create(
        cluster,
        newTopic('p0', { numPartitions: 0 }),
        newTopic('p-2', { numPartitions: -2 }),
        newTopic('r0', { replicationFactor: 0 }),
        newTopic('r3', { replicationFactor: 3 }),
        newTopic('both', { ...assigned(on(0, 1)), numPartitions: 1 }),
        newTopic('both2', { ...assigned(on(0, 1)), replicationFactor: 1 }),
        newTopic('stranger', assigned(on(0, 1, 2))),
        newTopic('same', assigned(on(0, 1, 1))),
        newTopic('none', assigned(on(0))),
        newTopic('hole', assigned(on(0, 1), on(2, 1))),
        newTopic('again', assigned(on(0, 1), on(0, 1))),
        newTopic('fine', assigned(on(1, 1), on(0, 1))),
        newTopic('defaults', { numPartitions: -1, replicationFactor: -1 }),
      ),
    ).toEqual([
      'p0 INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.',
      'p-2 INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.',
      'r0 INVALID_REPLICATION_FACTOR: Replication factor must be larger than 0, or -1 to use the default value.',
      'r3 INVALID_REPLICATION_FACTOR: Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.',
      'both INVALID_REQUEST: A manual partition assignment was specified, but numPartitions was not set to -1.',
      'both2 INVALID_REQUEST: A manual partition assignment was specified, but replication factor was not set to -1.',
      'stranger INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 2, but no such broker is registered.',
      'same INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 1 more than once.',
      'none INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes an empty replica list.',
      'hole INVALID_REPLICA_ASSIGNMENT: partitions should be a consecutive 0-based integer sequence',
      'again INVALID_REPLICA_ASSIGNMENT: Found multiple manual partition assignments for partition 0',
      'fine NONE',
      'defaults NONE',
    ]);
    expect(cluster.state.topic('fine')!.partitions).toHaveLength(2);
    expect(cluster.state.topic('defaults')!.partitions).toHaveLength(3);
  });

  test('caps the replication factor where the setting says so', async () => {
    const cluster = await open({ settings: { 'kompakt.replication.factor.cap': true } });
    const [result] = await cluster.controller.createTopics([newTopic('t', { replicationFactor: 3 })], {
      validateOnly: false,
    });
    expect(result).toMatchObject({ errorCode: 0, replicationFactor: 1 });
    expect(cluster.state.topic('t')!.partitions[0]!.replicas).toEqual([1]);
  });

  test('refuses configs that the real broker would not start with', async () => {
    const config = (name: string, value: string | null) => ({ configs: [{ name, value }] });
    const results = await create(
      await open(),
      newTopic('null', config('retention.ms', null)),
      newTopic('number', config('retention.ms', 'abc')),
      newTopic('floor', config('segment.bytes', '1000')),
      newTopic('unknown', config('no.such.key', '1')),
      newTopic('twice', {
        configs: [
          { name: 'retention.ms', value: '1' },
          { name: 'retention.ms', value: '2' },
        ],
      }),
    );
    expect(results[0]).toBe('null INVALID_CONFIG: Null value not supported for topic configs: retention.ms');
    for (const result of results.slice(1, 4)) expect(result).toContain('INVALID_CONFIG: ');
    expect(results[4]).toBe('twice NONE');
  });

  test('more than 10,000 partitions, or records, in one request are refused whole', async () => {
    const cluster = await open();
    const tooMany = 'POLICY_VIOLATION: Excessively large number of partitions per request.';
    expect(await create(cluster, newTopic('a', { numPartitions: 10_000 }), newTopic('b'))).toEqual([
      `a ${tooMany}`,
      `b ${tooMany}`,
    ]);
    expect(await create(cluster, newTopic('a', { numPartitions: 2 ** 31 - 1 }))).toEqual([`a ${tooMany}`]);
    expect(await create(cluster, newTopic('a', { numPartitions: 10_000 }))).toEqual([
      'a POLICY_VIOLATION: Unable to perform excessively large batch operation.',
    ]);
    expect(await create(cluster, newTopic('a', { numPartitions: 9_999 }))).toEqual(['a NONE']);
    expect(cluster.state.partitionCount()).toBe(9_999);
  });

  test('validateOnly answers the same and changes nothing', async () => {
    const cluster = await open();
    const before = cluster.log.endOffset;
    const [fine, bad] = await cluster.controller.createTopics([newTopic('a'), newTopic('')], {
      validateOnly: true,
    });
    expect([fine!.errorCode, bad!.errorCode]).toEqual([0, 17]);
    expect(cluster.log.endOffset).toBe(before);
    expect(cluster.state.topicCount).toBe(0);
  });

  test('1,000 topics are one batch', async () => {
    const cluster = await open();
    const topics = Array.from({ length: 1_000 }, (_, at) => newTopic(`t${at}`));
    expect(new Set((await create(cluster, ...topics)).map((line) => line.split(' ')[1]))).toEqual(
      new Set(['NONE']),
    );
    expect(cluster.state.topicCount).toBe(1_000);
    const names = [...cluster.state.topics()].map(({ name }) => name);
    expect(names).toEqual([...names].sort());
  });
});

describe('deleteTopics', () => {
  test('by name or id; the configs go along, and the old id is unknown from then on', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a', { configs: [{ name: 'retention.ms', value: '1' }] }), newTopic('b'));
    const [a, b] = [cluster.state.topic('a')!.id, cluster.state.topic('b')!.id];
    expect(
      await cluster.controller.deleteTopics([
        { name: 'a', id: zeroUuid },
        { name: null, id: b },
      ]),
    ).toEqual([
      { name: 'a', topicId: a, errorCode: 0, errorMessage: null },
      { name: 'b', topicId: b, errorCode: 0, errorMessage: null },
    ]);
    expect(cluster.state.topicCount).toBe(0);
    expect(cluster.state.configs(topicType, 'a').size).toBe(0);
    const again = await cluster.controller.deleteTopics([
      { name: 'a', id: zeroUuid },
      { name: null, id: b },
    ]);
    expect(again.map(({ errorCode }) => errorName(errorCode))).toEqual([
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_ID',
    ]);
    await create(cluster, newTopic('a'));
    expect(cluster.state.topic('a')!.id).not.toBe(a);
    expect(cluster.state.configs(topicType, 'a').size).toBe(0);
  });

  test('refuses what names no topic, two, or one twice', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a'), newTopic('b'), newTopic('c'));
    const [a, c] = [cluster.state.topic('a')!.id, cluster.state.topic('c')!.id];
    const results = await cluster.controller.deleteTopics([
      { name: null, id: zeroUuid },
      { name: 'a', id: a },
      { name: 'b', id: zeroUuid },
      { name: 'b', id: zeroUuid },
      { name: 'c', id: zeroUuid },
      { name: null, id: c },
    ]);
    expect(results.map((result) => `${result.name} ${told(result)}`).sort()).toEqual([
      'a INVALID_REQUEST: You may not specify both topic name and topic id.',
      'b INVALID_REQUEST: Duplicate topic name.',
      'c INVALID_REQUEST: The provided topic name maps to an ID that was already supplied.',
      'null INVALID_REQUEST: Neither topic name nor id were specified.',
    ]);
    expect(cluster.state.topicCount).toBe(3);
  });

  test('is refused where delete.topic.enable is false', async () => {
    const cluster = await open({ settings: { 'delete.topic.enable': false } });
    await create(cluster, newTopic('a'));
    const [result] = await cluster.controller.deleteTopics([{ name: 'a', id: zeroUuid }]);
    expect(errorName(result!.errorCode)).toBe('TOPIC_DELETION_DISABLED');
    expect(cluster.state.topicCount).toBe(1);
  });
});

describe('createPartitions', () => {
  const grow = async (cluster: ClusterUnderTest, ...requests: [string, number, number[][]?][]) => {
    const results = await cluster.controller.createPartitions(
      requests.map(([name, count, ids]) => ({
        name,
        count,
        assignments: ids?.map((brokerIds) => ({ brokerIds })) ?? null,
      })),
      { validateOnly: false },
    );
    return results.map((result) => `${result.name} ${told(result)}`);
  };

  test('adds partitions and tells from which on', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a', { numPartitions: 2 }), newTopic('b'));
    const a = cluster.state.topic('a')!;
    expect(await grow(cluster, ['a', 5], ['b', 2, [[1]]])).toEqual(['a NONE', 'b NONE']);
    expect(a.partitions.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(cluster.changes.slice(-2)).toEqual([
      { kind: 'partitions-added', topic: a, firstNewIndex: 2 },
      { kind: 'partitions-added', topic: cluster.state.topic('b'), firstNewIndex: 1 },
    ]);
    expect(cluster.state.partitionCount()).toBe(7);
  });

  test('refuses what is no growth', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a', { numPartitions: 2 }), newTopic('b'));
    expect(await grow(cluster, ['a', 2], ['b', 9], ['b', 9])).toEqual([
      'a INVALID_PARTITIONS: Topic already has 2 partition(s).',
      'b INVALID_REQUEST: Duplicate topic name.',
    ]);
    expect(await grow(cluster, ['a', 1], ['b', 3, [[1]]], ['none', 1])).toMatchObject([
      'a INVALID_PARTITIONS: The topic a currently has 2 partition(s); 1 would not be an increase.',
      'b INVALID_REPLICA_ASSIGNMENT: Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.',
      expect.stringContaining('none UNKNOWN_TOPIC_OR_PARTITION'),
    ]);
    expect(await grow(cluster, ['b', 2, [[7]]], ['a', 2 ** 31 - 1])).toEqual([
      'b INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 7, but no such broker is registered.',
      'a POLICY_VIOLATION: Unable to perform excessively large batch operation.',
    ]);
    expect(cluster.state.partitionCount()).toBe(3);
  });
});

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

describe('configs', () => {
  const set = (name: string, value: string | null, operation = 0) => ({ name, value, operation });
  const alter = async (
    cluster: ClusterUnderTest,
    ...alterations: Parameters<typeof cluster.controller.incrementalAlterConfigs>[0]
  ) => {
    const results = await cluster.controller.incrementalAlterConfigs(alterations, false);
    return results.map((result) => `${result.type} ${result.name} ${told(result)}`);
  };

  test('set, append, subtract and delete; unchanged values write nothing', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a'));
    const of = () => Object.fromEntries(cluster.state.configs(topicType, 'a'));
    const a = (...configs: ReturnType<typeof set>[]) => ({ type: topicType, name: 'a', configs });
    expect(await alter(cluster, a(set('retention.ms', '5'), set('cleanup.policy', 'compact', 2)))).toEqual([
      '2 a NONE',
    ]);
    expect(of()).toEqual({ 'retention.ms': '5', 'cleanup.policy': 'delete,compact' });
    const before = cluster.log.endOffset;
    await alter(cluster, a(set('retention.ms', '5')));
    expect(cluster.log.endOffset).toBe(before);
    await alter(cluster, a(set('cleanup.policy', 'delete', 3), set('retention.ms', null, 1)));
    expect(of()).toEqual({ 'cleanup.policy': 'compact' });
    expect(cluster.changes.at(-1)).toEqual({ kind: 'configs', type: topicType, name: 'a' });
  });

  test('one bad resource does not stop the others', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a'), newTopic('b'));
    const retention = [set('retention.ms', '5')];
    expect(
      await alter(
        cluster,
        { type: topicType, name: 'a', configs: retention },
        { type: topicType, name: 'gone', configs: retention },
        { type: topicType, name: '', configs: retention },
        { type: topicType, name: 'b', configs: [set('retention.ms', 'x')] },
        { type: brokerType, name: '', configs: [set('message.max.bytes', '9')] },
        { type: brokerType, name: '2', configs: retention },
        { type: brokerType, name: 'x', configs: retention },
        { type: groupType, name: '', configs: retention },
        { type: 99 as never, name: 'a', configs: retention },
      ),
    ).toMatchObject([
      '2 a NONE',
      "2 gone UNKNOWN_TOPIC_OR_PARTITION: The topic 'gone' does not exist.",
      '2  INVALID_REQUEST: Default topic resources are not allowed.',
      expect.stringContaining('2 b INVALID_CONFIG: '),
      '4  NONE',
      '4 2 INVALID_REQUEST: Unexpected broker id, expected 1, but received 2',
      '4 x INVALID_REQUEST: Node id must be an integer, but it is: x',
      '32  INVALID_REQUEST: Default group resources are not allowed.',
      '99 a INVALID_REQUEST: Unknown resource type 99',
    ]);
  });

  test('refuses requests that contradict themselves', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a'), newTopic('b'));
    const twice = { type: topicType, name: 'a', configs: [set('retention.ms', '1')] };
    const b = (...configs: ReturnType<typeof set>[]) => ({ type: topicType, name: 'b', configs });
    expect(await alter(cluster, twice, twice)).toEqual(
      Array(2).fill('2 a INVALID_REQUEST: Each resource must appear at most once.'),
    );
    const refusals = [
      b(set('retention.ms', '1'), set('retention.ms', '2')),
      b(set('retention.ms', null), set('segment.ms', null, 2)),
      b(set('retention.ms', '1', 2)),
      b(set('retention.ms', '1', 9)),
      b(set('cleanup.policy', 'x'.repeat(32_768))),
    ];
    const told: string[] = [];
    for (const refusal of refusals) told.push(...(await alter(cluster, refusal)));
    expect(told).toEqual([
      '2 b INVALID_REQUEST: Error due to duplicate config keys',
      '2 b INVALID_REQUEST: Null value not supported for : retention.ms, segment.ms',
      "2 b INVALID_CONFIG: Can't APPEND to key retention.ms because its type is not LIST.",
      '2 b INVALID_REQUEST: Unknown operations type 9',
      '2 b INVALID_CONFIG: The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.',
    ]);
    expect(cluster.state.configs(topicType, 'b').size).toBe(0);
  });

  test('the legacy call replaces everything', async () => {
    const cluster = await open();
    await create(cluster, newTopic('a', { configs: [{ name: 'retention.ms', value: '5' }] }));
    const replacement = [{ type: topicType, name: 'a', configs: [{ name: 'segment.ms', value: '9' }] }];
    expect((await cluster.controller.alterConfigs(replacement, true)).map(told)).toEqual(['NONE']);
    expect(Object.fromEntries(cluster.state.configs(topicType, 'a'))).toEqual({ 'retention.ms': '5' });
    await cluster.controller.alterConfigs(replacement, false);
    expect(Object.fromEntries(cluster.state.configs(topicType, 'a'))).toEqual({ 'segment.ms': '9' });
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
    expect(await update('transaction.version', 2)).toBe(
      'INVALID_UPDATE_VERSION: Invalid update version 2 for feature transaction.version. Local controller 1 does not support this feature.',
    );
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
