import { errors } from '../../protocol/errors.ts';
import type { TopicSettings } from '../config/topic-settings.ts';
import type { Environment } from '../environment/environment.ts';
import type { FileError } from '../environment/files.ts';
import { NotPaged } from '../environment/paged-in.ts';
import { abortedTransactionsIn, type CleanerView, viewProducers, viewSegments } from './cleaner-view.ts';
import { type ImageFile, imageOf } from './log-image.ts';
import { LogListeners } from './log-listeners.ts';
import { findByTimestamp, findMaxTimestamp, likelyBatch, readBatch, readRegion } from './log-reader.ts';
import type {
  AbortedTransaction,
  AppendOptions,
  AppendOutcome,
  AppendRefused,
  BatchLocation,
  BatchRead,
  DurabilityPolicy,
  LogEvent,
  LogLogger,
  LogRead,
  LogReadRefused,
  ReadOptions,
  SegmentInfo,
  TimestampedOffset,
  Visibility,
} from './log-types.ts';
import { LogWriter } from './log-writer.ts';
import { PacedReads } from './paced-reads.ts';
import { type PassTimes, PastTimes } from './past-times.ts';
import type { ProducerState } from './producer-state.ts';
import { emptyLog, type LoadedLog, loadLog } from './recovery.ts';
import type { Room } from './room.ts';
import { rollJitterMs } from './segment-list.ts';
import { type SwapGroup, type SwapOutcome, swapSegments } from './segment-swap.ts';

/**
 * One partition: the only owner of its directory. Reading is here, changing in log-writer.ts.
 *
 *   logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ endOffset
 *
 * `endOffset` is the next offset to be written, `highWatermark` how far others may see. With one replica that is the same,
 * but for the policy `fsync`, where it is what the device has.
 *
 * Nothing is on disk before the first append: a topic of a thousand partitions costs no files.
 */

export interface LogDependencies {
  readonly environment: Environment;
  /** …/TOPIC-PARTITION */
  readonly directory: string;
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly settings: TopicSettings;
  readonly durability: DurabilityPolicy;
  readonly logger: LogLogger;
  /** `producer.id.expiration.ms`, as it is now. */
  readonly producerIdExpirationMs: () => number;
  /** From the checkpoint files of the data directory; 0 where they say nothing. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly cleanShutdown: boolean;
  /** What one compressed batch may grow to. */
  readonly decompressedBytesMax?: number;
  /** The disk failed, not only this log. */
  readonly onDiskError?: (error: FileError) => void;
  /** Where it is said that there is no room; left out: for this log alone. */
  readonly room?: Room;
  /** Makes the log start offset durable; false when that could not be done now. */
  readonly keepStartOffset?: () => Promise<boolean>;
}

export class Log {
  readonly name: string;
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly directory: string;
  /** Where the last segment began, if the stop was unclean and the cleaner's checkpoint may lag behind what it did; else 0. */
  readonly sealedBeforeCrash: number;
  /** What is known of the timestamps of records that it has no more. */
  readonly pastTimes: PastTimes;
  /** For those who must not wait for the disk. */
  readonly paced: PacedReads;
  readonly #deps: LogDependencies;
  readonly #writer: LogWriter;
  /** A log start offset that no crash takes back. */
  #keptStartOffset: number;
  readonly #listeners: LogListeners;

