import { describe, expect, test } from 'vitest';
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import { type ClusterUnderTest, create, newTopic, open, told } from './cluster-fixture.ts';

const { topic: topicType, broker: brokerType, group: groupType } = configResourceTypes;

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

  test('a pool of threads at most doubles and keeps half of itself', async () => {
    const cluster = await open();
    const threads = (value: number) =>
      alter(cluster, { type: brokerType, name: '', configs: [set('num.io.threads', String(value))] });
    expect(await threads(17)).toEqual([expect.stringContaining('4  INVALID_REQUEST: num.io.threads')]);
    expect(await threads(3)).toEqual([expect.stringContaining('4  INVALID_REQUEST: num.io.threads')]);
    expect([...(await threads(16)), ...(await threads(4))]).toEqual(['4  NONE', '4  NONE']);
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
