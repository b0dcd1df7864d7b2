import * as batch from '../../protocol/records/batch.ts';
import type { File, FileSystem } from '../environment/files.ts';
import { unpaged } from '../environment/paged-in.ts';
import { BatchWalk, lastOffsetAt, maxTimestampAt } from './batch-walk.ts';
import { CorruptIndex } from './index-file.ts';
import { OffsetIndex, offsetIndexEntryBytes, type Surroundings } from './offset-index.ts';
import { SegmentPace } from './paced-reads.ts';
import { filePath, suffixes } from './segment-files.ts';
import { TimeIndex, type TimeIndexEntry, timeIndexEntryBytes } from './time-index.ts';
import { TransactionIndex } from './transaction-index.ts';

/**
 * One stretch of a log: a .log file of record batches back to back, and its indexes (names: segment-files.ts).
 *
 *   .log    | batch | batch | batch | …        offsets ascend and may have holes; the file is only ever appended to,
 *                                              cut at a batch, or replaced as a whole by the cleaner
 *
 * Only the last segment of a log grows; what seals it (a roll, a clean close) also writes its indexes. `size` is the end of
 * the last batch that was written whole: bytes behind it, left by a failed write, do not exist for anybody.
 *
 * Rule for index entries, counted per batch: if more than `index.interval.bytes` have come since the last entry, the batch
 * gets one, before its own bytes are counted.
 */

export interface SegmentOptions {
  readonly files: FileSystem;
  readonly directory: string;
  readonly baseOffset: number;
  /** `segment.index.bytes` */
  readonly indexBytesMax: number;
  /** `index.interval.bytes` */
  readonly indexIntervalBytes: number;
  readonly rollJitterMs: number;
  readonly createdMs: number;
  /** Added to the names of its files: `.cleaned` while the cleaner writes it, `.swap` while it takes its place. */
  readonly suffix?: string;
}

export interface NewSegmentOptions extends SegmentOptions {
  readonly preallocateBytes: number;
  /** Made a moment ago. */
  readonly isInNewDirectory?: boolean;
}

/** Where a batch lies in its segment. */
export interface BatchPlace {
  readonly position: number;
  readonly bytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

let lastContentId = 0;

export class Segment {
  readonly baseOffset: number;
  /** Of what stands below `size`, which never changes: another one when that was cut. */
  contentId = ++lastContentId;
  readonly file: File;
  readonly offsetIndex: OffsetIndex;
  readonly timeIndex: TimeIndex;
  readonly transactionIndex: TransactionIndex;
  readonly rollJitterMs: number;
  /** Of those who look for a place in it. */
  pace: SegmentPace;
  /** Follows the topic's settings. */
  indexIntervalBytes: number;
  /** Bytes of whole batches. */
  size: number;
  /** One above the last offset in it, or of a sealed one that was not looked into: the next segment's base offset. */
  nextOffset: number;
  #createdMs: number;
  #bytesSinceIndexEntry = 0;
  /** Both indexes are ready for more. */
  #isGrown = false;
  /** null: to be found out. */
  #isFull: boolean | null = null;
  /** The batch that was counted last, which is what a consumer at the end of the log wants; -1 where it may not be the last any more. */
  #lastPosition = -1;
  #lastBaseOffset = -1;
  #lastOffset = -1;
  /** The last offset of the batch before it. */
  #beforeLast = -1;
  /** null: not known yet, it stands in the time index. */
  #max: TimeIndexEntry | null;
  /** Greatest timestamp of the first batch: null not known, -1 none. */
  #firstTimestampMs: number | null = null;