  private constructor(deps: LogDependencies, loaded: LoadedLog) {
    this.name = `${deps.topic}-${deps.partition}`;
    this.topic = deps.topic;
    this.partition = deps.partition;
    this.topicId = deps.topicId;
    this.directory = deps.directory;
    this.sealedBeforeCrash = loaded.sealedBeforeCrash ?? 0;
    this.#deps = deps;
    this.#listeners = new LogListeners(deps);
    this.#writer = new LogWriter(deps, loaded, (event) => this.#listeners.tell(event));
    this.#keptStartOffset = loaded.logStartOffset;
    this.pastTimes = new PastTimes({ ...deps, writer: this.#writer });
    this.paced = new PacedReads(this, this.#writer.list, deps.environment);
  }

  /** Opens a partition's directory, recovering it where it was not closed; a new one is not created before it is needed. */
  static open(deps: LogDependencies): Log {
    const { files, clock, random } = deps.environment;
    if (files.statSync(deps.directory) === null) return new Log(deps, emptyLog({ ...deps, files }));
    const jitter = () => rollJitterMs(deps.settings, random);
    return new Log(deps, loadLog({ ...deps, files, nowMs: clock.nowMs(), rollJitterMs: jitter }));
  }

  get logStartOffset(): number {
    return this.#writer.logStartOffset;
  }

  get endOffset(): number {
    return this.#writer.endOffset;
  }

  get highWatermark(): number {
    return this.#writer.highWatermark;
  }

  get lastStableOffset(): number {
    const { highWatermark, logStartOffset, producers } = this.#writer;
    const first = producers.firstUnstableOffset;
    return first < 0 || first >= highWatermark ? highWatermark : Math.max(first, logStartOffset);
  }

  /** The first offset of a transaction that is still open; -1 without one. */
  get firstOpenTransactionOffset(): number {
    return this.#writer.producers.firstOpenOffset;
  }

  /** Everything below it is on the device, indexes included: for the recovery-point checkpoint. */
  get recoveryPoint(): number {
    return this.#writer.sync.recoveryPoint;
  }

  get sizeBytes(): number {
    return this.#writer.list.sizeBytes;
  }

  /** False before the first append. */
  get isOnDisk(): boolean {
    return this.#writer.list.first !== undefined;
  }

  get isOffline(): boolean {
    return this.#writer.state === 'offline';
  }

  get isDeleted(): boolean {
    return this.#writer.state === 'deleted';
  }

  get settings(): TopicSettings {
    return this.#writer.settings;
  }

  /** The latest epoch that was begun or appended in; -1 before the first. */
  get leaderEpoch(): number {
    return this.#writer.epochs.latest?.epoch ?? -1;
  }

  /** What the cleaner must know of it, as of now. */
  cleanerView(): CleanerView {
    const { list, producers } = this.#writer;
    const { logStartOffset, lastStableOffset, highWatermark, endOffset } = this;
    return {
      epoch: list.epoch,
      logStartOffset,
      lastStableOffset,
      highWatermark,
      endOffset,
      segments: viewSegments(this.#deps.environment.files, list),
      producers: viewProducers(producers),
    };
  }

  get cleanerEpoch(): number {
    return this.#writer.list.epoch;
  }

  /** The aborted transactions with a marker at or above `fromOffset` that begin below `upToOffset`. */
  abortedTransactions(fromOffset: number, upToOffset: number): AbortedTransaction[] {
    return abortedTransactionsIn(this.#writer.list, fromOffset, upToOffset);
  }

  /** Puts cleaned segments in the place of their sources, unless the log has changed since the view of this epoch. */
  async replaceCleaned(epoch: number, groups: readonly SwapGroup[], times?: PassTimes): Promise<SwapOutcome> {
    const swap = () => swapSegments(this.#writer, this.#deps.environment.files, epoch, groups);
    return times ? this.pastTimes.during(times, groups, swap) : swap();
  }

  /** Its files as a clean stop at this moment would leave them. */
  image(): ImageFile[] {
    return imageOf(this.#writer, this.topicId);
  }

  get segmentCount(): number {
    return this.#writer.list.segments.length;
  }
  segments(): readonly SegmentInfo[] {
    return this.#writer.list.info;
  }

  /** Whether `offset` lies in an older segment than `other`. */
  isInOlderSegment(offset: number, other: number): boolean {
    const { list } = this.#writer;
    return list.indexFor(offset) < list.indexFor(other);
  }

  producers(): Iterable<ProducerState> {
    return this.#writer.producers.producers;
  }

  producer(producerId: number): ProducerState | undefined {
    return this.#writer.producers.get(producerId);
  }

  /** Calls `listener` after each change; gives back how to stop that. */
  onEvent(listener: (event: LogEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  updateSettings(settings: TopicSettings): void {
    this.#writer.updateSettings(settings);
  }

  /**
   * Validates the batches, gives them offsets and writes them. An answer at once unless something has to be waited for;
   * appends are written in the order of the calls. `records` may be stamped in place, and is copied if it has to wait,
   * unless `ownsBuffer`.
   */
  append(records: Buffer, options: AppendOptions): AppendOutcome | Promise<AppendOutcome> {
    return this.#writer.appender.append(records, options);
  }

  /** The batches from `offset` on that the reader may see. Every region must be released. */
  read(offset: number, options: ReadOptions): LogRead | LogReadRefused {
    return this.#reading(offset, () => readRegion(this.#writer, offset, this.#bound(options.upTo), options));
  }

  /** The whole batch that holds `offset` or, where the cleaner has taken that, the one behind it; lent until the next call on any log. */
  readBatch(offset: number): BatchRead | LogReadRefused {
    return this.#reading(offset, () => readBatch(this.#writer, offset));
  }

  /** Where the batch with that offset should stand; null where that is not known without reading. */
  likelyBatch(offset: number): BatchLocation | null {
    return this.isDeleted ? null : likelyBatch(this.#writer, offset);
  }

  /** The first record with at least this timestamp; offset -1 if there is none. A promise only if a codec must be loaded, or for the disk. */
  offsetForTimestamp(timestampMs: number, upTo: Visibility): TimestampedOffset | Promise<TimestampedOffset> {
    return this.paced.find(() => findByTimestamp(this.#writer, timestampMs, this.#bound(upTo)));
  }

  /** The first record with the greatest timestamp of all. A promise as above. */
  maxTimestamp(upTo: Visibility = 'high-watermark'): TimestampedOffset | Promise<TimestampedOffset> {
    return this.paced.find(() => findMaxTimestamp(this.#writer, this.#bound(upTo)));
  }

  /** Where the log begins, as ListOffsets answers. */
  earliest(): TimestampedOffset {
    const { epochs, logStartOffset } = this.#writer;
    const first = epochs.earliest;
    const leaderEpoch = first && first.startOffset <= logStartOffset ? first.epoch : -1;
    return { timestampMs: -1, offset: logStartOffset, leaderEpoch };
  }

  /** Where the log ends for such a reader. */
  latest(upTo: Visibility): TimestampedOffset {
    return { timestampMs: -1, offset: this.#bound(upTo), leaderEpoch: this.leaderEpoch };
  }

  /** Up to where there are records of this leader epoch (KIP-320); (-1, -1) when it is not known. */
  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: number } {
    return this.#writer.epochs.endOffsetFor(epoch, this.highWatermark);
  }

  latestEpoch(): number | null {
    return this.#writer.epochs.latest?.epoch ?? null;
  }

  /** The epoch that an offset was written in; -1 when that is not known. */
  epochAt(offset: number): number {
    return this.#writer.epochs.epochAt(offset);
  }

  /** A new leader epoch begins at the end of the log. */
  beginEpoch(epoch: number): void {
    const writer = this.#writer;
    void writer.change('begin a leader epoch', () => writer.noteEpoch(epoch, writer.endOffset));
  }

  /** Creates the directory and the first segment now, not with the first append. */
  materialise(): void {
    void this.#writer.change('create the log', () => this.#writer.materialise());
  }

  /**
   * Moves the log start offset up to `offset` (-1: the high watermark); what lies before goes with its segments. Where that cannot
   * be made durable the records are gone for now, and the answer is a refusal.
   */
  async deleteRecordsBefore(offset: number): Promise<AppendRefused | { ok: true; logStartOffset: number }> {
    const writer = this.#writer;
    const refusal = writer.refusal();
    if (refusal) return refusal;
    const target = offset === -1 ? writer.highWatermark : offset;
    if (target < 0 || target > writer.highWatermark) return writer.refused(errors.offsetOutOfRange, null);
    await writer.change('delete records', () => writer.moveStart(target));
    if (!(await this.#keepStartOffset()))
      return writer.refused(errors.kafkaStorageError, 'The log start offset could not be written');
    return writer.refusal() ?? { ok: true, logStartOffset: writer.logStartOffset };
  }

  expireProducers(nowMs: number): void {
    this.#writer.producers.expire(nowMs, this.#deps.producerIdExpirationMs());
  }

  /**
   * Drops segments by age, size and log start offset; tells how many. The new log start is durable before a file is touched: else a
   * crash might bring some of them back, and others not. On a disk without room for that one segment goes at a time.
   */
  async applyRetention(nowMs: number): Promise<number> {
    const writer = this.#writer;
    await writer.change('apply retention', () => writer.retain(nowMs));
    const [isKept] = await Promise.all([this.#keepStartOffset(), this.pastTimes.retiring(writer)]);
    const count = await writer.retireBeforeStart(isKept ? Number.POSITIVE_INFINITY : 1);
    if (count > 0 && !isKept) await writer.settleNames();
    return count;
  }

  /** Seals the last segment and begins a new one, unless it is empty; true when it did. */
  async roll(): Promise<boolean> {
    return (await this.#writer.rollInTurn()) ?? false;
  }

  /** Resolves when everything that was written before the call is on the device, or the log is offline. */
  flush(): Promise<void> {
    return this.#writer.sync.flush();
  }

  /** Cuts off all records from `offset` on. */
  async truncateTo(offset: number): Promise<void> {
    await this.#writer.truncateInTurn(offset);
    this.pastTimes.truncated(offset);
  }

  /** Clean close: everything on the device, indexes written and cut, a snapshot of the producers. False if that failed. */
  close(): Promise<boolean> {
    return this.#writer.close();
  }

  /** The partition is gone: appends and new reads are refused, what is being sent is sent. */
  markDeleted(): void {
    if (this.#writer.state === 'deleted') return;
    this.#writer.end('deleted');
    this.#listeners.tell('deleted');
  }

  /** Closes the files of one that was deleted: its directory may be renamed after that. */
  letGo(): void {
    this.#writer.list.close();
  }

  /** True when no crash takes back what the log start offset is now. */
  async #keepStartOffset(): Promise<boolean> {
    const { logStartOffset } = this;
    if (logStartOffset > this.#keptStartOffset && (await this.#deps.keepStartOffset?.()) === false)
      return false;
    this.#keptStartOffset = Math.max(this.#keptStartOffset, logStartOffset);
    return true;
  }

  #reading<Read>(offset: number, read: () => Read): Read | LogReadRefused {
    if (this.#writer.state === 'deleted')
      return { ok: false, errorCode: errors.unknownTopicOrPartition.code };
    try {
      return read();
    } catch (error) {
      if (error instanceof NotPaged) throw error;
      this.#deps.logger.error('cannot read the log', { log: this.directory, offset, error: String(error) });
      return { ok: false, errorCode: errors.kafkaStorageError.code };
    }
  }

  #bound(upTo: Visibility): number {
    if (upTo === 'end') return this.endOffset;
    return upTo === 'stable' ? this.lastStableOffset : this.highWatermark;
  }
}
