import * as batch from '../../protocol/records/batch.ts';
import { ensureValidMessage } from '../../protocol/records/legacy.ts';
import { corrupt, RecordError } from '../../protocol/records/record-error.ts';
import type { TopicSettings } from '../config/topic-settings.ts';
import type { FileSystem } from '../environment/files.ts';
import { BatchWalk, lastOffsetAt, leaderEpochAt } from './batch-walk.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import type { AbortedTransaction, LogLogger } from './log-types.ts';
import { canIndex } from './offset-index.ts';
import type { CompletedTransaction } from './producer-state.ts';
import { ProducerTable } from './producer-table.ts';
import { isOfReplacement, settleLeftovers } from './recovery-files.ts';
import { Segment } from './segment.ts';
import { fileName, filePath, leaderEpochFile, offsetOf, segmentSuffixes, suffixes } from './segment-files.ts';
import { SnapshotFiles } from './snapshot-files.ts';

/**
 * Opens a partition's directory: from files to segments, producers and leader epochs.
 *
 * After a clean stop nothing is scanned. Else every segment from the one that holds the recovery point on is walked batch
 * by batch (size, magic, checksum), its indexes made anew; at the first bad byte the file is cut and all later segments go,
 * for no record behind a hole is part of the log. Segments before the recovery point are not looked at. A segment whose
 * index is missing is recovered even after a clean stop.
 *
 * Producers come from the newest usable snapshot and the batches behind it. A directory without any snapshot is read from
 * its start, however it was stopped: to take it for one without producers would make open transactions visible.
 *
 * If this is interrupted it begins again: what it did is either the same again or not needed any more.
 */

export interface LoadOptions {
  readonly files: FileSystem;
  readonly directory: string;
  readonly settings: TopicSettings;
  readonly logger: LogLogger;
  readonly nowMs: number;
  readonly producerIdExpirationMs: () => number;
  /** From the checkpoint files of the data directory. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly cleanShutdown: boolean;
  rollJitterMs(): number;
}

export interface LoadedLog {
  /** Empty when the directory holds none. */
  readonly segments: Segment[];
  readonly producers: ProducerTable;
  readonly snapshots: SnapshotFiles;
  readonly epochs: LeaderEpochs;
  /** Whether the file of epochs says what they are; if it is only behind the last segment, every start after a crash finds the rest there. */
  readonly epochsFile: 'current' | 'behind' | 'wrong';
  readonly logStartOffset: number;
  readonly endOffset: number;
  readonly recoveryPoint: number;
  /** Those that were walked: their bytes may not be on the device. */
  readonly recovered: readonly Segment[];
  /** See Log; left out: 0. */
  readonly sealedBeforeCrash?: number;
}

/** Opens the directory, which exists. */
export function loadLog(options: LoadOptions): LoadedLog {
  return new Loader(options).load();
}

/** That of a directory which does not exist yet. */
export function emptyLog({
  files,
  directory,
  logger,
  logStartOffset,
}: Pick<LoadOptions, 'files' | 'directory' | 'logger' | 'logStartOffset'>): LoadedLog {
  const producers = new ProducerTable();
  const snapshots = new SnapshotFiles(files, directory, logger, []);
  producers.endOffset = logStartOffset;
  snapshots.startMoved(logStartOffset);
  return {
    segments: [],
    producers,
    snapshots,
    epochs: new LeaderEpochs(),
    epochsFile: 'current',
    logStartOffset,
    endOffset: logStartOffset,
    recoveryPoint: logStartOffset,
    recovered: [],
  };
}

class Loader {
  readonly #options: LoadOptions;
  readonly #snapshots: SnapshotFiles;
  readonly #producers = new ProducerTable();
  readonly #epochs: LeaderEpochs;
  #epochsChanged = false;
  /** The segment that was walked last had an epoch that was not known. */
  #epochsFound = false;
  #segments: Segment[] = [];
  readonly #recovered: Segment[] = [];
  /** Base offsets of segments that lack an index. */
  readonly #unindexed = new Set<number>();
  /** Segments had been replaced, or removed, a short time before. */
  readonly #wereReplaced: boolean;
  /** The segment that `#producers` has followed to its end. */
  #followed = -1;

