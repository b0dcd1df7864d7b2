/** What a transactional id may do next. Pure: state, request and time → entries and an answer; loaded-transactions.ts writes them. */
import { errors } from '../../protocol/errors.ts';
import { answerOnly, type Decision } from '../journal/state-machine.ts';
import {
  completed,
  epochPerTransaction,
  holds,
  initialized,
  isDecided,
  isExhausted,
  isIdle,
  newTransaction,
  prepared,
  type Transaction,
  union,
  withNewProducer,
  withPartitions,
} from './transaction.ts';
import type { TransactionEntry } from './transaction-entries.ts';

/** A decision has to be made again, with a new producer id at hand. */
export const needsProducerId = 'needs a producer id';
export type NeedsProducerId = typeof needsProducerId;

export interface ProducerAnswer {
  readonly errorCode: number;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface ProducerClaim {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

type Decided<Answer> = Decision<TransactionEntry, Answer>;

const { none, concurrentTransactions, producerFenced, invalidProducerIdMapping, invalidTxnState } = errors;

export function noProducer(errorCode: number): ProducerAnswer {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}

function refuse(errorCode: number): Decided<ProducerAnswer> {
  return answerOnly(noProducer(errorCode));
}

function entryOf(value: Transaction): TransactionEntry {
  return { transactionalId: value.transactionalId, value };
}

export interface InitRequest {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** What the client thinks it is (KIP-360); null: it begins. */
  readonly expected: { readonly producerId: number; readonly producerEpoch: number } | null;
}

export interface Circumstances {
  readonly nowMs: number;
  /** Null: none was taken yet; a decision that cannot do without one answers `needsProducerId`. */
  readonly newProducerId: number | null;
  /** Level of transaction.version: what the coordinator itself goes by when it aborts. */
  readonly version: number;
}

/** InitProducerId: fences whoever had the id before. A transaction that is still open is aborted first; the client asks again. */
export function decideInit(
  found: Transaction | undefined,
  request: InitRequest,
  at: Circumstances,
): Decided<ProducerAnswer | NeedsProducerId> {
  const { expected, timeoutMs, transactionalId } = request;
  const { nowMs, newProducerId } = at;
  if (found === undefined && newProducerId === null) return answerOnly(needsProducerId);
  const current = found ?? newTransaction(transactionalId, newProducerId!, nowMs);
  if (isDecided(current)) return refuse(concurrentTransactions.code);
  if (expected !== null && !isWhoItSays(current, expected)) return refuse(producerFenced.code);
  if (current.state === 'Ongoing') {
    const { entries, answer } = decideFence(current, at);
    if (answer === needsProducerId) return answerOnly(needsProducerId);
    return { entries, answer: noProducer(concurrentTransactions.code) };
  }
  const { producerEpoch, lastProducerEpoch } = current;
  const isCurrent = expected === null || expected.producerEpoch === producerEpoch;
  if (isExhausted(producerEpoch)) {
    // Kafka has no words for one that is out of epochs and behind as well.
    if (!isCurrent) return refuse(errors.unknownServerError.code);
    if (newProducerId === null) return answerOnly(needsProducerId);
    const lastEpoch = expected === null ? -1 : producerEpoch;
    return begins(withNewProducer(current, { producerId: newProducerId, lastEpoch, timeoutMs, nowMs }));
  }
  const next = { epoch: producerEpoch + 1, timeoutMs, nowMs };
  if (expected === null) return begins(initialized(current, { ...next, lastEpoch: -1 }));
  if (isCurrent || producerEpoch === -1)
    return begins(initialized(current, { ...next, lastEpoch: producerEpoch }));
  // The answer to its last request was lost: it gets the same one.
  if (expected.producerEpoch === lastProducerEpoch)
    return begins(initialized(current, { ...next, epoch: producerEpoch, lastEpoch: lastProducerEpoch }));
  return refuse(producerFenced.code);
}

function begins(value: Transaction): Decided<ProducerAnswer> {
  const { producerId, producerEpoch } = value;
  return { entries: [entryOf(value)], answer: { errorCode: none.code, producerId, producerEpoch } };
}

function isWhoItSays(
  current: Transaction,
  expected: { readonly producerId: number; readonly producerEpoch: number },
): boolean {
  return (
    current.producerEpoch === -1 ||
    expected.producerId === current.producerId ||
    (expected.producerId === current.previousProducerId && isExhausted(expected.producerEpoch))
  );
}

/** AddPartitionsToTxn; the first partition begins the transaction. */
export function decideAddPartitions(
  current: Transaction | undefined,
  { producerId, producerEpoch }: ProducerClaim,
  added: readonly TopicPartition[],
  clientVersion: number,
  nowMs: number,
): Decided<number> {
  if (current === undefined) return answerOnly(invalidProducerIdMapping.code);
  if (isDecided(current)) return answerOnly(concurrentTransactions.code);
  if (current.producerId !== producerId) return answerOnly(invalidProducerIdMapping.code);
  if (current.producerEpoch !== producerEpoch) return answerOnly(producerFenced.code);
  const partitions = union(current.partitions, added);
  if (current.state === 'Ongoing' && partitions === current.partitions) return answerOnly(none.code);
  const value = withPartitions(current, partitions, clientVersion, nowMs);
  return { entries: [entryOf(value)], answer: none.code };
}

/** Whether partitions are in the transaction that a producer says it is in: one code for each. */
export function verifyPartitions(
  current: Transaction | undefined,
  { producerId, producerEpoch }: ProducerClaim,
  asked: readonly TopicPartition[],
): readonly number[] {
  const all = (errorCode: number): readonly number[] => asked.map(() => errorCode);
  if (current === undefined || current.producerId !== producerId) return all(invalidProducerIdMapping.code);
  if (current.producerEpoch !== producerEpoch) return all(producerFenced.code);
  if (isDecided(current)) return all(concurrentTransactions.code);
  return asked.map(({ topic, partition }) =>
    holds(current.partitions, topic, partition) ? none.code : errors.transactionAbortable.code,
  );
}

/** Whether a producer may append to a partition right now. */
export function isOpenIn(
  current: Transaction | undefined,
  { producerId, producerEpoch }: ProducerClaim,
  { topic, partition }: TopicPartition,
): boolean {
  return (
    current?.state === 'Ongoing' &&
    current.producerId === producerId &&
    current.producerEpoch === producerEpoch &&
    holds(current.partitions, topic, partition)
  );
}

export interface EndRequest extends ProducerClaim {
  readonly committed: boolean;
  /** From 2 on (EndTxn v5) the answer brings the next epoch. */
  readonly clientVersion: number;
}

/** EndTxn: the decision is made with the entry that this returns. */
export function decideEnd(
  current: Transaction | undefined,
  request: EndRequest,
  at: Circumstances,
): Decided<ProducerAnswer | NeedsProducerId> {
  if (current === undefined) return refuse(invalidProducerIdMapping.code);
  return request.clientVersion >= epochPerTransaction
    ? decideEndWithEpoch(current, request, at)
    : decideEndAsBefore(current, request, at);
}

/** The protocol before KIP-890: the epoch stays. */
function decideEndAsBefore(
  current: Transaction,
  { producerId, producerEpoch, committed }: EndRequest,
  { nowMs }: Circumstances,
): Decided<ProducerAnswer> {
  if (current.producerId !== producerId) return refuse(invalidProducerIdMapping.code);
  if (current.producerEpoch !== producerEpoch) return refuse(producerFenced.code);
  if (isDecided(current)) return refuse(concurrentTransactions.code);
  if (current.state === 'Ongoing') {
    const ending = { committed, version: 0, nextProducerId: -1, nowMs, fences: false };
    return { entries: [entryOf(prepared(current, ending))], answer: noProducer(none.code) };
  }
  return refuse(endedThatWay(current, committed) ? none.code : invalidTxnState.code);
}

/**
 * KIP-890. A client that asks again has the epoch before (or, after a change of the producer id, the last one of the old id):
 *
 *                        Abort               Commit
 *                     again    now        again    now
 *    Empty            fenced   next       fenced   invalid         next: an abort of nothing, which brings an epoch, too
 *    CompleteAbort    same     next       invalid  invalid         same: the answer that was lost
 *    CompleteCommit   invalid  next       same     invalid
 */
function decideEndWithEpoch(
  current: Transaction,
  request: EndRequest,
  at: Circumstances,
): Decided<ProducerAnswer | NeedsProducerId> {
  const { producerId, producerEpoch, committed } = request;
  if (isDecided(current)) return refuse(concurrentTransactions.code);
  const isAgainAfterRotation =
    current.previousProducerId === producerId && current.producerEpoch === 0 && producerEpoch === 0x7ffe;
  if (current.producerId !== producerId && !isAgainAfterRotation)
    return refuse(invalidProducerIdMapping.code);
  const isComplete = current.state === 'CompleteCommit' || current.state === 'CompleteAbort';
  const isAgain = isAgainAfterRotation || current.producerEpoch === producerEpoch + 1;
  if (current.producerEpoch !== producerEpoch && !(isComplete && isAgain)) return refuse(producerFenced.code);
  if (isComplete && isAgain) {
    if (!endedThatWay(current, committed)) return refuse(invalidTxnState.code);
    return answerOnly({
      errorCode: none.code,
      producerId: current.producerId,
      producerEpoch: current.producerEpoch,
    });
  }
  if (current.state !== 'Ongoing' && committed) return refuse(invalidTxnState.code);
  return ends(current, committed, request.clientVersion, at, false);
}

function endedThatWay({ state }: Transaction, committed: boolean): boolean {
  return state === (committed ? 'CompleteCommit' : 'CompleteAbort');
}

/** The coordinator aborts an open transaction, and its producer may write nothing more: time-out, or somebody took the id over. */
export function decideFence(
  current: Transaction,
  at: Circumstances,
): Decided<ProducerAnswer | NeedsProducerId> {
  return ends(current, false, at.version, at, true);
}

function ends(
  current: Transaction,
  committed: boolean,
  version: number,
  { nowMs, newProducerId }: Circumstances,
  fences: boolean,
): Decided<ProducerAnswer | NeedsProducerId> {
  const rotates = version >= epochPerTransaction && isExhausted(current.producerEpoch);
  if (rotates && newProducerId === null) return answerOnly(needsProducerId);
  const nextProducerId = rotates ? newProducerId! : -1;
  const ending = {
    committed,
    version: version >= epochPerTransaction ? version : 0,
    nextProducerId,
    nowMs,
    fences,
  };
  const value = prepared(current, ending);
  const answer = rotates
    ? { errorCode: none.code, producerId: nextProducerId, producerEpoch: 0 }
    : { errorCode: none.code, producerId: value.producerId, producerEpoch: value.producerEpoch };
  // Before KIP-890 the answer says nothing of the producer.
  return {
    entries: [entryOf(value)],
    answer: version >= epochPerTransaction ? answer : noProducer(none.code),
  };
}

/** All markers are written. */
export function decideComplete(current: Transaction, nowMs: number): Decided<number> {
  return { entries: [entryOf(completed(current, nowMs))], answer: none.code };
}

/** Open for longer than its producer said. One that takes part in a two-phase commit never is. */
export function isTimedOut({ state, startMs, timeoutMs }: Transaction, nowMs: number): boolean {
  return state === 'Ongoing' && timeoutMs !== 0x7fffffff && startMs + timeoutMs < nowMs;
}

/** Not used for so long that it is forgotten. */
export function isExpired(transaction: Transaction, nowMs: number, expirationMs: number): boolean {
  return isIdle(transaction) && transaction.lastUpdateMs <= nowMs - expirationMs;
}
