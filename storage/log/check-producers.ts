import * as batch from '../../protocol/records/batch.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { readInt16, readInt64 } from '../../protocol/records/int64.ts';
import { openRecords } from '../../protocol/records/record.ts';
import type { BatchWalk } from './batch-walk.ts';
import { producerIdAt } from './batch-walk.ts';
import type { CompletedTransaction, ProducerState } from './producer-state.ts';
import { ProducerTable } from './producer-table.ts';
import { transactionIndexEntryBytes } from './transaction-index.ts';

/**
 * Producers and transactions as the batches tell them, against what the files beside the log say:
 *
 *    .txnindex    each entry is of an ABORT marker in this segment; each transaction that was aborted, and has records left, has one
 *    .snapshot    no producer is behind its batches, or ahead of the log; open transactions are those of the log
 *
 * A log that was cleaned, or begins late, tells less than the files: what it does not tell is no fault of theirs.
 */
export class CheckedProducers {
  readonly #table = new ProducerTable();
  /** Below it records may be gone, or not count. */
  readonly #logStartOffset: number;
  /** Of the present segment: offset → producer. */
  #abortMarkers = new Map<number, number>();
  #aborted: CompletedTransaction[] = [];

  constructor(logStartOffset: number) {
    this.#logStartOffset = logStartOffset;
  }

  beginSegment(): void {
    this.#abortMarkers = new Map();
    this.#aborted = [];
    this.#table.settle(Number.POSITIVE_INFINITY);
  }

  /** A batch that is sound. */
  add({ buffer, at }: BatchWalk): void {
    const producerId = producerIdAt(buffer, at);
    if (producerId < 0) return;
    if (batch.isControl(buffer, at)) {
      const cursor = openRecords(buffer, at);
      // A marker that was cleaned away may leave its batch.
      if (!cursor.next()) return;
      if (controlTypeOf(cursor.record()) === controlTypes.abort)
        this.#abortMarkers.set(batch.baseOffset(buffer, at), producerId);
    } else if (batch.recordCount(buffer, at) === 0) return;
    this.#table.replay(buffer, at, (transaction) => {
      if (transaction.aborted) this.#aborted.push(transaction);
    });
  }

  /** Of the present segment, whose batches have all been added. */
  transactionIndexProblem(bytes: Buffer): string | null {
    const told = new Set<number>();
    let before = -1;
    for (let at = 0; at < bytes.length; at += transactionIndexEntryBytes) {
      const [producerId, firstOffset, lastOffset] = [2, 10, 18].map((place) => readInt64(bytes, at + place));
      const isSound =
        readInt16(bytes, at) === 0 &&
        firstOffset! <= lastOffset! &&
        lastOffset! > before &&
        this.#abortMarkers.get(lastOffset!) === producerId;
      if (!isSound)
        return `has an entry at byte ${at} that cannot be one: producer ${producerId} has aborted nothing at offset ${lastOffset}`;
      told.add(lastOffset!);
      before = lastOffset!;
    }
    const missing = this.#aborted.find(({ lastOffset }) => !told.has(lastOffset));
    return missing === undefined
      ? null
      : `lacks the transaction of producer ${missing.producerId} that was aborted at offset ${missing.lastOffset}`;
  }

  /** Of a snapshot at `offset`, up to which all batches have been added. `isLast`: the log ends there. */
  snapshotProblem(found: readonly ProducerState[], offset: number, isLast: boolean): string | null {
    const known = new Set<number>();
    for (const told of found) {
      known.add(told.producerId);
      const problem = this.#producerProblem(told, offset, isLast);
      if (problem !== null) return `says of producer ${told.producerId} ${problem}`;
    }
    if (!isLast) return null;
    for (const { producerId, transactionFirstOffset: first } of this.#table.producers)
      if (first >= this.#logStartOffset && !known.has(producerId))
        return `lacks producer ${producerId}, whose transaction is open from offset ${first} on`;
    return null;
  }

  #producerProblem(told: ProducerState, offset: number, isLast: boolean): string | null {
    const start = this.#logStartOffset;
    if (told.lastDataOffset >= offset) return `that it has written offset ${told.lastDataOffset}`;
    const inLog = this.#table.get(told.producerId);
    const first = inLog?.transactionFirstOffset ?? -1;
    const toldFirst = told.transactionFirstOffset;
    if (isLast && first !== toldFirst && Math.max(first, toldFirst) >= start)
      return `that its open transaction begins at ${toldFirst}, but it does at ${first}`;
    if (inLog === undefined || inLog.lastDataOffset < start) return null;
    if (inLog.epoch > told.epoch)
      return `that its epoch is ${told.epoch}, but it has written in ${inLog.epoch}`;
    if (inLog.epoch < told.epoch) return null;
    if (inLog.lastDataOffset > told.lastDataOffset)
      return `that its last offset is ${told.lastDataOffset}, but it has written ${inLog.lastDataOffset}`;
    if (inLog.lastDataOffset === told.lastDataOffset && inLog.lastSequence !== told.lastSequence)
      return `that its last sequence is ${told.lastSequence}, but it is ${inLog.lastSequence}`;
    return null;
  }
}