  private constructor(options: SegmentOptions, file: File, hasTransactionIndex: boolean) {
    const { files, directory, baseOffset, indexBytesMax } = options;
    const path = (suffix: string) => filePath(files, directory, baseOffset, suffix + (options.suffix ?? ''));
    this.baseOffset = baseOffset;
    this.file = file;
    this.size = file.size;
    this.nextOffset = baseOffset;
    this.offsetIndex = new OffsetIndex(files, path(suffixes.offsetIndex), baseOffset, indexBytesMax);
    this.timeIndex = new TimeIndex(files, path(suffixes.timeIndex), baseOffset, indexBytesMax);
    this.transactionIndex = new TransactionIndex(files, path(suffixes.transactionIndex), hasTransactionIndex);
    this.rollJitterMs = options.rollJitterMs;
    this.indexIntervalBytes = options.indexIntervalBytes;
    this.#createdMs = options.createdMs;
    this.#max = null;
    this.pace = new SegmentPace(Number.POSITIVE_INFINITY);
  }

  /** A new segment, empty; leftovers of the same names are replaced, unless there are none because the directory is new as well. */
  static create(options: NewSegmentOptions): Segment {
    const { files, directory, baseOffset, preallocateBytes, isInNewDirectory = false, suffix = '' } = options;
    if (!isInNewDirectory)
      files.removeFileSync(filePath(files, directory, baseOffset, suffixes.transactionIndex + suffix));
    const path = filePath(files, directory, baseOffset, suffixes.log + suffix);
    const file = files.openSync(path, isInNewDirectory ? 'create-new' : 'create');
    if (file.size > 0) file.truncateSync(0);
    if (preallocateBytes > 0) file.truncateSync(preallocateBytes);
    const segment = new Segment(options, file, false);
    segment.size = 0;
    segment.pace = new SegmentPace(baseOffset);
    segment.#max = { timestampMs: -1, offset: baseOffset };
    segment.offsetIndex.create();
    segment.timeIndex.create();
    segment.#isGrown = true;
    return segment;
  }

  /** One that is there. Its indexes are not looked at before they are needed. */
  static open(options: SegmentOptions & { hasTransactionIndex: boolean }): Segment {
    const { files, directory, baseOffset, suffix = '' } = options;
    const file = files.openSync(filePath(files, directory, baseOffset, suffixes.log + suffix), 'update');
    return new Segment(options, file, options.hasTransactionIndex);
  }

  /** Greatest timestamp so far and the last offset of the batch that had it first; (-1, base offset) without any. */
  get maxTimestamp(): TimeIndexEntry {
    this.#max ??= this.#usable(this.timeIndex).lastEntry;
    return this.#max;
  }

  /** Greatest timestamp, or of records without any when the file was last written: what retention goes by. */
  largestTimestampMs(modifiedMs: () => number): number {
    const { timestampMs } = this.maxTimestamp;
    return timestampMs >= 0 ? timestampMs : modifiedMs();
  }

  /** How much later than the segment's first batch a batch with `maxTimestampMs` is; without timestamps, how old the segment is. */
  waitedMs(maxTimestampMs: number, nowMs: number): number {
    const first = this.#firstBatchTimestamp();
    return first >= 0 ? maxTimestampMs - first : nowMs - this.#createdMs;
  }

  /** Greatest timestamp of its first batch; -1 without one. */
  get firstBatchTimestampMs(): number {
    return this.#firstBatchTimestamp();
  }

  /** Bytes of entries in the indexes. */
  get offsetIndexBytes(): number {
    return this.#usable(this.offsetIndex).count * offsetIndexEntryBytes;
  }

  get timeIndexBytes(): number {
    return this.#usable(this.timeIndex).count * timeIndexEntryBytes;
  }

  /** Whether something may have been appended since it was opened or sealed. */
  get isGrowing(): boolean {
    return this.offsetIndex.isGrowing;
  }

  get indexesAreFull(): boolean {
    this.#isFull ??= this.offsetIndex.isFull || this.timeIndex.isFull;
    return this.#isFull;
  }

