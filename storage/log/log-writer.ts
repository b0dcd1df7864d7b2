import { errors, type KafkaError } from '../../protocol/errors.ts';
import type { TopicSettings } from '../config/topic-settings.ts';
import { FileError, type FileSystem } from '../environment/files.ts';
import { AppendQueue } from './append-queue.ts';
import { EpochsFile } from './epochs-file.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import type { LogDependencies } from './log.ts';
import { LogAppender } from './log-appender.ts';
import { createDirectory, syncSmallFiles } from './log-files.ts';
import { LogSync } from './log-sync.ts';
import type { AppendRefused, LogEvent } from './log-types.ts';
import type { ProducerTable } from './producer-table.ts';
import { type LoadedLog, loadProducers } from './recovery.ts';
import { decideRetention } from './retention.ts';
import { Room } from './room.ts';
import type { Segment } from './segment.ts';
import { SegmentList } from './segment-list.ts';
import type { SnapshotFiles } from './snapshot-files.ts';
import { SwapGate } from './swap-gate.ts';

/**
 * Everything that changes a log, appends apart (log-appender.ts); log.ts is the face of both.
 *
 * - All changes run in one queue (append-queue.ts).
 * - No room (disk, memory, descriptors): the change is refused, and the next one tries again. Any other failure takes the
 *   log offline: it can be read, and written after the next start.
 */

export type LogState = 'online' | 'offline' | 'closed' | 'deleted';

const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EMEMORYLIMIT', 'EMFILE']);

export class LogWriter {
  readonly list: SegmentList;
  readonly producers: ProducerTable;
  readonly epochs: LeaderEpochs;
  readonly sync: LogSync;
  readonly queue: AppendQueue;
  readonly appender: LogAppender;
  readonly swapGate = new SwapGate();
  settings: TopicSettings;
  state: LogState = 'online';
  logStartOffset: number;
  endOffset: number;
  highWatermark: number;
  readonly #deps: LogDependencies;
  readonly #files: FileSystem;
  readonly #snapshots: SnapshotFiles;
  readonly #emit: (event: LogEvent) => void;
  readonly #epochsFile: EpochsFile;
  readonly #room: Room;

  constructor(deps: LogDependencies, loaded: LoadedLog, emit: (event: LogEvent) => void) {
    const { environment, directory, settings } = deps;
    this.#deps = deps;
    this.#files = environment.files;
    this.#emit = emit;
    this.#room = deps.room ?? new Room(environment.clock, deps.logger);
    this.settings = settings;
    this.list = new SegmentList(environment, directory, settings, loaded.segments);
    this.producers = loaded.producers;
    this.#snapshots = loaded.snapshots;
    this.epochs = loaded.epochs;
    this.logStartOffset = loaded.logStartOffset;
    this.endOffset = this.highWatermark = loaded.endOffset;
    const log = {
      endOffset: () => this.endOffset,
      synced: () => this.#onSynced(),
      failed: (error: unknown) => this.fail(error, 'sync'),
    };
    this.sync = new LogSync(this.#files, environment.clock, log, deps.durability, loaded.recoveryPoint);
    this.sync.follow(settings);
    this.#epochsFile = new EpochsFile({
      files: this.#files,
      directory,
      sync: this.sync,
      epochs: this.epochs,
      found: loaded.epochsFile,
      again: () => {
        if (this.state === 'online') this.guarded('write leader epochs', () => this.writeNotedEpochs());
      },
    });
    this.queue = new AppendQueue(this.sync);
    this.appender = new LogAppender(this, settings, deps.decompressedBytesMax);
    if (this.#epochsFile.isOwed) this.guarded('write leader epochs', () => this.#epochsFile.write());
    this.#adopt(loaded);
  }

  updateSettings(settings: TopicSettings): void {
    this.settings = settings;
    this.appender.follow(settings);
    this.list.settings = settings;
    this.sync.follow(settings);
  }

  /** Runs `change` in its turn, if the log can be changed then; what fails is dealt with as a failed append is. */
  change<T>(what: string, change: () => T): T | undefined | Promise<T | undefined> {
    return this.queue.run(() => (this.state === 'online' ? this.guarded(what, change) : undefined));
  }

  /** Why nothing can be appended; null when it can. */
  refusal(): AppendRefused | null {
    const { state, list } = this;
    if (state === 'deleted') return this.refused(errors.unknownTopicOrPartition, null);
    const why = state === 'online' ? this.#room.halted : `The log ${list.directory} is ${state}`;
    return why === null ? null : this.refused(errors.kafkaStorageError, why);
  }

  refused(error: KafkaError, message: string | null): AppendRefused {
    const { logStartOffset } = this;
    return { ok: false, errorCode: error.code, message, recordErrors: [], logStartOffset };
  }

