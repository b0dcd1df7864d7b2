import * as batch from '../../protocol/records/batch.ts';
import { readInt64 } from '../../protocol/records/int64.ts';
import { corrupt } from '../../protocol/records/record-error.ts';
import type { File } from '../environment/files.ts';

/**
 * Walks over the batches of a .log file, reading a chunk at a time.
 *
 * Two uses: over the headers alone (finding an offset; chunks of 8 KiB, bodies are skipped), and over whole batches
 * (recovery, producers, lookup by time), where the buffer always holds the current batch to its last byte.
 */

const headerChunkBytes = 8 * 1024;
const wholeChunkBytes = 1024 * 1024;
/** For header walks that end before anything else can begin. */
const sharedChunk = Buffer.alloc(headerChunkBytes);

/** Where magic 1 has its timestamp; magic 0 has none. */
const legacyTimestampAt = 18;

/** The last offset of a batch of any magic (of a compressed message set it is the wrapper's own). */
export function lastOffsetAt(buffer: Buffer, at: number): number {
  return batch.magic(buffer, at) < batch.magicV2
    ? batch.baseOffset(buffer, at)
    : batch.lastOffset(buffer, at);
}

/** The greatest timestamp in a batch of any magic, -1 if it has none. */
export function maxTimestampAt(buffer: Buffer, at: number): number {
  const magic = batch.magic(buffer, at);
  if (magic >= batch.magicV2) return batch.maxTimestamp(buffer, at);
  return magic === 1 ? readInt64(buffer, at + legacyTimestampAt) : -1;
}

/** The leader epoch in a batch of any magic, -1 if it has none. */
export function leaderEpochAt(buffer: Buffer, at: number): number {
  return batch.magic(buffer, at) < batch.magicV2 ? -1 : batch.partitionLeaderEpoch(buffer, at);
}

/** The producer id in a batch of any magic, -1 if it has none. */
export function producerIdAt(buffer: Buffer, at: number): number {
  return batch.magic(buffer, at) < batch.magicV2 ? -1 : batch.producerId(buffer, at);
}

export class BatchWalk {
  /** Of the current batch in the file. */
  position: number;
  /** Of the current batch; 0 before the first `next`. */
  bytes = 0;
  /** Holds the current batch (its header alone in a header walk) at `at`. */
  buffer: Buffer;
  at = 0;
  readonly #file: File;
  readonly #end: number;
  readonly #whole: boolean;
  /** The bytes of the file that `buffer` holds: [from, from + held). */
  #from = 0;
  #held = 0;

  /** Over the batches in [from, end) of the file; `from` must be where one begins. */
  constructor(file: File, from: number, end: number, options?: { whole?: boolean; shared?: boolean }) {
    this.#file = file;
    this.position = from;
    this.#end = end;
    this.#whole = options?.whole ?? false;
    if (options?.shared) this.buffer = sharedChunk;
    else {
      const chunk = this.#whole ? wholeChunkBytes : headerChunkBytes;
      this.buffer = Buffer.allocUnsafe(Math.max(batch.batchHeaderBytes, Math.min(chunk, end - from)));
    }
  }

  /**
   * Goes to the next batch; false when fewer bytes are left than it needs (none, after a clean write). Throws RecordError
   * when what is there cannot be a batch.
   */
  next(): boolean {
    this.position += this.bytes;
    this.bytes = 0;
    const left = this.#end - this.position;
    if (left < batch.sizeAndMagicBytes) return false;
    this.#ensure(Math.min(batch.batchHeaderBytes, left));
    const bytes = batch.batchBytesAt(this.buffer, this.at, this.at + left);
    if (bytes === 0) return false;
    if (bytes < batch.batchHeaderBytes && batch.magic(this.buffer, this.at) >= batch.magicV2)
      throw corrupt(`Record batch of ${bytes} bytes at ${this.position} is smaller than its header`);
    if (this.#whole) this.#ensure(bytes);
    this.bytes = bytes;
    return true;
  }

  /** Makes `buffer` hold `bytes` bytes from `position` on, and `at` their place. */
  #ensure(bytes: number): void {
    this.at = this.position - this.#from;
    if (this.position >= this.#from && this.at + bytes <= this.#held) return;
    if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafe(bytes);
    const want = Math.min(this.buffer.length, this.#end - this.position);
    this.#held = this.#file.readSync(this.buffer, 0, want, this.position);
    this.#from = this.position;
    this.at = 0;
    if (this.#held < bytes)
      throw corrupt(`${this.#file.path} ends at ${this.position + this.#held}, inside a batch`);
  }
}
