/**
 * Logs: what is not the default of a topic key (those follow from topic-keys.ts), and the four families of which a topic key has more than
 * one broker key, in another unit; topic-defaults.ts ties them together.
 */
import { int, long, longMax, minuteMs, secondMs } from '../../../storage/config/define.ts';

export const logKeys = {
  'log.flush.interval.ms': long({
    default: null,
    dynamic: 'cluster',
    doc: 'Default of flush.ms; not set: log.flush.scheduler.interval.ms.',
  }),
  'log.flush.offset.checkpoint.interval.ms': int({
    default: minuteMs,
    min: 0,
    doc: 'How often the recovery points are written, from which a crashed log is checked.',
  }),
  'log.flush.scheduler.interval.ms': long({
    default: longMax,
    doc: 'How often logs are looked at for flush.ms.',
  }),
  'log.flush.start.offset.checkpoint.interval.ms': int({
    default: minuteMs,
    min: 0,
    accepted: 'ignored because it happens together with log.flush.offset.checkpoint.interval.ms',
    doc: 'How often the start offsets of logs are written.',
  }),
  'log.initial.task.delay.ms': long({
    default: 30 * secondMs,
    min: 0,
    hidden: true,
    doc: 'How long after the start the first retention and checkpoint tasks run.',
  }),
  'log.retention.check.interval.ms': long({
    default: 5 * minuteMs,
    min: 1,
    doc: 'How often logs are looked at for old segments.',
  }),
  'log.retention.hours': int({
    default: 168,
    doc: 'Default of retention.ms in hours, unless one of the finer keys is set.',
  }),
  'log.retention.minutes': int({
    default: null,
    doc: 'Default of retention.ms in minutes, unless log.retention.ms is set.',
  }),
  'log.retention.ms': long({
    default: null,
    dynamic: 'cluster',
    doc: 'Default of retention.ms; -1: no limit.',
  }),
  'log.roll.hours': int({
    default: 168,
    min: 1,
    doc: 'Default of segment.ms in hours, unless log.roll.ms is set.',
  }),
  'log.roll.jitter.hours': int({
    default: 0,
    min: 0,
    doc: 'Default of segment.jitter.ms in hours, unless log.roll.jitter.ms is set.',
  }),
  'log.roll.jitter.ms': long({ default: null, dynamic: 'cluster', doc: 'Default of segment.jitter.ms.' }),
  'log.roll.ms': long({ default: null, dynamic: 'cluster', doc: 'Default of segment.ms.' }),
  'producer.id.expiration.check.interval.ms': int({
    default: 10 * minuteMs,
    min: 1,
    hidden: true,
    doc: 'How often silent producers are looked for.',
  }),
  'producer.id.expiration.ms': int({
    default: 24 * 60 * minuteMs,
    min: 1,
    dynamic: 'cluster',
    doc: 'A partition forgets the sequence numbers of a producer from which nothing has come for this long.',
  }),
};
