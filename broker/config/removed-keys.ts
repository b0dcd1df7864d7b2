/** Keys that older Kafkas had and Kafka 4 does not know. A file that still has them starts, and is told so. */
const removed = new Set([
  'auto.include.jmx.reporter',
  'broker.id.generation.enable',
  'control.plane.listener.name',
  'controlled.shutdown.max.retries',
  'controlled.shutdown.retry.backoff.ms',
  'delegation.token.master.key',
  'group.coordinator.new.enable',
  'host.name',
  'inter.broker.protocol.version',
  'leader.imbalance.per.broker.percentage',
  'log.cleaner.min.cleanable.dirty.ratio',
  'log.message.downconversion.enable',
  'log.message.format.version',
  'log.message.timestamp.difference.max.ms',
  'offsets.commit.required.acks',
  'port',
  'reserved.broker.max.id',
  'transaction.state.log.compression.codec',
]);
const removedFamilies = ['zookeeper.', 'password.encoder.'];

export const removedReason = 'ignored because Apache Kafka 4 has no such key any more';

export function isRemovedKey(name: string): boolean {
  return removed.has(name) || removedFamilies.some((family) => name.startsWith(family));
}
