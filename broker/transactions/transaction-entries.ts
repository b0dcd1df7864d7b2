/** The entry of `__transaction_state`: a transactional id as it is after a step, or its tombstone. Records of other types stay in the log. */
import { encodeKey, encodeValue } from '../../protocol/records/coordinator-records.ts';
import type { RecordOf } from '../../protocol/schema/api.ts';
import type { EntryCodec } from '../journal/state-machine.ts';
import { decodeTransactionRecord } from './records/index.ts';
import { transactionLogKey, transactionLogValue } from './records/transaction-log.ts';
import { type Transaction, transactionStates } from './transaction.ts';

export interface TransactionEntry {
  readonly transactionalId: string;
  /** Null: forgotten. */
  readonly value: Transaction | null;
}

/** v1, with what KIP-890 remembers, from transaction.version 1 on. */
const versionWithProducers = 1;

/** `version`: the level of transaction.version. */
export function transactionEntryCodec(version: () => number): EntryCodec<TransactionEntry> {
  return {
    encode: ({ transactionalId, value }) => ({
      key: encodeKey(transactionLogKey, { transactionalId }),
      value: value === null ? null : encode(value, Math.min(version(), versionWithProducers)),
    }),
    decode: (key, value) => (key === null ? null : decode(key, value)),
  };
}

function encode(transaction: Transaction, valueVersion: number): Buffer {
  const { producerId, producerEpoch, timeoutMs, state, partitions, lastUpdateMs, startMs } = transaction;
  return encodeValue(transactionLogValue, valueVersion, {
    producerId,
    producerEpoch,
    transactionTimeoutMs: timeoutMs,
    transactionStatus: transactionStates.indexOf(state),
    // Kafka's loader wants null in Empty, and a list, if only an empty one, in every other state.
    transactionPartitions:
      state === 'Empty'
        ? null
        : [...partitions].map(([topic, indexes]) => ({ topic, partitionIds: [...indexes] })),
    transactionLastUpdateTimestampMs: lastUpdateMs,
    transactionStartTimestampMs: startMs,
    ...(valueVersion < versionWithProducers
      ? {}
      : {
          previousProducerId: transaction.previousProducerId,
          nextProducerId: transaction.nextProducerId,
          clientTransactionVersion: transaction.clientVersion,
        }),
  });
}

function decode(keyBytes: Buffer, valueBytes: Buffer | null): TransactionEntry | null {
  const record = decodeTransactionRecord(keyBytes, valueBytes);
  if (record.kind !== 'transactionLog') return null;
  const { transactionalId } = record.key;
  return {
    transactionalId,
    value: record.value === null ? null : transactionOf(transactionalId, record.value),
  };
}

function transactionOf(transactionalId: string, value: RecordOf<typeof transactionLogValue>): Transaction {
  const state = transactionStates[value.transactionStatus];
  if (state === undefined)
    throw new Error(`a transaction is in the unknown state ${value.transactionStatus}`);
  return {
    transactionalId,
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: -1,
    timeoutMs: value.transactionTimeoutMs,
    state,
    partitions: new Map(
      (value.transactionPartitions ?? []).map(({ topic, partitionIds }) => [
        topic,
        [...partitionIds].sort((a, b) => a - b),
      ]),
    ),
    startMs: value.transactionStartTimestampMs,
    lastUpdateMs: value.transactionLastUpdateTimestampMs,
    clientVersion: value.clientTransactionVersion,
  };
}
