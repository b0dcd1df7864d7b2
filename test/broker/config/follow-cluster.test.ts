import { expect, it } from 'vitest';
import { followBrokerConfigs, followTopicConfigs } from '../../../broker/config/follow-cluster.ts';
import { readConfiguration } from '../../../broker/config/settings.ts';
import {
  type ClusterChange,
  type ClusterState,
  type ConfigResourceType,
  configResourceTypes,
} from '../../../broker/metadata/cluster-state.ts';
import type { Partitions } from '../../../broker/partitions/partitions.ts';
import type { TopicSettings } from '../../../storage/config/topic-settings.ts';

function world() {
  const configs = new Map<string, ReadonlyMap<string, string>>();
  const listeners = new Set<(change: ClusterChange) => void>();
  const topic = { name: 'orders', partitions: [{ index: 0 }, { index: 1 }] };
  const cluster = {
    nodeId: 1,
    topic: (name: string) => (name === topic.name ? topic : undefined),
    topics: () => [topic],
    configs: (type: ConfigResourceType, name: string) => configs.get(`${type} ${name}`) ?? new Map(),
    onChange: (listener: (change: ClusterChange) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as ClusterState;
  const alter = (type: ConfigResourceType, name: string, texts: Record<string, string>): void => {
    configs.set(`${type} ${name}`, new Map(Object.entries(texts)));
    for (const listener of listeners) listener({ kind: 'configs', type, name });
  };
  const updates: string[] = [];
  const partitions = {
    get: (name: string, index: number) => ({
      log: {
        updateSettings: (settings: TopicSettings) =>
          updates.push(`${name}-${index} ${settings['retention.ms']}`),
      },
    }),
  } as unknown as Partitions;
  const result = readConfiguration({ set: new Map([['log.retention.ms', '5000']]) });
  if (!result.ok) throw new Error(result.messages.join());
  return { cluster, alter, partitions, updates, listeners, configuration: result.configuration };
}

it('broker configs apply at start and at each change, the node’s own above those of all', () => {
  const { cluster, alter, configuration, listeners } = world();
  alter(configResourceTypes.broker, '', { 'max.connections': '100' });
  const stop = followBrokerConfigs(configuration, cluster);
  expect(configuration.settings['max.connections']).toBe(100);
  alter(configResourceTypes.broker, '1', { 'max.connections': '10' });
  expect(configuration.settings['max.connections']).toBe(10);
  alter(configResourceTypes.broker, '2', { 'max.connections': '1' });
  alter(configResourceTypes.broker, '', {});
  expect(configuration.settings['max.connections']).toBe(10);
  alter(configResourceTypes.broker, '1', {});
  expect(configuration.settings['max.connections']).toBe(2147483647);
  stop();
  expect(listeners.size).toBe(0);
});

it('logs hear of their topic’s configs and of changed defaults', () => {
  const { cluster, alter, configuration, partitions, updates, listeners } = world();
  const stops = [
    followBrokerConfigs(configuration, cluster),
    followTopicConfigs(configuration, cluster, partitions),
  ];
  alter(configResourceTypes.topic, 'orders', { 'retention.ms': '70' });
  alter(configResourceTypes.topic, 'gone', { 'retention.ms': '1' });
  expect(updates.splice(0)).toEqual(['orders-0 70', 'orders-1 70']);
  alter(configResourceTypes.broker, '', { 'log.retention.ms': '900' });
  expect(updates.splice(0)).toEqual(['orders-0 70', 'orders-1 70']);
  alter(configResourceTypes.topic, 'orders', {});
  expect(updates.splice(0)).toEqual(['orders-0 900', 'orders-1 900']);
  for (const stop of stops) stop();
  expect(listeners.size).toBe(0);
});