  constructor(options: LoadOptions) {
    const { files, directory, logger } = options;
    this.#options = options;
    const found = files.listSync(directory);
    this.#wereReplaced = found.some(isOfReplacement);
    const names = settleLeftovers(files, directory, found, logger);
    this.#snapshots = new SnapshotFiles(files, directory, logger, names);
    this.#epochs = this.#readEpochs(names);
    this.#openSegments(names);
  }

  load(): LoadedLog {
    const { cleanShutdown, recoveryPoint } = this.#options;
    this.#recoverSegments();
    let endOffset = this.#segments.at(-1)?.readNextOffset() ?? this.#options.logStartOffset;
    if (endOffset < this.#options.logStartOffset) {
      this.#removeAll(endOffset);
      endOffset = this.#options.logStartOffset;
    }
    const logStartOffset = Math.max(this.#options.logStartOffset, this.#segments[0]?.baseOffset ?? 0);
    if (this.#epochs.truncateFromEnd(endOffset)) this.#epochsChanged = true;
    if (this.#epochs.truncateFromStart(this.#options.logStartOffset)) this.#epochsChanged = true;
    this.#snapshots.removeStray(this.#segments.map((segment) => segment.baseOffset));
    this.#producers.clear();
    loadProducers({ ...this.#options, ...this.#parts(), logStartOffset, endOffset });
    // What ended before the start is stable now, not only once the next append moves the high watermark.
    this.#producers.settle(endOffset);
    return {
      ...this.#parts(),
      epochs: this.#epochs,
      epochsFile: this.#epochsFile(),
      logStartOffset,
      endOffset,
      recoveryPoint: cleanShutdown ? endOffset : Math.min(recoveryPoint, endOffset),
      recovered: this.#recovered,
      sealedBeforeCrash: this.#sealedBeforeCrash(),
    };
  }

  /** What the cleaner replaced stands there as `.deleted` for `file.delete.delay.ms`, until well after its checkpoint is written. */
  #sealedBeforeCrash(): number {
    const { cleanShutdown, files, settings } = this.#options;
    const isSeen = !files.deletesAtOnce && settings['file.delete.delay.ms'] > 0;
    if (cleanShutdown || (isSeen && !this.#wereReplaced)) return 0;
    return this.#segments.at(-1)?.baseOffset ?? 0;
  }

  #epochsFile(): LoadedLog['epochsFile'] {
    if (!this.#epochsChanged && !this.#epochsFound) return 'current';
    const isLast = this.#recovered.at(-1) === this.#segments.at(-1);
    return isLast && !this.#epochsChanged ? 'behind' : 'wrong';
  }

  #parts() {
    return { segments: this.#segments, producers: this.#producers, snapshots: this.#snapshots };
  }

  #readEpochs(names: readonly string[]): LeaderEpochs {
    const { files, directory, logger } = this.#options;
    if (!names.includes(leaderEpochFile)) return new LeaderEpochs();
    const path = files.join(directory, leaderEpochFile);
    const epochs = LeaderEpochs.parse(files.readFileSync(path).toString('utf8'));
    if (epochs) return epochs;
    logger.warn('the file of leader epochs is damaged; begun anew', { path });
    this.#epochsChanged = true;
    return new LeaderEpochs();
  }

  #openSegments(names: readonly string[]): void {
    const { files, directory, settings, nowMs } = this.#options;
    const present = new Set(names);
    const bases = names
      .filter((name) => name.endsWith(suffixes.log) && offsetOf(name) >= 0)
      .map(offsetOf)
      .sort((a, b) => a - b);
    for (const baseOffset of bases) {
      const has = (suffix: string) => present.has(fileName(baseOffset, suffix));
      if (!has(suffixes.offsetIndex) || !has(suffixes.timeIndex)) this.#unindexed.add(baseOffset);
      const segment = Segment.open({
        files,
        directory,
        baseOffset,
        indexBytesMax: settings['segment.index.bytes'],
        indexIntervalBytes: settings['index.interval.bytes'],
        rollJitterMs: this.#options.rollJitterMs(),
        createdMs: nowMs,
        hasTransactionIndex: has(suffixes.transactionIndex),
      });
      const before = this.#segments.at(-1);
      if (before) before.nextOffset = baseOffset;
      this.#segments.push(segment);
    }
  }

  #recoverSegments(): void {
    const { cleanShutdown, recoveryPoint } = this.#options;
    const holdsPoint = this.#segments.findLastIndex((segment) => segment.baseOffset <= recoveryPoint);
    const first = cleanShutdown ? this.#segments.length : Math.max(holdsPoint, 0);
    for (let n = 0; n < this.#segments.length; n++) {
      const isUnindexed = n < first && this.#unindexed.has(this.#segments[n]!.baseOffset);
      if (n >= first || isUnindexed) this.#recoverSegment(n, isUnindexed);
    }
    // The last one is written to, and was perhaps not the last one when a snapshot took it for sealed: what followed it is lost.
    this.#segments.at(-1)?.file.ownSync?.();
  }

  /** Walks one segment, making its indexes anew; where it is damaged, the log ends. `isUnindexed`: that they are missing is all that tells to. */
  #recoverSegment(n: number, isUnindexed: boolean): void {
    const segment = this.#segments[n]!;
    const producers = this.#producersAt(n);
    const sizeBefore = segment.file.size;
    if (this.#epochsFound) this.#epochsChanged = true;
    if (isUnindexed) this.#removeOffsetIndex(segment);
    segment.resetForRecovery();
    const overlaps = this.#acceptBatches(segment, producers, sizeBefore, this.#segments[n + 1]?.baseOffset);
    const nextOffset = segment.nextOffset;
    const isCut = segment.size < sizeBefore;
    if (isCut && !overlaps) this.#endLogAt(n, sizeBefore - segment.size);
    // A snapshot may have the same file as its own.
    if (isCut) segment.file.ownSync?.();
    if (isUnindexed) this.#sealDurably(segment);
    else segment.seal();
    // Else the next crash could bring back what was cut off here, in the place of what is written now.
    if (isCut) segment.file.syncSync();
    producers.endOffset = nextOffset;
    this.#followed = n;
    this.#snapshots.takeUnsynced(producers);
    this.#recovered.push(segment);
  }

  /**
   * Counts in what is undamaged, up to where the next segment begins. True when there is something behind that: a write that
   * failed and was cut off, but came back with the power, while the log had gone on in the next segment.
   */
  #acceptBatches(
    segment: Segment,
    producers: ProducerTable,
    sizeBytes: number,
    nextBase = Number.POSITIVE_INFINITY,
  ): boolean {
    const walk = new BatchWalk(segment.file, 0, sizeBytes, { whole: true });
    const aborted: AbortedTransaction[] = [];
    const onCompleted = (transaction: CompletedTransaction, lastStableOffset: number): void => {
      const { producerId, firstOffset, lastOffset } = transaction;
      if (transaction.aborted) aborted.push({ producerId, firstOffset, lastOffset, lastStableOffset });
    };
    let overlaps = false;
    try {
      while (walk.next()) {
        ensureFits(walk, segment);
        overlaps = lastOffsetAt(walk.buffer, walk.at) >= nextBase;
        if (overlaps) break;
        segment.count(walk.buffer, walk.at, walk.bytes);
        const epoch = leaderEpochAt(walk.buffer, walk.at);
        if (epoch > (this.#epochs.latest?.epoch ?? -1))
          this.#epochsFound = this.#epochs.assign(epoch, batch.baseOffset(walk.buffer, walk.at));
        producers.replay(walk.buffer, walk.at, onCompleted);
      }
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      const { directory, logger } = this.#options;
      logger.warn('a record batch is damaged', { directory, position: walk.position, why: error.message });
    }
    segment.transactionIndex.rewrite(aborted);
    return overlaps;
  }

  /** It may be there, and the time index not. */
  #removeOffsetIndex({ baseOffset }: Segment): void {
    const { files, directory } = this.#options;
    files.removeFileSync(filePath(files, directory, baseOffset, suffixes.offsetIndex));
    files.syncDirectorySync(directory);
  }

  /** The offset index last: as long as it is missing, the next start looks at this segment again. */
  #sealDurably(segment: Segment): void {
    const { files, directory } = this.#options;
    const { timeIndex, transactionIndex } = segment;
    segment.sealTimeIndex();
    timeIndex.file?.syncSync();
    transactionIndex.file?.syncSync();
    files.syncDirectorySync(directory);
    segment.seal();
    segment.offsetIndex.file?.syncSync();
    files.syncDirectorySync(directory);
  }

  /**
   * The log ends inside segment `n`: all later ones go. Durably before that segment is cut: if we are interrupted in
   * between, the next start must find the damage again.
   */
  #endLogAt(n: number, cutBytes: number): void {
    const { files, directory, logger } = this.#options;
    const { baseOffset, nextOffset } = this.#segments[n]!;
    const later = this.#segments.splice(n + 1);
    const fields = {
      directory,
      segment: baseOffset,
      endOffset: nextOffset,
      cutBytes,
      laterSegments: later.length,
    };
    logger.warn('cut the log where it is damaged', fields);
    for (const segment of later) this.#removeSegment(segment);
    if (later.length > 0) files.syncDirectorySync(directory);
  }

  /** The producers as of the base offset of segment `n`, without those of deleted records. */
  #producersAt(n: number): ProducerTable {
    const { baseOffset } = this.#segments[n]!;
    const producers = this.#producers;
    if (n === 0 || this.#followed !== n - 1 || producers.endOffset <= this.#options.logStartOffset) {
      producers.clear();
      const before = this.#segments.slice(0, n);
      const logStartOffset = this.#options.logStartOffset;
      loadProducers({
        ...this.#options,
        ...this.#parts(),
        segments: before,
        logStartOffset,
        endOffset: baseOffset,
      });
    }
    producers.endOffset = baseOffset;
    this.#snapshots.takeUnsynced(producers);
    return producers;
  }

