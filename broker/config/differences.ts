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

/**
 * Where Kompakt does something else than Kafka with the same keys, or without any. README.md has the same rows; each has a test
 * (test/broker/config/differences.test.ts).
 */
export const otherWays: readonly {
  readonly what: string;
  readonly kafka: string;
  readonly kompakt: string;
  readonly because: string;
}[] = [
  {
    what: '`advertised.listeners` not set, no host in `listeners`',
    kafka: 'the name of the machine',
    kompakt: "the local address of each client's connection",
    because: 'it works on loopback, in a LAN and over IPv6 without configuration',
  },
  {
    what: 'a dynamic member of a classic group whose connections are gone',
    kafka: 'leaves with its session time-out',
    kompakt: 'leaves after `kompakt.group.disconnect.grace.ms`, 500',
    because:
      "the next test run should not wait for a killed one; kafkajs, librdkafka and Java are back sooner when only a connection broke; 0 is Kafka's way",
  },
  {
    what: 'a replication factor above 1',
    kafka: 'created when there are brokers',
    kompakt: 'refused; capped to 1 under `kompakt.replication.factor.cap`',
    because: 'one node can hold one replica; some tools, such as Connect, insist on 3',
  },
  {
    what: "internal topics' directories",
    kafka: 'made at once',
    kompakt: 'made with the first append',
    because: '50 empty partitions are not worth 50 directories',
  },
  {
    what: 'an unknown key in a file or in `--set`',
    kafka: 'a warning in the log',
    kompakt: 'refused',
    because: 'a typing error should not be found weeks later',
  },
  {
    what: 'changing `listeners` or their security protocols',
    kafka: 'while it runs',
    kompakt: 'with a restart',
    because: 'a restart takes a moment',
  },
  {
    what: 'a partition that cannot be cleaned (damaged, disk full)',
    kafka: 'left alone until the next start',
    kompakt: 'tried again after a minute, then after twice as long each time, up to an hour',
    because: 'what was mended should not need a restart; `kompakt status` names it',
  },
  {
    what: 'compaction on request',
    kafka: 'none',
    kompakt: 'with `log.cleaner.enable=false` and below `min.cleanable.dirty.ratio` too',
    because: 'whoever asks for it gets it',
  },
  {
    what: 'files of deleted topics and segments, in memory',
    kafka: 'kept for `file.delete.delay.ms`',
    kompakt: 'gone at once',
    because: 'room is dear there, and nobody else sees them; on a disk they are kept as long',
  },
];
