import type { BrokerSettings } from '../config/settings.ts';
import type { NewTopic } from './metadata-controller.ts';
import { consumerOffsetsTopic, shareGroupStateTopic } from './topic-names.ts';

/** Kafka's own topics as it creates them on first need: the broker's settings say how many partitions, the code which configs. */
export function internalTopic(name: string, settings: BrokerSettings): NewTopic {
  if (name === consumerOffsetsTopic)
    return newTopic(
      name,
      settings['offsets.topic.num.partitions'],
      settings['offsets.topic.replication.factor'],
      {
        'compression.type': 'producer',
        'cleanup.policy': 'compact',
        'segment.bytes': settings['offsets.topic.segment.bytes'],
      },
    );
  if (name === shareGroupStateTopic)
    return newTopic(
      name,
      settings['share.coordinator.state.topic.num.partitions'],
      settings['share.coordinator.state.topic.replication.factor'],
      {
        'compression.type': 'producer',
        'cleanup.policy': 'delete',
        'min.insync.replicas': settings['share.coordinator.state.topic.min.isr'],
        'segment.bytes': settings['share.coordinator.state.topic.segment.bytes'],
        'retention.ms': -1,
      },
    );
  return newTopic(
    name,
    settings['transaction.state.log.num.partitions'],
    settings['transaction.state.log.replication.factor'],
    {
      'compression.type': 'uncompressed',
      'cleanup.policy': 'compact',
      'min.insync.replicas': settings['transaction.state.log.min.isr'],
      'segment.bytes': settings['transaction.state.log.segment.bytes'],
      'unclean.leader.election.enable': 'false',
    },
  );
}

function newTopic(
  name: string,
  numPartitions: number,
  replicationFactor: number,
  configs: Readonly<Record<string, string | number>>,
): NewTopic {
  return {
    name,
    numPartitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) })),
  };
}