  #removeAll(endOffset: number): void {
    const { directory, logger, logStartOffset } = this.#options;
    logger.warn('all segments end before the log start offset: begun anew there', {
      directory,
      endOffset,
      logStartOffset,
    });
    for (const segment of this.#segments) this.#removeSegment(segment);
    this.#segments = [];
    this.#snapshots.removeAll();
    this.#epochsChanged = this.#epochs.truncateFromEnd(0) || this.#epochsChanged;
  }

  #removeSegment(segment: Segment): void {
    const { files, directory } = this.#options;
    segment.close();
    for (const suffix of segmentSuffixes)
      files.removeFileSync(filePath(files, directory, segment.baseOffset, suffix));
    if (this.#snapshots.has(segment.baseOffset)) this.#snapshots.remove(segment.baseOffset);
  }
}

/** Throws RecordError unless the batch is undamaged and stands where its offset may. */
function ensureFits(walk: BatchWalk, segment: Segment): void {
  const { buffer, at } = walk;
  if (batch.magic(buffer, at) >= batch.magicV2) batch.ensureValid(buffer, at);
  else ensureValidMessage(buffer, at);
  const lastOffset = lastOffsetAt(buffer, at);
  if (lastOffset < segment.nextOffset)
    throw corrupt(`Record batch ends at offset ${lastOffset}, before ${segment.nextOffset}`);
  if (!canIndex(segment.baseOffset, lastOffset))
    throw new Error(`${segment.file.path} holds offset ${lastOffset}, too far above its base to be indexed`);
}

