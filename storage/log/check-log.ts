/**
 * Looks at every byte of a partition's directory, and changes none: what a start takes for granted after a clean stop.
 *
 *    .log         each batch: size, magic, checksum; offsets ascend, and stay in their segment
 *    .index       each entry is the place of a batch with that last offset          .timeindex   nothing before it is later
 *    .txnindex    entries ascend, and lie in the segment                            .snapshot    its checksum
 *    leader-epoch-checkpoint, partition.metadata
 *
 * After a stop that was not clean, what lies from the recovery point on is walked by the next start anyway, its indexes made anew and its
 * torn tail cut: that is told, and is no damage.
 */
import * as batch from '../../protocol/records/batch.ts';
import { readInt16, readInt32, readInt64 } from '../../protocol/records/int64.ts';
import { ensureValidMessage } from '../../protocol/records/legacy.ts';
import type { FileSystem } from '../environment/files.ts';
import { BatchWalk, lastOffsetAt, leaderEpochAt, maxTimestampAt, producerIdAt } from './batch-walk.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { offsetIndexEntryBytes } from './offset-index.ts';
import { parsePartitionMetadata } from './partition-metadata.ts';
import { decodeSnapshot } from './producer-snapshot.ts';
import { fileName, leaderEpochFile, offsetOf, partitionMetadataFile, suffixes } from './segment-files.ts';
import { timeIndexEntryBytes } from './time-index.ts';
import { transactionIndexEntryBytes } from './transaction-index.ts';

export interface CheckedLog {
  readonly topicId: string | null;
  readonly segments: number;
  readonly bytes: number;
  readonly batches: number;
  /** Batches of magic 0 or 1. */
  readonly oldBatches: number;
  readonly startOffset: number;
  readonly endOffset: number;
  /** -1: no batch has one. */
  readonly leaderEpoch: number;
  readonly greatestProducerId: number;
  /** Bytes behind the last good batch that the next start cuts off. */
  readonly tornBytes: number;
  /** Whole segments behind them, which go too. */
  readonly lostSegments: number;
  /** A sentence each; they begin with the file. */
  readonly problems: readonly string[];
}

export interface CheckLogOptions {
  readonly files: FileSystem;
  /** …/TOPIC-PARTITION */
  readonly directory: string;
  /** From where on the next start recovers; Infinity after a clean stop. */
  readonly recoversFrom: number;
}

export function checkLog(options: CheckLogOptions): CheckedLog {
  return new LogCheck(options).run();
}

class LogCheck {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #recoversFrom: number;
  readonly #problems: string[] = [];
  #bytes = 0;
  #batches = 0;
  #oldBatches = 0;
  #endOffset = 0;
  #leaderEpoch = -1;
  #greatestProducerId = -1;
  #tornBytes = 0;
  #lostSegments = 0;

  constructor({ files, directory, recoversFrom }: CheckLogOptions) {
    this.#files = files;
    this.#directory = directory;
    this.#recoversFrom = recoversFrom;
  }

