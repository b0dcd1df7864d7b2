/** Copying between brokers, leader elections, requests that wait: of all this, one broker needs nothing. */
import { boolean, int, KiB, long, MiB, minuteMs, secondMs, string } from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

const accepted = ignored.oneBroker;

export const replicationKeys = {
  'alter.log.dirs.replication.quota.window.num': int({
    default: 11,
    min: 1,
    accepted: ignored.oneDirectory,
    doc: 'Samples kept for the quota on moves between directories.',
  }),
  'alter.log.dirs.replication.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    accepted: ignored.oneDirectory,
    doc: 'The time that one of these samples covers.',
  }),
  'auto.leader.rebalance.enable': boolean({
    default: true,
    accepted,
    doc: 'Whether leadership returns to preferred replicas.',
  }),
  'controller.socket.timeout.ms': int({
    default: 30 * secondMs,
    accepted,
    doc: 'Socket time-out between controller and brokers.',
  }),
  'delete.records.purgatory.purge.interval.requests': int({
    default: 1,
    accepted: ignored.queues,
    doc: 'How often waiting DeleteRecords requests are swept.',
  }),
  'fetch.purgatory.purge.interval.requests': int({
    default: 1000,
    accepted: ignored.queues,
    doc: 'How often waiting Fetch requests are swept.',
  }),
  'leader.imbalance.check.interval.seconds': long({
    default: 300,
    min: 1,
    accepted,
    doc: 'How often leadership is compared with the preferred replicas.',
  }),
  'num.replica.alter.log.dirs.threads': int({
    default: null,
    accepted: ignored.oneDirectory,
    doc: 'Threads that move replicas between directories.',
  }),
  'num.replica.fetchers': int({
    default: 1,
    min: 1,
    dynamic: 'cluster',
    accepted,
    doc: 'Threads that copy from other brokers.',
  }),
  'producer.purgatory.purge.interval.requests': int({
    default: 1000,
    accepted: ignored.queues,
    doc: 'How often waiting Produce requests are swept.',
  }),
  'replica.fetch.backoff.ms': int({
    default: 1 * secondMs,
    min: 0,
    accepted,
    doc: 'Pause of a follower after an error.',
  }),
  'replica.fetch.max.bytes': int({
    default: 1 * MiB,
    min: 0,
    accepted,
    doc: 'Bytes that a follower asks for per partition.',
  }),
  'replica.fetch.min.bytes': int({
    default: 1,
    accepted,
    doc: 'Bytes for which a fetch of a follower waits.',
  }),
  'replica.fetch.response.max.bytes': int({
    default: 10 * MiB,
    min: 0,
    accepted,
    doc: 'Bytes that a follower asks for in one request.',
  }),
  'replica.fetch.wait.max.ms': int({ default: 500, accepted, doc: 'How long a fetch of a follower waits.' }),
  'replica.high.watermark.checkpoint.interval.ms': long({
    default: 5 * secondMs,
    accepted: 'ignored because it happens together with log.flush.offset.checkpoint.interval.ms',
    doc: 'How often high watermarks are written to the disk.',
  }),
  'replica.lag.time.max.ms': long({
    default: 30 * secondMs,
    accepted,
    doc: 'A follower that is behind for longer leaves the in-sync set.',
  }),
  'replica.selector.class': string({
    default: null,
    accepted,
    doc: 'The class that finds the nearest replica for a consumer.',
  }),
  'replica.socket.receive.buffer.bytes': int({
    default: 64 * KiB,
    accepted,
    doc: 'Receive buffer of connections between brokers.',
  }),
  'replica.socket.timeout.ms': int({
    default: 30 * secondMs,
    accepted,
    doc: 'Socket time-out between brokers.',
  }),
  'replication.quota.window.num': int({
    default: 11,
    min: 1,
    accepted,
    doc: 'Samples kept for replication quotas.',
  }),
  'replication.quota.window.size.seconds': int({
    default: 1,
    min: 1,
    accepted,
    doc: 'The time that one of these samples covers.',
  }),
  'unclean.leader.election.interval.ms': long({
    default: 5 * minuteMs,
    min: 1,
    hidden: true,
    accepted,
    doc: 'How often a leader is looked for among replicas that are not in sync.',
  }),
};