export interface ProducerLoad {
  readonly segments: readonly Segment[];
  readonly producers: ProducerTable;
  readonly snapshots: SnapshotFiles;
  readonly logStartOffset: number;
  readonly endOffset: number;
  readonly nowMs: number;
  readonly producerIdExpirationMs: () => number;
}

/**
 * Fills the empty table with the producers as of `endOffset`: newest snapshot, then the batches behind it; on the way
 * snapshots at the bases of the last two segments and at the end. Snapshots outside the log are removed.
 */
export function loadProducers(load: ProducerLoad): void {
  const { segments, producers, snapshots, logStartOffset, endOffset } = load;
  snapshots.keepWithin(logStartOffset, endOffset);
  snapshots.load(producers, logStartOffset, load.nowMs, load.producerIdExpirationMs());
  const lastBases = segments.slice(-2).map((segment) => segment.baseOffset);
  for (const segment of segments) {
    if (segment.nextOffset <= producers.endOffset || segment.baseOffset >= endOffset) continue;
    const from = Math.max(segment.baseOffset, producers.endOffset, logStartOffset);
    producers.endOffset = from;
    if (lastBases.includes(segment.baseOffset)) snapshots.takeUnsynced(producers);
    const walk = segment.walkFrom(from);
    while (walk.next() && batch.baseOffset(walk.buffer, walk.at) < endOffset)
      producers.replay(walk.buffer, walk.at, () => {});
  }
  producers.endOffset = endOffset;
  snapshots.takeUnsynced(producers);
}