  /** A leader epoch begins at `startOffset`, if it is not known yet. The file tells of it once that segment is sealed, its batches until then. */
  noteEpoch(epoch: number, startOffset: number): void {
    if (epoch >= 0 && this.epochs.assign(epoch, startOffset)) this.#epochsFile.isStale = true;
    if (this.#epochsFile.isOwed) this.writeNotedEpochs();
  }

  writeNotedEpochs(): void {
    if (this.#epochsFile.isStale && this.list.active) this.#epochsFile.write();
  }

  /** Creates the directory and the first segment, if there are none yet. */
  materialise(): void {
    if (this.list.active) return;
    const { directory } = this.list;
    const { isNew, metadata } = createDirectory(this.#files, directory, this.#deps.topicId);
    if (metadata) this.sync.made([metadata], directory);
    this.sync.named(this.#files.join(directory, '..'));
    this.#epochsFile.isStale = true;
    this.list.add(this.endOffset, isNew);
  }

  /**
   * Under `fsync` a segment begins when all before it is on the device. Else a loss of power could keep the new one and
   * cut the old one short, at a batch: a hole that nobody would notice.
   */
  get mustSyncBeforeRoll(): boolean {
    return this.sync.policy.kind === 'fsync' && this.list.active !== undefined && !this.sync.isSettled;
  }

  /** `roll`, in its turn. */
  rollInTurn(): Promise<boolean | undefined> {
    return Promise.resolve(
      this.queue.run(async () => {
        if (this.mustSyncBeforeRoll) await this.sync.flush();
        return this.state === 'online' ? this.guarded('roll', () => this.roll()) : undefined;
      }),
    );
  }

  /** Seals the last segment, the next append begins a new one; `false` when there is nothing to seal. */
  roll(): boolean {
    const old = this.list.active;
    if (!old) {
      this.materialise();
      return false;
    }
    if (old.size === 0) return false;
    this.writeNotedEpochs();
    old.seal();
    this.list.add(this.endOffset);
    this.producers.endOffset = this.endOffset;
    const snapshot = this.#takeSnapshot();
    const files = snapshot ? [...old.openFiles, snapshot] : old.openFiles;
    this.sync.sealed(old.baseOffset, this.endOffset, files, this.list.directory);
    return true;
  }

  /** Moves the log start offset to where retention lets it; true when it moved. */
  retain(nowMs: number): boolean {
    const { directory } = this.list;
    if (this.list.active && this.#files.statSync(directory) === null)
      throw new FileError('ENOENT', directory, 'look at');
    const { settings, list, logStartOffset, endOffset, highWatermark } = this;
    const { count, reason } = decideRetention({
      segments: list.retentionView,
      endOffset,
      highWatermark,
      logStartOffset,
      nowMs,
      deletes: settings['cleanup.policy'].includes('delete'),
      retentionMs: settings['retention.ms'],
      retentionBytes: settings['retention.bytes'],
    });
    if (count === 0) return false;
    this.#deps.logger.info('old segments go', { log: directory, count, reason });
    if (count === list.segments.length) this.roll();
    return this.moveStart(list.segments[count]!.baseOffset);
  }

  /** Takes out segments that end before the log start offset, the oldest first; tells how many. */
  async retireBeforeStart(most: number): Promise<number> {
    if (this.list.indexFor(this.logStartOffset) <= 0) return 0;
    const retired = await this.swapGate.cut(() =>
      this.change('remove old segments', () => {
        const count = Math.min(Math.max(0, this.list.indexFor(this.logStartOffset)), most);
        this.list.retireFirst(count, (segment) => this.forget(segment));
        return count;
      }),
    );
    return retired ?? 0;
  }

  /** Resolves when no crash brings back a segment that was taken out before. */
  settleNames(): Promise<void> {
    this.sync.named(this.list.directory);
    return this.sync.flush();
  }

  /** Moves the log start offset up; false when it is there already. */
  moveStart(offset: number): boolean {
    if (offset <= this.logStartOffset) return false;
    this.logStartOffset = offset;
    this.list.epoch++;
    if (this.epochs.truncateFromStart(offset)) this.#epochsFile.isStale = true;
    this.guarded('write leader epochs', () => this.writeNotedEpochs());
    this.#snapshots.startMoved(offset);
    this.#emit('start-offset');
    return true;
  }

  /** Cuts off all records from `offset` on, when no sync is under way that could count them in. */
  truncateInTurn(offset: number): Promise<void> {
    return this.swapGate.cut(() =>
      this.queue.run(async () => {
        await this.sync.idle();
        if (this.state === 'online' && offset < this.endOffset)
          this.guarded('truncate', () => this.#truncate(offset));
      }),
    );
  }

  #truncate(offset: number): void {
    const first = this.list.first?.baseOffset ?? 0;
    if (offset < first) throw new RangeError(`cannot truncate to ${offset}, the log begins at ${first}`);
    this.list.retireAbove(offset, (segment) => this.forget(segment));
    const active = this.list.active!;
    active.truncateTo(offset, this.nowMs());
    this.sync.wrote(active.file);
    this.list.epoch++;
    this.endOffset = offset;
    this.highWatermark = Math.min(this.highWatermark, offset);
    this.logStartOffset = Math.min(this.logStartOffset, offset);
    this.sync.truncated(offset);
    if (this.epochs.truncateFromEnd(offset)) this.#epochsFile.write();
    this.producers.clear();
    loadProducers({
      segments: this.list.segments,
      producers: this.producers,
      snapshots: this.#snapshots,
      logStartOffset: this.logStartOffset,
      endOffset: offset,
      nowMs: this.nowMs(),
      producerIdExpirationMs: this.#deps.producerIdExpirationMs,
    });
    this.producers.settle(this.highWatermark);
    this.#emit('truncated');
  }

  /** Brings everything to the device as a clean stop leaves it; true when that succeeded. */
  async close(): Promise<boolean> {
    return this.queue.run(async () => {
      // What is to be replaced on Windows must not be under a sync.
      await this.sync.idle();
      const sealed = this.guarded('close', () => this.#sealForClose());
      await this.sync.flush();
      await this.sync.idle();
      const isClean = sealed === true && this.state === 'online';
      this.end(this.state === 'online' ? 'closed' : this.state);
      this.list.close();
      return isClean;
    });
  }

  #sealForClose(): boolean {
    const active = this.list.active;
    if (this.state !== 'online' || !active) return true;
    this.writeNotedEpochs();
    if (active.isGrowing) {
      active.seal();
      for (const file of active.openFiles) this.sync.wrote(file);
      this.sync.named(this.list.directory);
    }
    const snapshot = this.#snapshots.take(this.producers);
    if (snapshot) this.sync.made([snapshot], this.list.directory);
    return true;
  }

  /** No more changes; what is being sent keeps its file. */
  end(state: LogState): void {
    this.state = state;
    this.sync.stop();
  }

  /** Runs `work`; undefined when the disk failed it. */
  guarded<T>(what: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.failedOrFull(error, what);
      return undefined;
    }
  }

  /** An append of so many bytes was written. */
  hadRoom(bytes: number): void {
    this.#room.found(bytes, this.list.directory);
  }

  /** A change failed: for want of room (room.ts), or for good. */
  failedOrFull(error: unknown, what: string, bytes = 0): void {
    if (error instanceof FileError && noRoom.has(error.code))
      this.#room.missing(bytes, this.list.directory, error);
    else this.fail(error, what);
  }

  /** Takes the log offline. */
  fail(error: unknown, what: string): void {
    if (this.state !== 'online') return;
    this.state = 'offline';
    this.sync.stop();
    const isGone = this.#isDirectoryGone();
    const why = isGone ? 'its directory is gone' : String(error instanceof Error ? error.message : error);
    this.#deps.logger.error('the log is offline: appends are refused until the next start', {
      log: this.list.directory,
      what,
      why,
    });
    this.#emit('offline');
    if (!isGone && error instanceof FileError) this.#deps.onDiskError?.(error);
  }

  #isDirectoryGone(): boolean {
    try {
      return this.#files.statSync(this.list.directory) === null;
    } catch {
      return false;
    }
  }

  #onSynced(): void {
    if (this.sync.policy.kind === 'fsync') this.advance(this.sync.syncedOffset);
  }

