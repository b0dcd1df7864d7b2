import * as batch from '../protocol/records/batch.ts';
import { controlTypeOf, controlTypes } from '../protocol/records/control.ts';
import { openRecords } from '../protocol/records/record.ts';
import type { AbortedTransaction } from '../storage/log/log-types.ts';
import type { LiveProducer } from './clean-job.ts';
import type { Transactions } from './transactions.ts';

/**
 * What becomes of a batch, before its records are looked at. As a table, first row that fits (KIP-98, KIP-534):
 *
 *   batch                                                            records       if none is left
 *   data of an aborted transaction                                   go            batch goes
 *   marker without records of its transaction, horizon passed        goes          batch goes
 *   the same, horizon to come                                        stays         –
 *   the same, without horizon                                        stays, and gets one: now + delete.retention.ms
 *   any other marker, or control record of Raft                      stays         –
 *   other data                                                       kernel.ts     batch goes
 *
 * In place of "batch goes" an empty batch stays where it carries the last sequence number of a live producer (else its next
 * batch would look out of order after a restart), and where it ends at the high watermark (else the log would seem to end
 * earlier than consumers have read; Kafka 4.3 keeps the one that ends the cleaned range instead).
 */
export interface BatchFate {
  /** All records go. */
  readonly drops: boolean;
  /** A batch without records stays. */
  readonly keepsEmpty: boolean;
  /** It is a marker whose transaction has no records left in front of it. */
  readonly isLooseMarker: boolean;
  /** It is an ABORT marker that still hides this transaction: the new segment's index must say so. */
  readonly hides: AbortedTransaction | null;
}

/** Of one pass. */
export interface RetainContext {
  readonly transactions: Transactions;
  readonly producers: ReadonlyMap<number, LiveProducer>;
  readonly highWatermark: number;
  readonly nowMs: number;
}

/** Decides on the v2 batch at `position`; `context.transactions` moves on past it. */
export function decideBatch(buffer: Buffer, position: number, context: RetainContext): BatchFate {
  const { transactions, nowMs } = context;
  const producerId = batch.producerId(buffer, position);
  const lastOffset = batch.lastOffset(buffer, position);
  const keepsEmpty = lastOffset + 1 === context.highWatermark || isLastOfProducer(buffer, position, context);
  if (!batch.isControl(buffer, position)) {
    const isTransactional = batch.isTransactional(buffer, position);
    const drops = transactions.isAborted(producerId, lastOffset, isTransactional);
    return drops || keepsEmpty ? { drops, keepsEmpty, isLooseMarker: false, hides: null } : plainData;
  }
  const { isLoose, hides } = passMarker(buffer, position, transactions);
  const drops =
    isLoose && batch.hasDeleteHorizon(buffer, position) && batch.baseTimestamp(buffer, position) <= nowMs;
  return { drops, keepsEmpty, isLooseMarker: isLoose, hides };
}

const plainData: BatchFate = { drops: false, keepsEmpty: false, isLooseMarker: false, hides: null };

/** Reads a control batch: whether it is a marker without records of its transaction, and what it still hides. */
export function passMarker(
  buffer: Buffer,
  position: number,
  transactions: Transactions,
): { isLoose: boolean; hides: AbortedTransaction | null } {
  // A marker that was emptied: its record went in an earlier pass.
  if (batch.recordCount(buffer, position) === 0) return { isLoose: true, hides: null };
  const cursor = openRecords(buffer, position);
  cursor.next();
  const producerId = batch.producerId(buffer, position);
  const lastOffset = batch.lastOffset(buffer, position);
  switch (controlTypeOf(cursor.record())) {
    case controlTypes.abort: {
      const hides = transactions.aborted(producerId, lastOffset);
      return { isLoose: hides === null, hides };
    }
    case controlTypes.commit:
      return { isLoose: !transactions.committed(producerId, lastOffset), hides: null };
    default:
      return { isLoose: false, hides: null };
  }
}

/** Whether the batch holds the last that is known of a producer that may come back: its last data, or only markers. */
function isLastOfProducer(
  buffer: Buffer,
  position: number,
  { producers }: Pick<RetainContext, 'producers'>,
): boolean {
  const producer = producers.get(batch.producerId(buffer, position));
  if (producer === undefined) return false;
  if (producer.lastDataOffset >= 0) return batch.lastOffset(buffer, position) === producer.lastDataOffset;
  return batch.isControl(buffer, position) && batch.producerEpoch(buffer, position) === producer.epoch;
}
