import { incrementSequence } from '../../protocol/records/batch.ts';

/**
 * What a partition knows of one producer: epoch, the last batches it wrote, and its open transaction. From these follow
 * whether its next batch is a duplicate, out of order or fenced (KIP-98).
 *
 * - A batch that equals one of the last five, sequence for sequence, was sent twice: it is answered, not written.
 * - Otherwise its first sequence must follow the last one (0 after 2^31 - 1), or be 0 in a new epoch.
 * - A producer that is not known here (new, expired, its records deleted) may begin with any sequence.
 * - An older epoch is refused. A marker ends the transaction and keeps the batches, unless it brings a new epoch.
 */

/** As many batches as a client may have in flight. */
export const batchesKept = 5;

/** Kafka's error codes that a producer's batch can get. */
export const producerErrors = {
  outOfOrderSequence: 45,
  invalidProducerEpoch: 47,
  invalidTransactionState: 48,
  transactionCoordinatorFenced: 52,
} as const;

export interface ProducerRefusal {
  readonly errorCode: number;
  readonly message: string;
}

/** A batch that was written: `lastSequence` and `lastOffset` are those of its last record. */
export interface WrittenBatch {
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly timestampMs: number;
}

/** The header fields of a data batch. */
export interface DataBatch {
  readonly epoch: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly isTransactional: boolean;
}

/** The marker that ends a transaction. */
export interface Marker {
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly committed: boolean;
}

export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** The marker's. */
  readonly lastOffset: number;
  readonly aborted: boolean;
}

export class ProducerState {
  readonly producerId: number;
  epoch = -1;
  /** Of the last marker; -1 none. */
  coordinatorEpoch = -1;
  lastTimestampMs = -1;
  /** -1: no open transaction here. */
  transactionFirstOffset = -1;
  /** Oldest first, at most `batchesKept`. */
  batches: WrittenBatch[] = [];

  constructor(producerId: number) {
    this.producerId = producerId;
  }

  /** -1: no batch in this epoch yet. */
  get lastSequence(): number {
    return this.batches.length === 0 ? -1 : this.batches[this.batches.length - 1]!.lastSequence;
  }

  get lastDataOffset(): number {
    return this.batches.length === 0 ? -1 : this.batches[this.batches.length - 1]!.lastOffset;
  }

  get lastOffsetDelta(): number {
    return this.batches.length === 0 ? 0 : this.batches[this.batches.length - 1]!.offsetDelta;
  }

  /** The batch with exactly these sequences, if it is one of the last ones. */
  findDuplicate(epoch: number, firstSequence: number, lastSequence: number): WrittenBatch | null {
    if (epoch !== this.epoch) return null;
    for (const written of this.batches) {
      if (written.lastSequence !== lastSequence) continue;
      if (firstSequenceOf(written) === firstSequence) return written;
    }
    return null;
  }

  /** Adds a batch; a new epoch forgets those of the old one. */
  addBatch(epoch: number, written: WrittenBatch): void {
    this.setEpoch(epoch);
    if (this.batches.length === batchesKept) this.batches.shift();
    this.batches.push(written);
    this.lastTimestampMs = written.timestampMs;
  }

  setEpoch(epoch: number): void {
    if (this.epoch === epoch) return;
    this.batches = [];
    this.epoch = epoch;
  }
}

/**
 * The batches of one producer in one append, checked one after the other and taken over by `applyTo` once they are
 * written. Checks read the state as it is; nothing changes before.
 */
export class ProducerUpdate {
  readonly producerId: number;
  /** First offsets of the transactions that begin here. */
  readonly begun: number[] = [];
  readonly #known: ProducerState | null;
  readonly #next: ProducerState;
  readonly #checkSequences: boolean;

  /** `checkSequences`: a client's batches; those of coordinators carry none. */
  constructor(producerId: number, known: ProducerState | null, checkSequences: boolean) {
    this.producerId = producerId;
    this.#known = known;
    this.#checkSequences = checkSequences;
    this.#next = new ProducerState(producerId);
    if (known) {
      this.#next.epoch = known.epoch;
      this.#next.coordinatorEpoch = known.coordinatorEpoch;
      this.#next.lastTimestampMs = known.lastTimestampMs;
      this.#next.transactionFirstOffset = known.transactionFirstOffset;
    }
  }

  /** Checks a data batch and notes it. */
  data(batch: DataBatch, transactionVersion = 0): ProducerRefusal | null {
    const refusal =
      this.#checkEpoch(batch.epoch, batch.baseOffset) ??
      this.#checkBeginning(batch, transactionVersion) ??
      this.#checkSequence(batch);
    if (refusal) return refusal;
    const next = this.#next;
    if (next.transactionFirstOffset >= 0 && !batch.isTransactional) {
      const message = `Expected transactional write from producer ${this.producerId} at offset ${batch.baseOffset}`;
      return { errorCode: producerErrors.invalidTransactionState, message };
    }
    this.force(batch);
    return null;
  }

  /** Notes a data batch unchecked: it stands in the log already. */
  force(batch: DataBatch): void {
    const next = this.#next;
    next.addBatch(batch.epoch, {
      lastSequence: batch.lastSequence,
      lastOffset: batch.lastOffset,
      offsetDelta: batch.lastOffset - batch.baseOffset,
      timestampMs: batch.maxTimestampMs,
    });
    if (next.transactionFirstOffset < 0 && batch.isTransactional) {
      next.transactionFirstOffset = batch.baseOffset;
      this.begun.push(batch.baseOffset);
    }
  }