  /** Gets the indexes of a segment that was sealed by a clean stop ready for more. */
  grow(): void {
    if (this.#isGrown) return;
    this.#usable(this.offsetIndex).grow();
    this.#usable(this.timeIndex).grow();
    this.#isGrown = true;
    this.#isFull = null;
  }

  /**
   * Takes note of the batches in `buffer` that now stand in the file from `size` on: index entries, greatest timestamp,
   * size. The bytes must have been written.
   */
  wrote(buffer: Buffer): void {
    let at = 0;
    while (at < buffer.length) {
      const bytes = batch.batchSizeInBytes(buffer, at);
      this.count(buffer, at, bytes);
      at += bytes;
    }
  }

  /** Counts one batch that stands in the file at `size`: see `wrote`. Recovery calls it for each batch that it accepts. */
  count(buffer: Buffer, at: number, bytes: number): void {
    const timestampMs = maxTimestampAt(buffer, at);
    const lastOffset = lastOffsetAt(buffer, at);
    if (this.size === 0) this.#firstTimestampMs = timestampMs;
    if (timestampMs > this.maxTimestamp.timestampMs) this.#max = { timestampMs, offset: lastOffset };
    if (this.#bytesSinceIndexEntry > this.indexIntervalBytes && !this.indexesAreFull) {
      const max = this.maxTimestamp;
      this.offsetIndex.append(lastOffset, this.size);
      this.timeIndex.maybeAppend(max.timestampMs, max.offset);
      this.#bytesSinceIndexEntry = 0;
      this.#isFull = null;
    }
    this.#bytesSinceIndexEntry += bytes;
    this.#beforeLast = this.nextOffset - 1;
    this.#lastPosition = this.size;
    this.#lastBaseOffset = batch.baseOffset(buffer, at);
    this.#lastOffset = lastOffset;
    this.size += bytes;
    this.nextOffset = lastOffset + 1;
  }

  /** The first batch whose last offset is at least `offset`, or null. */
  findBatch(offset: number): BatchPlace | null {
    const position = this.#lastPosition;
    if (position >= 0 && offset > this.#beforeLast) {
      if (offset > this.#lastOffset) return null;
      const bytes = this.size - position;
      return { position, bytes, baseOffset: this.#lastBaseOffset, lastOffset: this.#lastOffset };
    }
    const walk = new BatchWalk(this.file, this.#lookup(offset), this.size, { shared: true });
    while (walk.next()) {
      const lastOffset = lastOffsetAt(walk.buffer, walk.at);
      if (lastOffset >= offset) {
        const baseOffset = batch.baseOffset(walk.buffer, walk.at);
        return { position: walk.position, bytes: walk.bytes, baseOffset, lastOffset };
      }
    }
    return null;
  }

  /** What the index knows around an offset; null where that would cost reads. */
  surroundings(offset: number): Surroundings | null {
    return this.#usable(this.offsetIndex).surroundings(offset);
  }

  /** An offset before which no record is later than `timestampMs` (and the greatest timestamp up to there). */
  lookupTime(timestampMs: number): TimeIndexEntry {
    return this.#usable(this.timeIndex).lookup(timestampMs);
  }

  /** Whole batches from the first whose last offset is at least `offset`, to the end. */
  walkFrom(offset: number): BatchWalk {
    const place = offset <= this.baseOffset ? { position: 0 } : this.findBatch(offset);
    return new BatchWalk(this.file, place?.position ?? this.size, this.size, { whole: true });
  }

  /** Finds out `nextOffset` by reading from the last index entry on: for the last segment after a clean stop. */
  readNextOffset(): number {
    const walk = new BatchWalk(
      this.file,
      this.#lookup(this.#usable(this.offsetIndex).lastOffset),
      this.size,
      {
        shared: true,
      },
    );
    this.nextOffset = this.baseOffset;
    while (walk.next()) this.nextOffset = lastOffsetAt(walk.buffer, walk.at) + 1;
    return this.nextOffset;
  }

  /** Cuts off everything from the first batch with `offset` or more on; returns the bytes that went. */
  truncateTo(offset: number, nowMs: number): number {
    this.contentId = ++lastContentId;
    this.#lastPosition = -1;
    this.#isFull = null;
    const before = this.size;
    const place = this.findBatch(offset);
    this.grow();
    this.offsetIndex.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.transactionIndex.truncateTo(offset);
    if (place) {
      this.size = place.position;
      this.file.truncateSync(this.size);
    }
    if (this.size === 0) {
      this.#createdMs = nowMs;
      this.#firstTimestampMs = null;
    }
    this.#bytesSinceIndexEntry = 0;
    this.#readMaxTimestamp();
    this.readNextOffset();
    return before - this.size;
  }

  /**
   * For all batches to be counted again, into new indexes. Their files stay as they are, or missing, until `seal`: whoever is
   * interrupted meanwhile finds the same reason to do it again.
   */
  resetForRecovery(): void {
    this.contentId = ++lastContentId;
    this.#lastPosition = -1;
    this.#isFull = null;
    this.offsetIndex.rebuild();
    this.timeIndex.rebuild();
    this.#bytesSinceIndexEntry = 0;
    this.#max = { timestampMs: -1, offset: this.baseOffset };
    this.#firstTimestampMs = null;
    this.size = 0;
    this.nextOffset = this.baseOffset;
  }

  /** Nothing more will be appended: closing entry of the time index, files cut to what they hold. */
  seal(): void {
    this.sealTimeIndex();
    this.offsetIndex.seal();
    if (this.file.size !== this.size) this.file.truncateSync(this.size);
  }

  sealTimeIndex(): void {
    this.#isGrown = false;
    this.#isFull = null;
    if (this.size > 0) {
      this.timeIndex.maybeAppend(this.maxTimestamp.timestampMs, this.maxTimestamp.offset);
    }
    this.timeIndex.seal();
  }

  /** Its files, as far as there are: those that have to be synced for a sealed segment to be durable. */
  get openFiles(): File[] {
    const all = [this.file];
    for (const { file } of [this.offsetIndex, this.timeIndex, this.transactionIndex])
      if (file) all.push(file);
    return all;
  }

  /** Takes `suffix` off the names, that of the .log first (segment-swap.ts). */
  stripSuffix(suffix: string): void {
    for (const file of this.openFiles) {
      if (file.path.endsWith(suffix)) file.renameTo(file.path.slice(0, -suffix.length));
    }
  }

  close(): void {
    this.file.close();
    this.offsetIndex.close();
    this.timeIndex.close();
    this.transactionIndex.close();
  }

  #lookup(offset: number): number {
    return this.#usable(this.offsetIndex).lookup(offset);
  }

  /** Makes both indexes anew if this one cannot be read: they are only a way to find batches faster. */
  #usable<T extends OffsetIndex | TimeIndex>(index: T): T {
    try {
      // Asking for the count is what fails on a file of the wrong length.
      if (index.count >= 0) return index;
    } catch (error) {
      if (!(error instanceof CorruptIndex)) throw error;
    }
    unpaged(() => this.#rebuildIndexes());
    return index;
  }

  #rebuildIndexes(): void {
    const { size, nextOffset } = this;
    this.resetForRecovery();
    const walk = new BatchWalk(this.file, 0, size);
    while (walk.next()) this.count(walk.buffer, walk.at, walk.bytes);
    this.nextOffset = nextOffset;
    this.seal();
  }

  #firstBatchTimestamp(): number {
    if (this.#firstTimestampMs === null && this.size > 0) {
      const walk = new BatchWalk(this.file, 0, this.size, { shared: true });
      this.#firstTimestampMs = walk.next() ? maxTimestampAt(walk.buffer, walk.at) : -1;
    }
    return this.#firstTimestampMs ?? -1;
  }

  /** The last time index entry, or a greater timestamp behind it. */
  #readMaxTimestamp(): void {
    let max = this.timeIndex.lastEntry;
    const walk = new BatchWalk(this.file, this.#lookup(max.offset), this.size, { shared: true });
    while (walk.next()) {
      const timestampMs = maxTimestampAt(walk.buffer, walk.at);
      if (timestampMs > max.timestampMs) max = { timestampMs, offset: lastOffsetAt(walk.buffer, walk.at) };
    }
    this.#max = max;
  }
}
