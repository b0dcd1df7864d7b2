/** What a Produce must ask before records of a transaction may be appended. */
import { errors } from '../../../protocol/errors.ts';
import type { produce } from '../../../protocol/messages/data/produce.ts';
import {
  baseSequence,
  batchHeaderBytes,
  isTransactional,
  magic,
  magicV2,
  producerEpoch,
  producerId,
} from '../../../protocol/records/batch.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import type { MaybeLater } from '../../journal/coordinator-shards.ts';
import type { Partition } from '../../partitions/partition.ts';
import type { Services } from '../../services.ts';
import {
  type Protocol,
  permitAppends,
  produceProtocol,
  produceRefusal,
} from '../../transactions/append-permission.ts';
import { epochPerTransaction } from '../../transactions/transaction.ts';
import type { ProducerClaim } from '../../transactions/transaction-decisions.ts';

type Request = RequestOf<typeof produce>;

/** Whose transaction a Produce is part of, and what became of each of its partitions. */
export interface TransactionalProduce {
  readonly claim: ProducerClaim;
  readonly protocol: Protocol;
  /** False where the broker is configured not to ask. */
  readonly isChecked: boolean;
  /** Of AppendOptions. */
  readonly transactionVersion: number;
  readonly codes: ReadonlyMap<Partition, number>;
}

export function areTransactional(records: Buffer | null): records is Buffer {
  return (
    records !== null &&
    records.length >= batchHeaderBytes &&
    magic(records, 0) === magicV2 &&
    isTransactional(records, 0)
  );
}

/** Null for a Produce outside of transactions; a code for one that is refused whole. */
export function askForAppends(
  services: Services,
  request: Request,
  apiVersion: number,
  byTopicId: boolean,
): MaybeLater<TransactionalProduce | number> | null {
  const { partitions, transactions, settings, environment } = services;
  let claim: ProducerClaim | null = null;
  const asked: Partition[] = [];
  for (const { name, topicId, partitionData } of request.topicData) {
    for (const { index, records } of partitionData) {
      if (!areTransactional(records) || producerId(records, 0) < 0) continue;
      const partition = partitions.find(name, topicId, byTopicId, index);
      if (partition === undefined) continue;
      const own = {
        transactionalId: request.transactionalId ?? '',
        producerId: producerId(records, 0),
        producerEpoch: producerEpoch(records, 0),
      };
      claim ??= own;
      if (claim.producerId !== own.producerId || claim.producerEpoch !== own.producerEpoch)
        return errors.invalidProducerIdMapping.code;
      asked.push(partition);
    }
  }
  if (claim === null) return null;
  const protocol = produceProtocol(apiVersion);
  const codes = new Map<Partition, number>();
  const isAdding = protocol === 'adding';
  const isChecked = isAdding || settings['transaction.partition.verification.enable'];
  const transactionVersion = isAdding ? epochPerTransaction : 0;
  const produced = { claim, protocol, isChecked, transactionVersion, codes };
  if (!isChecked) return produced;
  const { producerEpoch: epoch } = claim;
  const current = asked.filter((partition) => {
    const isStale = epoch < (partition.producer(produced.claim.producerId)?.epoch ?? -1);
    if (isStale) codes.set(partition, errors.invalidProducerEpoch.code);
    return !isStale;
  });
  if (current.length === 0) return produced;
  const note = (given: readonly number[]): TransactionalProduce => {
    for (const [i, partition] of current.entries()) codes.set(partition, given[i]!);
    return produced;
  };
  const places = current.map(({ topic, index }) => ({ topic, partition: index }));
  const options = { transactions, settings, clock: environment.clock };
  const permitted = permitAppends(options, claim, places, protocol);
  return permitted instanceof Promise ? permitted.then(note) : note(permitted);
}

type Refusal = { readonly errorCode: number; readonly message: string | null };

/** Why records of a transaction may not be appended here and now; null when they may. */
export function appendRefusal(
  services: Services,
  transaction: TransactionalProduce,
  partition: Partition,
  records: Buffer,
): Refusal | null {
  const { claim, protocol, isChecked } = transaction;
  if (!isChecked) return null;
  const refusal = coordinatorRefusal(services, transaction, partition);
  if (protocol === 'adding') return refusal;
  const { refusedBeginnings } = partition;
  const batch = [claim.producerId, claim.producerEpoch, baseSequence(records, 0)] as const;
  if (refusal === null)
    return refusedBeginnings.isOvertaken(...batch)
      ? { errorCode: errors.outOfOrderSequenceNumber.code, message: null }
      : null;
  const isSentAgain = refusal.errorCode === errors.notEnoughReplicas.code;
  if (isSentAgain && partition.producer(claim.producerId) === undefined) refusedBeginnings.note(...batch);
  return refusal;
}

function coordinatorRefusal(
  { transactions }: Services,
  { claim, protocol, codes }: TransactionalProduce,
  partition: Partition,
): Refusal | null {
  const errorCode = codes.get(partition) ?? errors.invalidTxnState.code;
  if (errorCode !== errors.none.code) return produceRefusal(errorCode, protocol);
  // It may have ended while this request waited.
  const { topic, index } = partition;
  const now = transactions.appendError(claim, { topic, partition: index });
  if (now === errors.none.code) return null;
  return now === errors.invalidTxnState.code
    ? { errorCode: now, message: null }
    : produceRefusal(now, protocol);
}