  /** Checks a marker. */
  checkMarker(marker: Marker, transactionVersion = 0): ProducerRefusal | null {
    const next = this.#next;
    return checkMarker({ ...marker, producerId: this.producerId, transactionVersion }, next);
  }

  /** Notes a marker; gives the transaction that it ends, null when none is open here. */
  end(marker: Marker): CompletedTransaction | null {
    const next = this.#next;
    const { producerId } = this;
    const firstOffset = next.transactionFirstOffset;
    next.setEpoch(marker.epoch);
    next.coordinatorEpoch = marker.coordinatorEpoch;
    next.transactionFirstOffset = -1;
    next.lastTimestampMs = marker.timestampMs;
    if (firstOffset < 0) return null;
    return { producerId, firstOffset, lastOffset: marker.offset, aborted: !marker.committed };
  }

  /** Brings what was noted into `state`, which is the producer's or, for a new one, empty. */
  applyTo(state: ProducerState): void {
    const next = this.#next;
    state.setEpoch(next.epoch);
    for (const written of next.batches) state.addBatch(next.epoch, written);
    state.coordinatorEpoch = next.coordinatorEpoch;
    state.transactionFirstOffset = next.transactionFirstOffset;
    state.lastTimestampMs = next.lastTimestampMs;
  }

  #checkEpoch(epoch: number, offset: number): ProducerRefusal | null {
    if (epoch >= this.#next.epoch) return null;
    const message = `Epoch of producer ${this.producerId} at offset ${offset} is ${epoch}, which is smaller than the last seen epoch ${this.#next.epoch}`;
    return { errorCode: producerErrors.invalidProducerEpoch, message };
  }

  /** A producer whose epoch grows with each transaction is new to a partition only with its first batch. */
  #checkBeginning(
    { firstSequence, baseOffset }: DataBatch,
    transactionVersion: number,
  ): ProducerRefusal | null {
    const isNew = this.#next.epoch === -1;
    if (!isNew || !this.#checkSequences || transactionVersion < epochPerTransaction || firstSequence === 0)
      return null;
    const message = `Invalid sequence number for producer ${this.producerId} at offset ${baseOffset}: ${firstSequence} (incoming seq. number), expected 0 of a producer that is not known here`;
    return { errorCode: producerErrors.outOfOrderSequence, message };
  }

  #checkSequence(batch: DataBatch): ProducerRefusal | null {
    if (!this.#checkSequences) return null;
    const { epoch, firstSequence, baseOffset } = batch;
    const next = this.#next;
    if (epoch !== next.epoch) {
      if (firstSequence === 0 || next.epoch === -1) return null;
      const message = `Invalid sequence number for new epoch of producer ${this.producerId} at offset ${baseOffset}: ${epoch} (request epoch), ${firstSequence} (seq. number), ${next.epoch} (current producer epoch)`;
      return { errorCode: producerErrors.outOfOrderSequence, message };
    }
    const known = this.#known;
    if (known === null || known.epoch === -1) return null;
    const last =
      next.batches.length > 0 ? next.lastSequence : epoch === known.epoch ? known.lastSequence : -1;
    if (firstSequence === incrementSequence(last, 1)) return null;
    const message = `Out of order sequence number for producer ${this.producerId} at offset ${baseOffset}: ${firstSequence} (incoming seq. number), ${last} (current end sequence number)`;
    return { errorCode: producerErrors.outOfOrderSequence, message };
  }
}

/** The transaction version from which on each transaction has an epoch of its own. */
export const epochPerTransaction = 2;
const maxEpoch = 0x7fff;

/** What a partition knows of a producer that a marker is checked against. */
export interface KnownProducer {
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly transactionFirstOffset: number;
}

export interface CheckedMarker {
  readonly producerId: number;
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly offset: number;
  readonly transactionVersion: number;
}

/** Why a marker may not be written; null when it may. One that is written a second time is let through, its transaction being over. */
export function checkMarker(marker: CheckedMarker, known: KnownProducer): ProducerRefusal | null {
  const { producerId, epoch, coordinatorEpoch, offset, transactionVersion } = marker;
  const isOver = known.transactionFirstOffset < 0 || epoch === maxEpoch;
  const isLate =
    epoch < known.epoch || (transactionVersion >= epochPerTransaction && epoch === known.epoch && !isOver);
  if (isLate) {
    const message = `Epoch of producer ${producerId} at offset ${offset} is ${epoch}, which does not follow the last seen epoch ${known.epoch}`;
    return { errorCode: producerErrors.invalidProducerEpoch, message };
  }
  if (coordinatorEpoch >= known.coordinatorEpoch) return null;
  const message = `Invalid coordinator epoch for producer ${producerId} at offset ${offset}: ${coordinatorEpoch} (zombie), ${known.coordinatorEpoch} (current)`;
  return { errorCode: producerErrors.transactionCoordinatorFenced, message };
}

/** The first sequence of a batch that was written, counted back over 0 to 2^31 - 1. */
export function firstSequenceOf(written: WrittenBatch): number {
  const { lastSequence, offsetDelta } = written;
  return lastSequence >= offsetDelta ? lastSequence - offsetDelta : lastSequence - offsetDelta + 0x80000000;
}
