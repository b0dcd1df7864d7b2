import * as batch from '../../protocol/records/batch.ts';
import { controlTypeOf, controlTypes, readEndTransactionMarker } from '../../protocol/records/control.ts';
import { openRecords } from '../../protocol/records/record.ts';
import { producerIdAt } from './batch-walk.ts';
import {
  type CompletedTransaction,
  type Marker,
  type ProducerRefusal,
  ProducerState,
  ProducerUpdate,
  type WrittenBatch,
} from './producer-state.ts';

/**
 * All producers of a partition and its transactions: which are open, and which have ended but not yet below the high
 * watermark. The first offset of either is the first unstable one: read_committed consumers stop before it.
 *
 * An append prepares its changes (`prepare`) and takes them over once its bytes are written (`apply`); recovery and
 * loading replay batches that stand in the log (`replay`).
 */

interface EndedTransaction {
  readonly firstOffset: number;
  readonly lastOffset: number;
}

/** What an append will change here. */
export interface ProducerChanges {
  readonly updates: readonly ProducerUpdate[];
  readonly completed: readonly CompletedTransaction[];
}

export type Prepared =
  | { readonly kind: 'changes'; readonly changes: ProducerChanges }
  | { readonly kind: 'duplicate'; readonly of: WrittenBatch }
  | { readonly kind: 'refused'; readonly refusal: ProducerRefusal };

const nothing: Prepared = { kind: 'changes', changes: { updates: [], completed: [] } };

export class ProducerTable {
  readonly #producers = new Map<number, ProducerState>();
  /** First offset → producer id, ascending: transactions are opened in order of offset. */
  readonly #open = new Map<number, number>();
  /** Ascending in neither field for sure; few. */
  #ended: EndedTransaction[] = [];
  /** Everything below it is taken into account. */
  endOffset = 0;

  get size(): number {
    return this.#producers.size;
  }

  get producers(): Iterable<ProducerState> {
    return this.#producers.values();
  }

  get(producerId: number): ProducerState | undefined {
    return this.#producers.get(producerId);
  }

