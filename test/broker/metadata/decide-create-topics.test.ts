import { describe, expect, test } from 'vitest';
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import type { NewTopic } from '../../../broker/metadata/metadata-controller.ts';
import { create, newTopic, open, recordsInLog } from './cluster-fixture.ts';

const { topic: topicType } = configResourceTypes;

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
    expect(cluster.state.topic('a')!.partitions[1]).toMatchObject({
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
