/** Transactions and the topic that holds their state. */
import { boolean, dayMs, int, MiB, minuteMs, secondMs, short } from '../../../storage/config/define.ts';
import { ignored } from './reasons.ts';

export const transactionKeys = {
  'add.partitions.to.txn.retry.backoff.max.ms': int({
    default: 100,
    min: 0,
    doc: 'The longest pause before a partition is added to a transaction again.',
  }),
  'add.partitions.to.txn.retry.backoff.ms': int({
    default: 20,
    min: 1,
    doc: 'The pause before a partition is added to a transaction again.',
  }),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int({
    default: 10 * secondMs,
    min: 1,
    doc: 'How often transactions that took too long are looked for.',
  }),
  'transaction.max.timeout.ms': int({
    default: 15 * minuteMs,
    min: 1,
    doc: 'The longest transaction time-out that a producer may ask for.',
  }),
  'transaction.partition.verification.enable': boolean({
    default: true,
    dynamic: 'cluster',
    doc: 'Whether an append asks the coordinator if its partition is in the transaction.',
  }),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int({
    default: 60 * minuteMs,
    min: 1,
    doc: 'How often transactional ids are checked for their age.',
  }),
  'transaction.state.log.load.buffer.size': int({
    default: 5 * MiB,
    min: 1,
    accepted: 'ignored because the transaction topic is read batch by batch',
    doc: 'How much of the transaction topic is read at a time at start.',
  }),
  'transaction.state.log.min.isr': int({
    default: 1,
    min: 1,
    doc: 'min.insync.replicas of the transaction topic.',
  }),
  'transaction.state.log.num.partitions': int({
    default: 50,
    min: 1,
    doc: 'Partitions of the transaction topic.',
  }),
  'transaction.state.log.replication.factor': short({
    default: 1,
    min: 1,
    doc: 'Replication factor of the transaction topic. Above 1 needs kompakt.replication.factor.cap.',
  }),
  'transaction.state.log.segment.bytes': int({
    default: 100 * MiB,
    min: 1,
    doc: 'Segment size of the transaction topic.',
  }),
  'transaction.two.phase.commit.enable': boolean({
    default: false,
    accepted: ignored.noUnstable,
    doc: 'Whether producers may take part in a two-phase commit.',
  }),
  'transactional.id.expiration.ms': int({
    default: 7 * dayMs,
    min: 1,
    doc: 'A transactional id that is not used for this long is forgotten.',
  }),
};