  /** The first offset whose transaction is open or ended at or above the high watermark; -1 when all is stable. */
  get firstUnstableOffset(): number {
    let first = this.firstOpenOffset;
    for (const { firstOffset } of this.#ended) if (first < 0 || firstOffset < first) first = firstOffset;
    return first;
  }

  /** The first offset of a transaction that is neither committed nor aborted; -1 without one. */
  get firstOpenOffset(): number {
    let first = -1;
    for (const offset of this.#open.keys()) if (first < 0 || offset < first) first = offset;
    return first;
  }

  /**
   * Checks the batches of an append (offsets assigned) against what is known. `isClient`: sequences count and a batch may
   * be a duplicate, which then stands for the whole append. `transactionVersion`: see AppendOptions.
   */
  prepare(records: Buffer, isClient: boolean, transactionVersion = 0): Prepared {
    let updates: Map<number, ProducerUpdate> | null = null;
    let completed: CompletedTransaction[] | null = null;
    for (let at = 0; at < records.length; at += batch.batchSizeInBytes(records, at)) {
      const producerId = batch.producerId(records, at);
      if (producerId < 0) continue;
      const known = this.#producers.get(producerId) ?? null;
      if (isClient && known) {
        const first = batch.baseSequence(records, at);
        const last = batch.lastSequence(records, at);
        const of = known.findDuplicate(batch.producerEpoch(records, at), first, last);
        if (of) return { kind: 'duplicate', of };
      }
      updates ??= new Map();
      let update = updates.get(producerId);
      if (!update) updates.set(producerId, (update = new ProducerUpdate(producerId, known, isClient)));
      if (batch.isControl(records, at)) {
        const marker = markerAt(records, at);
        if (marker === null) continue;
        const refusal = update.checkMarker(marker, transactionVersion);
        if (refusal) return { kind: 'refused', refusal };
        const transaction = update.end(marker);
        if (transaction) (completed ??= []).push(transaction);
      } else {
        const refusal = update.data(dataBatchAt(records, at), transactionVersion);
        if (refusal) return { kind: 'refused', refusal };
      }
    }
    return updates === null
      ? nothing
      : { kind: 'changes', changes: { updates: [...updates.values()], completed: completed ?? [] } };
  }

  /**
   * Takes over the changes of an append that was written. For each transaction that it ended, `onCompleted` hears of it and
   * of the last stable offset there will be once all is replicated.
   */
  apply(
    changes: ProducerChanges,
    endOffset: number,
    onCompleted: (transaction: CompletedTransaction, stableOffset: number) => void,
  ): void {
    for (const update of changes.updates) {
      let state = this.#producers.get(update.producerId);
      if (!state) this.#producers.set(update.producerId, (state = new ProducerState(update.producerId)));
      update.applyTo(state);
      for (const firstOffset of update.begun) this.#open.set(firstOffset, update.producerId);
    }
    for (const transaction of changes.completed) {
      onCompleted(transaction, this.#stableOffsetAfter(transaction));
      this.#open.delete(transaction.firstOffset);
      this.#ended.push(transaction);
    }
    this.endOffset = endOffset;
  }

  /** Takes into account a batch that stands in the log. */
  replay(
    buffer: Buffer,
    at: number,
    onCompleted: (transaction: CompletedTransaction, stableOffset: number) => void,
  ): void {
    const producerId = producerIdAt(buffer, at);
    if (producerId < 0) return;
    const update = new ProducerUpdate(producerId, this.#producers.get(producerId) ?? null, false);
    let completed: CompletedTransaction | null = null;
    if (batch.isControl(buffer, at)) {
      const marker = markerAt(buffer, at);
      if (marker) completed = update.end(marker);
    } else update.force(dataBatchAt(buffer, at));
    const changes = { updates: [update], completed: completed ? [completed] : [] };
    this.apply(changes, batch.lastOffset(buffer, at) + 1, onCompleted);
  }

  /** Puts in what a snapshot says of a producer. */
  load(producer: ProducerState): void {
    this.#producers.set(producer.producerId, producer);
    if (producer.transactionFirstOffset >= 0)
      this.#open.set(producer.transactionFirstOffset, producer.producerId);
  }

  /** Transactions that ended below it are stable now. True when there were some. */
  settle(highWatermark: number): boolean {
    if (this.#ended.length === 0) return false;
    const before = this.#ended.length;
    this.#ended = this.#ended.filter((transaction) => transaction.lastOffset >= highWatermark);
    return this.#ended.length < before;
  }

  clear(): void {
    this.#producers.clear();
    this.#open.clear();
    this.#ended = [];
    this.endOffset = 0;
  }

  /** Forgets producers that have written nothing for so long and have no open transaction. */
  expire(nowMs: number, expirationMs: number): void {
    for (const [producerId, producer] of this.#producers) {
      if (isExpired(producer, nowMs, expirationMs)) this.#producers.delete(producerId);
    }
  }

  #stableOffsetAfter(transaction: CompletedTransaction): number {
    let first = -1;
    for (const [offset, producerId] of this.#open) {
      if (producerId !== transaction.producerId && (first < 0 || offset < first)) first = offset;
    }
    return first < 0 ? transaction.lastOffset + 1 : first;
  }
}

/** Whether a producer is idle for longer than `producer.id.expiration.ms`, with no open transaction. */
export function isExpired(producer: ProducerState, nowMs: number, expirationMs: number): boolean {
  return producer.transactionFirstOffset < 0 && nowMs - producer.lastTimestampMs >= expirationMs;
}

function dataBatchAt(buffer: Buffer, at: number) {
  return {
    epoch: batch.producerEpoch(buffer, at),
    firstSequence: batch.baseSequence(buffer, at),
    lastSequence: batch.lastSequence(buffer, at),
    baseOffset: batch.baseOffset(buffer, at),
    lastOffset: batch.lastOffset(buffer, at),
    maxTimestampMs: batch.maxTimestamp(buffer, at),
    isTransactional: batch.isTransactional(buffer, at),
  };
}

/** null: the cleaner has emptied the batch, for its transaction is gone; or it holds a control record of another kind. */
function markerAt(buffer: Buffer, at: number): Marker | null {
  const cursor = openRecords(buffer, at);
  if (!cursor.next()) return null;
  const record = cursor.record();
  const type = controlTypeOf(record);
  if (type !== controlTypes.commit && type !== controlTypes.abort) return null;
  const { committed, coordinatorEpoch } = readEndTransactionMarker(record);
  const epoch = batch.producerEpoch(buffer, at);
  const offset = batch.baseOffset(buffer, at);
  return { epoch, coordinatorEpoch, offset, timestampMs: record.timestamp, committed };
}
