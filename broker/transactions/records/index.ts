/**
 * The kinds of record in `__transaction_state`.
 */
import { recordReader } from '../../../protocol/records/coordinator-records.ts';
import { transactionLogKey, transactionLogValue } from './transaction-log.ts';

export const transactionRecords = {
  transactionLog: { key: transactionLogKey, value: transactionLogValue },
} as const;

/** A record of `__transaction_state`. */
export const decodeTransactionRecord = recordReader(transactionRecords);
