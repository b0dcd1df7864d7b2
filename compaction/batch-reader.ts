import * as batch from '../protocol/records/batch.ts';
import { buildBatch } from '../protocol/records/batch-builder.ts';
import { ensureCodec } from '../protocol/records/compression.ts';
import { messageCodec, readLegacyBatch } from '../protocol/records/legacy.ts';
import { RecordError } from '../protocol/records/record-error.ts';
import type { File } from '../storage/environment/files.ts';
import { lastOffsetAt } from '../storage/log/batch-walk.ts';
import { unpackRecords } from './batch-filter.ts';
import { Uncleanable } from './clean-job.ts';
import type { BatchRecords, Kernel } from './kernel.ts';

/**
 * Reads a segment chunk by chunk into the kernel's input and stops at each whole batch in it. A batch that is cut by the end of
 * a chunk is read again with the next one; one that is larger than a chunk makes the input grow.
 *
 *   for (; reader.fill(); ) while (reader.next()) { … reader.at, reader.bytes … }
 *
 * The checksum of every batch is looked at: what is rebuilt gets a new one, which must not hide that the old was wrong.
 */
export class BatchReader {
  /** Of the current batch in the kernel's input. */
  at = 0;
  bytes = 0;
  /** Bytes that the last `fill` read. */
  filledBytes = 0;
  readonly #kernel: Kernel;
  readonly #file: File;
  readonly #end: number;
  readonly #chunkBytes: number;
  /** In the file, of what follows the current batch. */
  #position = 0;

  constructor(kernel: Kernel, file: File, end: number, chunkBytes: number) {
    this.#kernel = kernel;
    this.#file = file;
    this.#end = end;
    this.#chunkBytes = chunkBytes;
    kernel.reserve(chunkBytes, 0);
  }

  /** Reads on from where the last whole batch ended; false at the end of the segment. */
  fill(): boolean {
    if (this.#position >= this.#end) return false;
    let want = this.#chunkBytes;
    for (;;) {
      const bytes = Math.min(want, this.#end - this.#position);
      this.#kernel.reserve(bytes, 0);
      this.filledBytes = this.#file.readSync(this.#kernel.input, 0, bytes, this.#position);
      this.at = this.bytes = 0;
      if (this.filledBytes < bytes) throw this.#damaged('the file is shorter than it was');
      if (this.#bytesAt(0) > 0) return true;
      if (bytes === this.#end - this.#position) throw this.#damaged('a batch goes beyond the end');
      want = Math.max(want * 2, batch.batchSizeInBytes(this.#kernel.input, 0));
    }
  }

  /** Goes to the next batch in memory; false when the next one is not there as a whole. */
  next(): boolean {
    const at = this.at + this.bytes;
    const bytes = this.#bytesAt(at);
    if (bytes === 0) return false;
    this.at = at;
    this.bytes = bytes;
    this.#position += bytes;
    return true;
  }

  /** Of the current batch in the file. */
  get position(): number {
    return this.#position - this.bytes;
  }

  /** The kernel's memory, as it is now. */
  get input(): Buffer {
    return this.#kernel.input;
  }

  /** Of the current batch. */
  get lastOffset(): number {
    return lastOffsetAt(this.#kernel.input, this.at);
  }

  get isLegacy(): boolean {
    return batch.magic(this.#kernel.input, this.at) < batch.magicV2;
  }

  /** Throws unless the offsets of the current batch lie in [fromOffset, upToOffset); gives the one behind the last of them. */
  checkOffsets(fromOffset: number, upToOffset: number): number {
    const { input } = this.#kernel;
    const { lastOffset } = this;
    const baseOffset = this.isLegacy ? lastOffset : batch.baseOffset(input, this.at);
    if (baseOffset < fromOffset || lastOffset < baseOffset || lastOffset >= upToOffset)
      throw this.#damaged(
        `offsets ${baseOffset} to ${lastOffset} instead of some in [${fromOffset}, ${upToOffset})`,
      );
    return lastOffset + 1;
  }

  /** Throws unless the current v2 batch is what was once written. */
  check(): void {
    const { input } = this.#kernel;
    if (!batch.isValidCrc(input, this.at)) throw this.#damaged('a batch does not match its checksum');
    if (batch.lastOffsetDelta(input, this.at) < 0 || batch.recordCount(input, this.at) < 0)
      throw this.#damaged('a batch has a negative count');
  }

  /** Loads the codec of the current batch, where that takes time. */
  codecReady(): void | Promise<void> {
    const { input } = this.#kernel;
    return ensureCodec(this.isLegacy ? messageCodec(input, this.at) : batch.codecOf(input, this.at));
  }

  /** Decompresses the records of the current v2 batch into the kernel's scratch; tells how many bytes. */
  unpack(): number {
    const kernel = this.#kernel;
    const { at, bytes } = this;
    if (batch.codecOf(kernel.input, at) === 0 || batch.recordCount(kernel.input, at) === 0) return 0;
    return this.#toScratch(this.guarded(() => unpackRecords(kernel.input, at, bytes)));
  }

  /** Converts the current message of magic 0 or 1 into records in the kernel's scratch. */
  describeLegacy(records: BatchRecords): void {
    const old = this.guarded(() => readLegacyBatch(this.#kernel.input, this.at));
    const baseOffset = old.records[0]!.offset;
    const converted = buildBatch({
      baseOffset,
      records: old.records.map(({ offset, timestamp: timestampMs, key, value }) => {
        return { offsetDelta: offset - baseOffset, timestampMs, key, value };
      }),
    });
    records.area = 'scratch';
    records.start = 0;
    records.end = this.#toScratch(converted.subarray(batch.batchHeaderBytes));
    records.count = old.records.length;
    records.baseOffset = baseOffset;
    records.baseTimestampMs = batch.baseTimestamp(converted, 0);
    records.appendTimeMs = -1;
  }

  /** Runs what reads the current batch; what is no batch makes the log uncleanable, with its place. */
  guarded<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof RecordError || error instanceof Uncleanable)
        throw this.#damaged(error.message, error);
      throw error;
    }
  }

  /** Making room there loses what the input holds, so that is put back. */
  #toScratch(bytes: Buffer): number {
    const kernel = this.#kernel;
    const own = bytes.length > kernel.scratch.length ? Buffer.from(bytes) : bytes;
    if (own !== bytes) {
      const held = Buffer.from(kernel.input.subarray(0, this.filledBytes));
      kernel.reserve(kernel.input.length, Math.ceil(own.length * 1.5));
      held.copy(kernel.input);
    }
    own.copy(kernel.scratch);
    return own.length;
  }

  #bytesAt(at: number): number {
    return this.guarded(() => batch.batchBytesAt(this.#kernel.input, at, this.filledBytes));
  }

  #damaged(what: string, cause?: unknown): Uncleanable {
    const position = Math.max(0, this.#position - this.bytes);
    return new Uncleanable(`${this.#file.path} at ${position}: ${what}`, { cause });
  }
}