  /** Cleaned segments are in the list. */
  readonly replaced = (): void => this.#emit('replaced');

  /** Others may see up to here. */
  advance(highWatermark: number): void {
    if (highWatermark <= this.highWatermark) return;
    this.highWatermark = highWatermark;
    this.producers.settle(highWatermark);
    this.#emit('advanced');
  }

  /** Without it a start reads more of the log, so that a roll does not fail for it. */
  #takeSnapshot() {
    try {
      const snapshot = this.#snapshots.take(this.producers);
      if (snapshot) this.sync.closeAfterSync(snapshot);
      return snapshot;
    } catch (error) {
      const fields = { log: this.list.directory, error: String(error) };
      this.#deps.logger.warn('cannot write a snapshot of the producers', fields);
      return null;
    }
  }

  /** A segment leaves the log, and its snapshot with it unless another one takes its place. */
  forget(segment: Segment, keepsSnapshot = false): void {
    for (const file of segment.openFiles) this.sync.forget(file);
    if (!keepsSnapshot) this.#snapshots.segmentGone(segment.baseOffset, this.logStartOffset);
  }

  /**
   * After an unclean stop nobody knows what of the files has reached the device: all of it counts as unsynced. Under
   * `fsync` it is synced before anybody sees it.
   */
  #adopt({ segments, recovered, endOffset }: LoadedLog): void {
    if (this.#deps.cleanShutdown || segments.length === 0) return;
    const { directory } = this.list;
    const parent = this.#files.join(directory, '..');
    for (const segment of recovered) for (const file of segment.openFiles) this.sync.wrote(file);
    this.sync.named(directory);
    this.sync.named(parent);
    if (this.sync.policy.kind !== 'fsync') return;
    syncSmallFiles(this.#files, directory);
    for (const segment of recovered) for (const file of segment.openFiles) file.syncSync();
    this.#files.syncDirectorySync(directory);
    this.#files.syncDirectorySync(parent);
    this.sync.syncedOffset = endOffset;
  }

  nowMs(): number {
    return this.#deps.environment.clock.nowMs();
  }
}