  run(): CheckedLog {
    const names = this.#files.listSync(this.#directory);
    const bases = names.filter((name) => /^\d{20}\.log$/.test(name)).map(offsetOf);
    this.#endOffset = bases[0] ?? 0;
    for (const [n, base] of bases.entries()) {
      const next = bases[n + 1] ?? Infinity;
      if (this.#checkSegment(base, next)) continue;
      this.#lostSegments = bases.length - n - 1;
      break;
    }
    for (const name of names.filter((each) => /^\d{20}\.snapshot$/.test(each))) {
      const found = decodeSnapshot(this.#files.readFileSync(this.#path(name)));
      if (typeof found === 'string' && this.#recoversFrom === Infinity)
        this.#problem(name, `is not usable: ${found}`);
    }
    if (names.includes(leaderEpochFile) && LeaderEpochs.parse(this.#text(leaderEpochFile)) === null)
      this.#problem(leaderEpochFile, 'is damaged');
    const hasMetadata = names.includes(partitionMetadataFile);
    const topicId = hasMetadata ? parsePartitionMetadata(this.#text(partitionMetadataFile)) : null;
    if (topicId === null) this.#problem(partitionMetadataFile, hasMetadata ? 'is damaged' : 'is missing');
    return {
      topicId,
      segments: bases.length,
      bytes: this.#bytes,
      batches: this.#batches,
      oldBatches: this.#oldBatches,
      startOffset: bases[0] ?? 0,
      endOffset: this.#endOffset,
      leaderEpoch: this.#leaderEpoch,
      greatestProducerId: this.#greatestProducerId,
      tornBytes: this.#tornBytes,
      lostSegments: this.#lostSegments,
      problems: this.#problems,
    };
  }

  /** False: what follows is no part of the log any more. */
  #checkSegment(base: number, nextBase: number): boolean {
    const isRecovered = nextBase > this.#recoversFrom;
    const indexes = isRecovered
      ? { offsets: [], times: [] }
      : { offsets: this.#offsetEntries(base), times: this.#timeEntries(base) };
    const name = fileName(base, suffixes.log);
    const file = this.#files.openSync(this.#path(name), 'read');
    const seen = new SeenBatches(base, indexes);
    let walk: BatchWalk | null = null;
    try {
      this.#bytes += file.size;
      this.#endOffset = Math.max(this.#endOffset, base);
      walk = new BatchWalk(file, 0, file.size, { whole: true });
      while (walk.next()) {
        this.#checkBatch(walk, nextBase);
        seen.add(walk);
      }
      if (walk.position < file.size) throw new Error('the file ends inside a batch');
    } catch (error) {
      const at = walk?.position ?? 0;
      if (isRecovered) {
        this.#tornBytes = file.size - at;
        return false;
      }
      this.#problem(
        name,
        `is damaged at byte ${at}: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      file.close();
    }
    if (seen.offsetProblem() !== null)
      this.#problem(fileName(base, suffixes.offsetIndex), seen.offsetProblem()!);
    if (seen.timeProblem !== null) this.#problem(fileName(base, suffixes.timeIndex), seen.timeProblem);
    if (!isRecovered) this.#checkTransactions(base, nextBase);
    return true;
  }

  #checkBatch({ buffer, at }: BatchWalk, nextBase: number): void {
    const isOld = batch.magic(buffer, at) < batch.magicV2;
    if (isOld) ensureValidMessage(buffer, at);
    else batch.ensureValid(buffer, at);
    const last = lastOffsetAt(buffer, at);
    // A compressed message set of the old format says only where it ends.
    const first = isOld ? last : batch.baseOffset(buffer, at);
    if (first < this.#endOffset) throw new Error(`offset ${first} after ${this.#endOffset - 1}`);
    if (last >= nextBase) throw new Error(`offset ${last} belongs into the segment of ${nextBase}`);
    this.#endOffset = last + 1;
    this.#batches += 1;
    if (isOld) this.#oldBatches += 1;
    this.#leaderEpoch = Math.max(this.#leaderEpoch, leaderEpochAt(buffer, at));
    this.#greatestProducerId = Math.max(this.#greatestProducerId, producerIdAt(buffer, at));
  }

  #offsetEntries(base: number): OffsetEntry[] {
    const entries: OffsetEntry[] = [];
    const bytes = this.#index(fileName(base, suffixes.offsetIndex), offsetIndexEntryBytes);
    for (let at = 0; at < bytes.length; at += offsetIndexEntryBytes) {
      const entry = { offset: base + readInt32(bytes, at), position: readInt32(bytes, at + 4) };
      // Preallocated room behind the last entry, of a segment that grew.
      if (entry.offset === base && entry.position === 0) break;
      entries.push(entry);
    }
    return entries;
  }

  #timeEntries(base: number): TimeEntry[] {
    const entries: TimeEntry[] = [];
    const bytes = this.#index(fileName(base, suffixes.timeIndex), timeIndexEntryBytes);
    for (let at = 0; at < bytes.length; at += timeIndexEntryBytes) {
      const entry = { timestampMs: readInt64(bytes, at), offset: base + readInt32(bytes, at + 8) };
      if (entry.timestampMs === 0 && entry.offset === base) break;
      entries.push(entry);
    }
    return entries;
  }

  /** Missing is not damaged: a start makes it. */
  #index(name: string, entryBytes: number): Buffer {
    if (this.#files.statSync(this.#path(name)) === null) return Buffer.alloc(0);
    const bytes = this.#files.readFileSync(this.#path(name));
    if (bytes.length % entryBytes === 0) return bytes;
    this.#problem(name, `has ${bytes.length} bytes, which are no whole entries`);
    return Buffer.alloc(0);
  }

  #checkTransactions(base: number, nextBase: number): void {
    const name = fileName(base, suffixes.transactionIndex);
    const bytes = this.#index(name, transactionIndexEntryBytes);
    let before = base - 1;
    for (let at = 0; at < bytes.length; at += transactionIndexEntryBytes) {
      const lastOffset = readInt64(bytes, at + 18);
      const isSound =
        readInt16(bytes, at) === 0 &&
        readInt64(bytes, at + 10) <= lastOffset &&
        lastOffset > before &&
        lastOffset < Math.min(nextBase, this.#endOffset);
      if (!isSound) return this.#problem(name, `has an entry at byte ${at} that cannot be one`);
      before = lastOffset;
    }
  }

  #path(name: string): string {
    return this.#files.join(this.#directory, name);
  }

  #text(name: string): string {
    return this.#files.readFileSync(this.#path(name)).toString('utf8');
  }

  #problem(name: string, what: string): void {
    this.#problems.push(`${this.#path(name)} ${what}`);
  }
}

interface OffsetEntry {
  readonly offset: number;
  readonly position: number;
}

interface TimeEntry {
  readonly timestampMs: number;
  readonly offset: number;
}

/** Compares a segment's index entries with its batches while these go by. */
class SeenBatches {
  timeProblem: string | null = null;
  readonly #base: number;
  readonly #offsets: readonly OffsetEntry[];
  readonly #times: readonly TimeEntry[];
  #nextOffsetEntry = 0;
  #nextTimeEntry = 0;
  #latestMs = -1;

  constructor(base: number, indexes: { readonly offsets: OffsetEntry[]; readonly times: TimeEntry[] }) {
    this.#base = base;
    this.#offsets = indexes.offsets;
    this.#times = indexes.times;
  }

  add({ buffer, at, position }: BatchWalk): void {
    const last = lastOffsetAt(buffer, at);
    const entry = this.#offsets[this.#nextOffsetEntry];
    if (entry !== undefined && entry.position === position && entry.offset === last)
      this.#nextOffsetEntry += 1;
    this.#latestMs = Math.max(this.#latestMs, maxTimestampAt(buffer, at));
    for (let time = this.#times[this.#nextTimeEntry]; time !== undefined && time.offset <= last; ) {
      if (time.offset === last && time.timestampMs < this.#latestMs)
        this.timeProblem ??= `says that nothing up to offset ${time.offset} is later than ${time.timestampMs}, but something is`;
      time = this.#times[++this.#nextTimeEntry];
    }
  }

  /** Each entry was met in its order, or the first one that was not is wrong. */
  offsetProblem(): string | null {
    const entry = this.#offsets[this.#nextOffsetEntry];
    if (entry === undefined) return null;
    return `says that the batch of offset ${entry.offset} is at byte ${entry.position} of ${fileName(this.#base, suffixes.log)}, but it is not`;
  }
}
