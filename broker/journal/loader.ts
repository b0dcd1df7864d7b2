import {
  batchBytesAt,
  codecOf,
  ensureValid,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
} from '../../protocol/records/batch.ts';
import { ensureCodec } from '../../protocol/records/compression.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { readInt16 } from '../../protocol/records/int64.ts';
import { forEachRecord, readRecords } from '../../protocol/records/record.ts';
import type { LogRead } from '../../storage/log/log-types.ts';
import type { JournalLog } from './journal.ts';
import type { PendingTransactions } from './pending-transactions.ts';
import type { EntryCodec, StateMachine } from './state-machine.ts';

/**
 * Reads a journal's log from its start to the end it has when the load begins (of a log that syncs, to what is on the device), and
 * replays it.
 *
 *     batch              without producer     transactional           control
 *     its entries are    replayed             kept for its producer   COMMIT: replayed, ABORT: dropped, others: passed over
 *
 * Holes (a compacted log), empty batches and any codec are fine. A record of a type that the codec does not know is
 * counted and passed over. Broken bytes end the load: LoadError tells the offset.
 */
export async function replayLog<Entry>(log: JournalLog, into: LoadTarget<Entry>): Promise<LoadReport> {
  const replayer = new Replayer(into);
  // After a failed sync the log holds more than anybody may be told of.
  const endOffset = log.highWatermark ?? log.endOffset;
  const upTo = log.highWatermark === undefined ? 'end' : 'high-watermark';
  let offset = log.logStartOffset;
  while (offset < endOffset) {
    if (into.isCancelled()) throw new LoadError(offset, 'the load was given up');
    const read = log.read(offset, { maxBytes: chunkBytes, minOneBatch: true, upTo });
    if (!read.ok) throw new LoadError(offset, `the log cannot be read (error ${read.errorCode})`);
    const nextOffset = await replayer.replayChunk(await bytesOf(read), offset);
    if (nextOffset === offset) throw new LoadError(offset, 'the log ends before its end offset');
    offset = nextOffset;
  }
  return { endOffset, recordCount: replayer.recordCount, unknownTypes: replayer.unknownTypes };
}

export interface LoadTarget<Entry> {
  readonly codec: EntryCodec<Entry>;
  readonly machine: StateMachine<Entry>;
  readonly pending: PendingTransactions<Entry>;
  isCancelled(): boolean;
}

export interface LoadReport {
  readonly endOffset: number;
  readonly recordCount: number;
  /** Type → count of the records that were passed over. */
  readonly unknownTypes: ReadonlyMap<number, number>;
}

/** The log of a journal is broken at `offset`, or cannot be read. */
export class LoadError extends Error {
  readonly offset: number;

  constructor(offset: number, reason: string, options?: ErrorOptions) {
    super(`at offset ${offset}: ${reason}`, options);
    this.name = 'LoadError';
    this.offset = offset;
  }
}

/** Read at once; the event loop gets its turn between two chunks. */
const chunkBytes = 1024 * 1024;

class Replayer<Entry> {
  readonly unknownTypes = new Map<number, number>();
  recordCount = 0;
  readonly #into: LoadTarget<Entry>;

  constructor(into: LoadTarget<Entry>) {
    this.#into = into;
  }

  /** Replays the whole batches of a chunk from `fromOffset` on; returns the offset after the last of them. */
  async replayChunk(chunk: Buffer, fromOffset: number): Promise<number> {
    let nextOffset = fromOffset;
    try {
      for (let position = 0, bytes = 0; ; position += bytes) {
        bytes = batchBytesAt(chunk, position, chunk.length);
        if (bytes === 0) return nextOffset;
        ensureValid(chunk, position);
        const loading = ensureCodec(codecOf(chunk, position));
        if (loading !== undefined) await loading;
        if (isControl(chunk, position)) this.#replayMarker(chunk, position);
        else this.#replayRecords(chunk, position, fromOffset);
        nextOffset = lastOffset(chunk, position) + 1;
      }
    } catch (error) {
      throw new LoadError(nextOffset, error instanceof Error ? error.message : String(error), {
        cause: error,
      });
    }
  }

  #replayMarker(chunk: Buffer, position: number): void {
    for (const record of readRecords(chunk, position)) {
      const type = controlTypeOf(record);
      if (type !== controlTypes.commit && type !== controlTypes.abort) continue;
      const decided = this.#into.pending.take(producerId(chunk, position));
      if (type === controlTypes.abort) continue;
      for (const { entry, position: at } of decided) this.#into.machine.replay(entry, at);
    }
  }

  #replayRecords(chunk: Buffer, position: number, fromOffset: number): void {
    const { codec, machine, pending } = this.#into;
    const producer = isTransactional(chunk, position) ? producerId(chunk, position) : null;
    forEachRecord(chunk, position, ({ offset, timestamp, key, value }) => {
      if (offset < fromOffset) return;
      this.recordCount += 1;
      const entry = codec.decode(key, value);
      const at = { offset, timestampMs: timestamp };
      if (entry === null) this.#countUnknown(codec.typeOf?.(key, value) ?? typeInKey(key));
      else if (producer === null) machine.replay(entry, at);
      else {
        pending.add(producer, entry, at);
        machine.pend?.(entry);
      }
    });
  }

  #countUnknown(type: number): void {
    this.unknownTypes.set(type, (this.unknownTypes.get(type) ?? 0) + 1);
  }
}

/** Coordinators' keys begin with an int16 that says what the record is. */
function typeInKey(key: Buffer | null): number {
  return key === null || key.length < 2 ? -1 : readInt16(key, 0);
}

/** The bytes of a read, in a buffer of their own. */
async function bytesOf(read: LogRead): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(read.byteLength);
  let filled = 0;
  try {
    for (const region of read.regions)
      filled += await region.file.read(bytes, filled, region.byteLength, region.position);
  } finally {
    for (const region of read.regions) region.release();
  }
  return bytes.subarray(0, filled);
}
