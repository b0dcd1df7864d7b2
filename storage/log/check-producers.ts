import * as batch from '../../protocol/records/batch.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { openRecords } from '../../protocol/records/record.ts';
import type { BatchWalk } from './batch-walk.ts';
import { producerIdAt } from './batch-walk.ts';
import type { CompletedTransaction, ProducerState } from './producer-state.ts';
import { ProducerTable } from './producer-table.ts';
import {
  type TransactionIndexEntry,
  transactionIndexEntry,
  transactionIndexEntryBytes,
} from './transaction-index.ts';

/**
 * Producers and transactions as the batches tell them, against what the files beside the log say:
 *
 *    .txnindex    each entry is of an ABORT marker in this segment; each transaction that was aborted, and has records left, has one;
 *                 it begins where its records do, or between the producer's last marker and those, and promises no more than was stable
 *    .snapshot    no producer is behind its batches, or ahead of the log; open transactions are those of the log
 *
 * A log that was cleaned, or begins late, tells less than the files: what it does not tell is no fault of theirs.
 */
export class CheckedProducers {
  readonly #table = new ProducerTable();
  /** Below it records may be gone, or not count. */
  readonly #logStartOffset: number;
  /** The last marker of each producer so far, whatever it decided. */
  readonly #lastMarkers = new Map<number, number>();
  /** Of the present segment, by offset. */
  #abortMarkers = new Map<number, AbortMarker>();
  #aborted = new Map<number, Aborted>();

  constructor(logStartOffset: number) {
    this.#logStartOffset = logStartOffset;
  }

  beginSegment(): void {
    this.#abortMarkers = new Map();
    this.#aborted = new Map();
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
      const offset = batch.baseOffset(buffer, at);
      if (controlTypeOf(cursor.record()) === controlTypes.abort)
        this.#abortMarkers.set(offset, { producerId, before: this.#lastMarkers.get(producerId) ?? -1 });
      this.#lastMarkers.set(producerId, offset);
    } else if (batch.recordCount(buffer, at) === 0) return;
    this.#table.replay(buffer, at, (transaction, stableOffset) => {
      if (transaction.aborted) this.#aborted.set(transaction.lastOffset, { ...transaction, stableOffset });
    });
  }

  /** Of the present segment, whose batches have all been added. */
  transactionIndexProblem(bytes: Buffer): string | null {
    const told = new Set<number>();
    let before = -1;
    for (let at = 0; at < bytes.length; at += transactionIndexEntryBytes) {
      const entry = transactionIndexEntry(bytes, at);
      const { producerId, firstOffset, lastOffset } = entry;
      const isSound =
        entry.version === 0 &&
        firstOffset <= lastOffset &&
        lastOffset > before &&
        this.#abortMarkers.get(lastOffset)?.producerId === producerId;
      if (!isSound)
        return `has an entry at byte ${at} that cannot be one: producer ${producerId} has aborted nothing at offset ${lastOffset}`;
      const problem = this.#entryProblem(entry);
      if (problem !== null) return `says at byte ${at} ${problem}`;
      told.add(lastOffset);
      before = lastOffset;
    }
    for (const [offset, { producerId }] of this.#aborted)
      if (!told.has(offset))
        return `lacks the transaction of producer ${producerId} that was aborted at offset ${offset}`;
    return null;
  }

  /** Too late a beginning, or too great a stable offset, shows readers what was aborted; too early a beginning hides what was not. */
  #entryProblem({
    producerId,
    firstOffset,
    lastOffset,
    lastStableOffset,
  }: TransactionIndexEntry): string | null {
    const which = `that the transaction of producer ${producerId} that was aborted at offset ${lastOffset}`;
    const { before } = this.#abortMarkers.get(lastOffset)!;
    if (firstOffset <= before)
      return `${which} begins at ${firstOffset}, but the one before ended at ${before}`;
    const inLog = this.#aborted.get(lastOffset);
    if (inLog === undefined) return null;
    if (firstOffset > inLog.firstOffset)
      return `${which} begins at ${firstOffset}, but it does at ${inLog.firstOffset}`;
    return lastStableOffset > inLog.stableOffset
      ? `that all below offset ${lastStableOffset} was decided, but it was only below ${inLog.stableOffset}`
      : null;
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
    if (inLog === undefined) return null;
    if (
      (this.#lastMarkers.get(told.producerId) ?? -1) >= start &&
      inLog.coordinatorEpoch > told.coordinatorEpoch
    )
      return `that its coordinator's epoch is ${told.coordinatorEpoch}, but it is ${inLog.coordinatorEpoch}`;
    if (inLog.lastDataOffset < start) return null;
    if (inLog.epoch > told.epoch)
      return `that its epoch is ${told.epoch}, but it has written in ${inLog.epoch}`;
    if (inLog.epoch < told.epoch) return null;
    if (inLog.lastDataOffset > told.lastDataOffset)
      return `that its last offset is ${told.lastDataOffset}, but it has written ${inLog.lastDataOffset}`;
    if (inLog.lastDataOffset === told.lastDataOffset && inLog.lastSequence !== told.lastSequence)
      return `that its last sequence is ${told.lastSequence}, but it is ${inLog.lastSequence}`;
    if (inLog.lastDataOffset === told.lastDataOffset && inLog.lastOffsetDelta !== told.lastOffsetDelta)
      return `that its last batch begins ${told.lastOffsetDelta} before its end, but it does ${inLog.lastOffsetDelta}`;
    return null;
  }
}

interface AbortMarker {
  readonly producerId: number;
  /** The producer's marker before it; -1: none is known. */
  readonly before: number;
}

interface Aborted extends CompletedTransaction {
  /** Below it all was decided then. */
  readonly stableOffset: number;
}
