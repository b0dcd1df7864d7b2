import { describe, expect, test } from 'vitest';
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import { errorName } from '../../../protocol/errors.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { type ClusterUnderTest, create, newTopic, open, told } from './cluster-fixture.ts';

const { topic: topicType } = configResourceTypes;

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

  test('a start knows which topics were deleted, until it is over', async () => {
    const first = await open();
    const { environment } = first;
    await create(first, newTopic('kept'), newTopic('gone'));
    const [kept, gone] = [first.state.topic('kept')!.id, first.state.topic('gone')!.id];
    await first.controller.deleteTopics([{ name: null, id: gone }]);
    const { state } = await open({ environment });
    expect([state.wasRemoved(kept), state.wasRemoved(gone)]).toEqual([false, true]);
    state.started();
    expect(state.wasRemoved(gone)).toBe(false);
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
