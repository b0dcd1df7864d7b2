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
  'socket.listen.backlog.size': {
    kafka: '50',
    because:
      'one event loop accepts and works, so a burst of clients waits a little longer; beyond the backlog they wait a second',
  },
  'transaction.state.log.min.isr': { kafka: '2', because: oneReplica },
  'transaction.state.log.replication.factor': { kafka: '3', because: oneReplica },
};

/** Where Kompakt does something else than Kafka with the same keys, or without any. */
export const otherWays: readonly {
  readonly what: string;
  readonly kafka: string;
  readonly because: string;
}[] = [
  {
    what: 'Without `advertised.listeners`, and without a host in `listeners`, a client is told the address on which it connected',
    kafka: 'the name of the machine',
    because: 'it works on loopback, in a LAN and over IPv6 without configuration',
  },
  {
    what: 'A dynamic member of a classic group leaves 500 ms after its last connection is gone (`kompakt.group.disconnect.grace.ms`)',
    kafka: 'it is waited for until its session time-out',
    because:
      'the next test run should not wait for a killed one; kafkajs, librdkafka and Java are back sooner when only a connection broke',
  },
  {
    what: 'An unknown key in a file or in `--set` is refused',
    kafka: 'a warning in the log',
    because: 'a typing error should not be found weeks later',
  },
  {
    what: '`listeners` and `listener.security.protocol.map` cannot change while the broker runs',
    kafka: 'they can, with AlterConfigs on the broker',
    because: 'a restart takes a moment',
  },
  {
    what: 'A partition that cannot be cleaned is tried again after a minute, and after twice as long each time, up to an hour',
    kafka: 'it is left alone until the next start',
    because: 'a disk that was full, or a file that was put back, should not need a restart',
  },
];
