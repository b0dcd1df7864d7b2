/** Dynamic configs take effect: what the metadata log says of brokers and topics is laid over what was given at start. */
import { type ClusterState, configResourceTypes, type TopicState } from '../metadata/cluster-state.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { Configuration, DynamicScope } from './settings.ts';

/** Applies the broker configs of the moment, and every later change. Returns how to stop that. */
export function followBrokerConfigs(configuration: Configuration, cluster: ClusterState): () => void {
  const apply = (name: string, scope: DynamicScope): void =>
    configuration.setDynamic(scope, cluster.configs(configResourceTypes.broker, name));
  const ownName = String(cluster.nodeId);
  apply('', 'all-brokers');
  apply(ownName, 'this-broker');
  return cluster.onChange((change) => {
    if (change.kind !== 'configs' || change.type !== configResourceTypes.broker) return;
    if (change.name === '') apply('', 'all-brokers');
    else if (change.name === ownName) apply(ownName, 'this-broker');
  });
}

/** Tells logs when their topic's configs or the defaults of all topics change. Returns how to stop that. */
export function followTopicConfigs(
  configuration: Configuration,
  cluster: ClusterState,
  partitions: Partitions,
): () => void {
  const apply = (topic: TopicState): void => {
    const settings = configuration.topicSettings(cluster.configs(configResourceTypes.topic, topic.name));
    for (const { index } of topic.partitions) partitions.get(topic.name, index)?.log.updateSettings(settings);
  };
  const forgetTopics = cluster.onChange((change) => {
    if (change.kind !== 'configs' || change.type !== configResourceTypes.topic) return;
    const topic = cluster.topic(change.name);
    if (topic !== undefined) apply(topic);
  });
  let defaults = configuration.topicDefaults;
  const forgetDefaults = configuration.onChange(() => {
    if (configuration.topicDefaults === defaults) return;
    defaults = configuration.topicDefaults;
    for (const topic of cluster.topics()) apply(topic);
  });
  return () => {
    forgetTopics();
    forgetDefaults();
  };
}
