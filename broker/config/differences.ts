/**
 * Every default that is not Apache Kafka's, with the reason: Kompakt is made for one laptop or one CI job. The values themselves stand in
 * the tables of keys; the generated page prints both. A key of Kafka's whose default differs and that is missing here fails a test.
 */
export interface Difference {
  /** Kafka's default, as it writes it; null: it has none and requires a value. */
  readonly kafka: string | null;
  readonly because: string;
}

const oneReplica = 'one node can hold one replica';
const kraftNeedsIt = 'Kafka requires a value; one node is always both broker and controller';

export const differences: { readonly [name: string]: Difference } = {
  'controller.listener.names': {
    kafka: null,
    because: 'Kafka requires a value; the name matters only to a server.properties',
  },
  'group.initial.rebalance.delay.ms': {
    kafka: '3000',
    because: 'a test should not wait three seconds for its first record',
  },
  listeners: {
    kafka: 'PLAINTEXT://:9092',
    because: 'without security, only this machine should reach the broker',
  },
  'log.dir': {
    kafka: '/tmp/kafka-logs',
    because: 'data should lie where the command was typed, not where it is cleared away',
  },
  'metric.reporters': {
    kafka: 'org.apache.kafka.common.metrics.JmxReporter',
    because: 'there is no JMX in Node',
  },
  'node.id': { kafka: null, because: kraftNeedsIt },
  'offsets.topic.replication.factor': { kafka: '3', because: oneReplica },
  'process.roles': { kafka: null, because: kraftNeedsIt },
  'share.coordinator.state.topic.min.isr': { kafka: '2', because: oneReplica },
  'share.coordinator.state.topic.replication.factor': { kafka: '3', because: oneReplica },
  'transaction.state.log.min.isr': { kafka: '2', because: oneReplica },
  'transaction.state.log.replication.factor': { kafka: '3', because: oneReplica },
};
