/**
 * Records of a transaction enter a log only while the coordinator knows that the log is in it: else no marker would ever come, and
 * read_committed readers would stop there for good (KIP-890). Older clients add a partition first and are checked; newer ones are
 * added with their first records.
 */
import { errorName, errors } from '../../protocol/errors.ts';
import { type Clock, delay, outsideClock } from '../../storage/environment/clock.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { MaybeLater } from '../journal/coordinator-shards.ts';
import { epochPerTransaction } from './transaction.ts';
import type { TransactionCoordinator } from './transaction-coordinator.ts';
import type { ProducerClaim, TopicPartition } from './transaction-decisions.ts';

/** What a request knows of transactions, by its version. */
export type Protocol =
  /** Before TRANSACTION_ABORTABLE. */
  | 'old'
  /** Knows TRANSACTION_ABORTABLE, adds its partitions itself. */
  | 'abortable'
  /** Has its partitions added (transaction.version 2). */
  | 'adding';

/** Produce from v11, and from v12, on. */
export function produceProtocol(version: number): Protocol {
  return version > 11 ? 'adding' : version > 10 ? 'abortable' : 'old';
}

/** TxnOffsetCommit from v4, and from v5, on. */
export function offsetCommitProtocol(version: number): Protocol {
  return version > 4 ? 'adding' : version > 3 ? 'abortable' : 'old';
}

export interface PermissionOptions {
  readonly transactions: TransactionCoordinator;
  readonly clock: Clock;
  readonly settings: BrokerSettings;
}

/** A code for each partition: NONE where records may be appended, if `appendError` still says so then. */
export function permitAppends(
  { transactions, clock, settings }: PermissionOptions,
  claim: ProducerClaim,
  partitions: readonly TopicPartition[],
  protocol: Protocol,
): MaybeLater<readonly number[]> {
  const codes = (errorCode: number) => partitions.map(() => spoken(errorCode, protocol));
  if (protocol !== 'adding') {
    const verified = transactions.verify(claim, partitions);
    const speak = (all: readonly number[]) => all.map((errorCode) => spoken(errorCode, protocol));
    return verified instanceof Promise ? verified.then(speak) : speak(verified);
  }
  const add = (): MaybeLater<number> => transactions.addPartitions(claim, partitions, epochPerTransaction);
  /** While the last transaction is being finished, for a moment. */
  const patiently = async (first: number): Promise<readonly number[]> => {
    const outside = outsideClock(clock);
    const endMs = outside.monotonicMs() + settings['add.partitions.to.txn.retry.backoff.max.ms'];
    let errorCode = first;
    while (errorCode === errors.concurrentTransactions.code && outside.monotonicMs() < endMs) {
      await delay(outside, settings['add.partitions.to.txn.retry.backoff.ms']);
      errorCode = await add();
    }
    return codes(errorCode);
  };
  const added = add();
  if (added instanceof Promise) return added.then(patiently);
  return added === errors.concurrentTransactions.code ? patiently(added) : codes(added);
}

/** As a client of this protocol understands it. */
function spoken(errorCode: number, protocol: Protocol): number {
  if (errorCode === errors.producerFenced.code) return errors.invalidProducerEpoch.code;
  if (errorCode === errors.transactionAbortable.code && protocol === 'old')
    return errors.invalidTxnState.code;
  return errorCode;
}

/** Codes of the coordinator that a producer would not send its records again for. */
const retriedAsReplicas: ReadonlySet<number> = new Set([
  errors.networkException.code,
  errors.coordinatorLoadInProgress.code,
  errors.coordinatorNotAvailable.code,
  errors.notCoordinator.code,
]);

/** What a Produce answers for a code of `permitAppends`. */
export function produceRefusal(
  errorCode: number,
  protocol: Protocol,
): { readonly errorCode: number; readonly message: string | null } {
  if (errorCode === errors.invalidTxnState.code)
    return { errorCode, message: 'Partition was not added to the transaction' };
  const isConcurrent = errorCode === errors.concurrentTransactions.code && protocol !== 'adding';
  if (!isConcurrent && !retriedAsReplicas.has(errorCode)) return { errorCode, message: null };
  const message = `Unable to verify the partition has been added to the transaction. Underlying error: ${errorName(errorCode)}`;
  return { errorCode: errors.notEnoughReplicas.code, message };
}
