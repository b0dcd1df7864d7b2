/**
 * Reads what is decided in a log, as a consumer with read_committed does: up to the last stable offset, without markers, and without
 * the batches of aborted transactions.
 */
import { errors } from '../../protocol/errors.ts';
import * as batch from '../../protocol/records/batch.ts';
import { ensureCodec } from '../../protocol/records/compression.ts';
import { messageCodec } from '../../protocol/records/legacy.ts';
import { RecordError } from '../../protocol/records/record-error.ts';
import { FileError } from '../../storage/environment/files.ts';
import { lastOffsetAt } from '../../storage/log/batch-walk.ts';
import type { Log } from '../../storage/log/log.ts';
import type { AbortedTransaction, FileRegion } from '../../storage/log/log-types.ts';
import { refuseUnreadable } from './read-record.ts';
import type { Slices } from './slices.ts';

/** Some 3 ms of work for records of 100 bytes. */
const chunkBytesDefault = 1024 * 1024;
/** What was appended a moment ago is in the page cache, and read without waiting. */
const tailBytes = 64 * 1024;
const noBytes = Buffer.alloc(0);

/** Of magic 0, 1 or 2; the buffer is lent until it returns, or what it returns is settled. False: that was enough. */
export type BatchVisitor = (chunk: Buffer, at: number) => unknown;

export class DecidedBatches {
  /** Something was not there that had been written: the cleaner has been there. */
  hasGaps = false;
  readonly #log: Log;
  readonly #slices: Slices;
  readonly #isStopped: () => boolean;
  readonly #chunkBytes: number;
  #chunk: Buffer = noBytes;

  /** `chunkBytes`: a batch that is larger is read whole all the same. */
  constructor(log: Log, slices: Slices, isStopped: () => boolean, chunkBytes = chunkBytesDefault) {
    this.#log = log;
    this.#slices = slices;
    this.#isStopped = isStopped;
    this.#chunkBytes = chunkBytes;
  }

  /** Gives back the memory for chunks. */
  release(): void {
    this.#chunk = noBytes;
  }

  /**
   * Visits the batches of one chunk from `from` on; gives the offset to go on from, at most `lastStableOffset` as it was at the
   * beginning, and `from` when there is nothing, or it was stopped. Throws LookupRefused where the log cannot be read.
   */
  async read(from: number, visit: BatchVisitor): Promise<number> {
    const log = this.#log;
    const upTo = log.lastStableOffset;
    if (from < log.logStartOffset) return log.logStartOffset;
    if (from >= upTo) return from;
    const read = log.read(from, { maxBytes: this.#chunkBytes, minOneBatch: true, upTo: 'stable' });
    if (!read.ok) {
      if (read.errorCode === errors.offsetOutOfRange.code || log.isDeleted) return from;
      return refuseUnreadable(log, `error ${read.errorCode}`);
    }
    const [region] = read.regions;
    // The cleaner has emptied what there was.
    if (region === undefined) {
      this.hasGaps = true;
      return upTo;
    }
    try {
      const filled = await this.#fill(region);
      if (this.#isStopped()) return from;
      return await this.#visitAll(filled, from, abortedBy(read.abortedTransactions ?? []), visit);
    } catch (error) {
      if (error instanceof RecordError || error instanceof FileError) return refuseUnreadable(log, error);
      throw error;
    }
  }

  async #fill(region: FileRegion): Promise<number> {
    const { byteLength, file, position } = region;
    try {
      if (this.#chunk.length < byteLength) this.#chunk = this.#newChunk(byteLength);
      if (byteLength <= tailBytes) return file.readSync(this.#chunk, 0, byteLength, position);
      return await file.read(this.#chunk, 0, byteLength, position);
    } finally {
      region.release();
    }
  }

  #newChunk(byteLength: number): Buffer {
    if (byteLength > tailBytes) return Buffer.allocUnsafeSlow(Math.max(this.#chunkBytes, byteLength));
    // Whoever follows a log reads once, and little.
    return this.#chunk === noBytes ? Buffer.allocUnsafe(byteLength) : Buffer.allocUnsafeSlow(tailBytes);
  }

  async #visitAll(
    filled: number,
    from: number,
    aborted: AbortedByProducer,
    visit: BatchVisitor,
  ): Promise<number> {
    const chunk = this.#chunk;
    let next = from;
    for (let at = 0, bytes = 0; ; at += bytes) {
      bytes = batch.batchBytesAt(chunk, at, filled);
      if (bytes === 0) return next;
      if (filled > tailBytes && this.#slices.isOver) {
        await this.#slices.next();
        if (this.#isStopped()) return from;
      }
      const isLegacy = batch.magic(chunk, at) < batch.magicV2;
      if (!isLegacy) batch.ensureValid(chunk, at);
      const loading = ensureCodec(isLegacy ? messageCodec(chunk, at) : batch.codecOf(chunk, at));
      if (loading) {
        await loading;
        if (this.#isStopped()) return from;
      }
      if (batch.baseOffset(chunk, at) > next || (!isLegacy && hasGapsIn(chunk, at))) this.hasGaps = true;
      next = Math.max(next, lastOffsetAt(chunk, at) + 1);
      if (!isLegacy && !isData(chunk, at, aborted)) continue;
      const visited = visit(chunk, at);
      if (visited === false) return next;
      if (!(visited instanceof Promise)) continue;
      await visited;
      if (this.#isStopped()) return from;
    }
  }
}

/** The cleaner leaves a batch its last offset. */
function hasGapsIn(chunk: Buffer, at: number): boolean {
  return batch.recordCount(chunk, at) <= batch.lastOffsetDelta(chunk, at);
}

/** By producer id. */
export type AbortedByProducer = ReadonlyMap<number, readonly AbortedTransaction[]>;

export function abortedBy(all: readonly AbortedTransaction[]): AbortedByProducer {
  const byProducer = new Map<number, AbortedTransaction[]>();
  for (const transaction of all) {
    const own = byProducer.get(transaction.producerId);
    if (own) own.push(transaction);
    else byProducer.set(transaction.producerId, [transaction]);
  }
  return byProducer;
}

/** A producer has one transaction at a time: what it wrote from the beginning of one to its marker belongs to that one. */
export function isData(chunk: Buffer, at: number, aborted: AbortedByProducer): boolean {
  if (batch.isControl(chunk, at)) return false;
  if (aborted.size === 0 || !batch.isTransactional(chunk, at)) return true;
  const baseOffset = batch.baseOffset(chunk, at);
  const own = aborted.get(batch.producerId(chunk, at));
  return !own?.some(({ firstOffset, lastOffset }) => firstOffset <= baseOffset && baseOffset <= lastOffset);
}
