/**
 * Looks at every byte of a partition's directory, and changes none: what a start takes for granted after a clean stop.
 *
 *    .log         each batch: size, magic, checksum, its records; offsets ascend, and stay in their segment
 *    .index       .timeindex            check-indexes.ts
 *    .txnindex    .snapshot             check-producers.ts
 *    leader-epoch-checkpoint            the epoch of each batch
 *    partition.metadata
 *
 * After a stop that was not clean, what lies from the recovery point on is walked by the next start anyway, its indexes made anew and its
 * torn tail cut: that is told, and is no damage.
 */
import * as batch from '../../protocol/records/batch.ts';
import { ensureValidMessage } from '../../protocol/records/legacy.ts';
import type { FileSystem } from '../environment/files.ts';
import { BatchWalk, lastOffsetAt, leaderEpochAt, producerIdAt } from './batch-walk.ts';
import { CheckedIndexes } from './check-indexes.ts';
import { CheckedProducers } from './check-producers.ts';
import { recordsProblem } from './check-records.ts';
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
  /** As the checkpoint has it; what lies below was deleted. */
  readonly logStartOffset: number;
  /** Is shown each batch that is sound and that a start keeps, in their order; the buffer is borrowed. Must not throw. */
  readonly visit?: ((buffer: Buffer, at: number) => void) | undefined;
}

/** The zstd codec has to be loaded. */
export function checkLog(options: CheckLogOptions): CheckedLog {
  return new LogCheck(options).run();
}

class LogCheck {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #recoversFrom: number;
  readonly #logStartOffset: number;
  readonly #visit: CheckLogOptions['visit'];
  readonly #producers: CheckedProducers;
  readonly #problems: string[] = [];
  #epochs = new LeaderEpochs();
  #epochsDiffer = false;
  #bytes = 0;
  #batches = 0;
  #oldBatches = 0;
  #endOffset = 0;
  #leaderEpoch = -1;
  #greatestProducerId = -1;
  #tornBytes = 0;
  #lostSegments = 0;

  constructor({ files, directory, recoversFrom, logStartOffset, visit }: CheckLogOptions) {
    this.#files = files;
    this.#directory = directory;
    this.#recoversFrom = recoversFrom;
    this.#logStartOffset = logStartOffset;
    this.#visit = visit;
    this.#producers = new CheckedProducers(logStartOffset);
  }

  run(): CheckedLog {
    const names = this.#files.listSync(this.#directory);
    const bases = names.filter((name) => /^\d{20}\.log$/.test(name)).map(offsetOf);
    const snapshots = names.filter((name) => /^\d{20}\.snapshot$/.test(name)).map(offsetOf);
    this.#endOffset = bases[0] ?? 0;
    if (names.includes(leaderEpochFile)) this.#readEpochs();
    for (const [n, base] of bases.entries()) {
      const isLast = n === bases.length - 1;
      if (n > 0 && snapshots.includes(base)) this.#checkSnapshot(base, false);
      if (this.#checkSegment(base, isLast ? Infinity : bases[n + 1]!)) continue;
      this.#lostSegments = bases.length - n - 1;
      break;
    }
    for (const offset of snapshots)
      if (offset === this.#endOffset) this.#checkSnapshot(offset, true);
      else if (!bases.slice(1).includes(offset)) this.#snapshotAt(offset);
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

  #readEpochs(): void {
    const epochs = LeaderEpochs.parse(this.#text(leaderEpochFile));
    if (epochs === null) this.#problem(leaderEpochFile, 'is damaged');
    else this.#epochs = epochs;
  }

  /** False: what follows is no part of the log any more. */
  #checkSegment(base: number, nextBase: number): boolean {
    const isRecovered = nextBase > this.#recoversFrom;
    const name = fileName(base, suffixes.log);
    const indexOf = (suffix: string, entryBytes: number) =>
      isRecovered ? Buffer.alloc(0) : this.#index(fileName(base, suffix), entryBytes);
    const indexes = new CheckedIndexes(
      base,
      indexOf(suffixes.offsetIndex, offsetIndexEntryBytes),
      indexOf(suffixes.timeIndex, timeIndexEntryBytes),
    );
    const file = this.#files.openSync(this.#path(name), 'read');
    this.#producers.beginSegment();
    let walk: BatchWalk | null = null;
    try {
      this.#bytes += file.size;
      this.#endOffset = Math.max(this.#endOffset, base);
      walk = new BatchWalk(file, 0, file.size, { whole: true });
      while (walk.next()) {
        this.#checkBatch(walk, nextBase);
        this.#checkInside(walk, name, isRecovered);
        indexes.add(walk);
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
    if (isRecovered) return true;
    this.#tell(base, suffixes.offsetIndex, indexes.offsetProblem(name));
    this.#tell(base, suffixes.timeIndex, indexes.timeProblem());
    const transactions = indexOf(suffixes.transactionIndex, transactionIndexEntryBytes);
    // A segment without an index is walked by the next start, however the last one stopped.
    const isUnindexed = this.#files.statSync(this.#path(fileName(base, suffixes.offsetIndex))) === null;
    if (transactions.length > 0 || !isUnindexed)
      this.#tell(base, suffixes.transactionIndex, this.#producers.transactionIndexProblem(transactions));
    return true;
  }

  /** Throws where a recovery would cut the log. */
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

  /** What a recovery would not look at. */
  #checkInside(walk: BatchWalk, name: string, isRecovered: boolean): void {
    const { buffer, at, position } = walk;
    if (batch.magic(buffer, at) < batch.magicV2) return;
    const offset = batch.baseOffset(buffer, at);
    const problem = recordsProblem(buffer, at);
    if (problem === null) {
      this.#producers.add(walk);
      if (lastOffsetAt(buffer, at) >= this.#logStartOffset) this.#visit?.(buffer, at);
    } else this.#problem(name, `is damaged: its batch at byte ${position}, offset ${offset}, ${problem}`);
    const { earliest } = this.#epochs;
    if (isRecovered || this.#epochsDiffer || earliest === null || offset < earliest.startOffset) return;
    const [written, told] = [leaderEpochAt(buffer, at), this.#epochs.epochAt(offset)];
    if (written < 0 || written === told) return;
    this.#epochsDiffer = true;
    this.#problem(
      leaderEpochFile,
      `says that offset ${offset} is of epoch ${told}, but its batch is of ${written}`,
    );
  }

  #checkSnapshot(offset: number, isLast: boolean): void {
    const found = this.#snapshotAt(offset);
    // Behind the recovery point it is made anew, from what is there then.
    if (found === null || offset > this.#recoversFrom) return;
    this.#tell(offset, suffixes.snapshot, this.#producers.snapshotProblem(found, offset, isLast));
  }

  #snapshotAt(offset: number) {
    const name = fileName(offset, suffixes.snapshot);
    const found = decodeSnapshot(this.#files.readFileSync(this.#path(name)));
    if (typeof found !== 'string') return found;
    if (this.#recoversFrom === Infinity) this.#problem(name, `is not usable: ${found}`);
    return null;
  }

  /** Missing is not damaged: a start makes it. */
  #index(name: string, entryBytes: number): Buffer {
    if (this.#files.statSync(this.#path(name)) === null) return Buffer.alloc(0);
    const bytes = this.#files.readFileSync(this.#path(name));
    if (bytes.length % entryBytes === 0) return bytes;
    this.#problem(name, `has ${bytes.length} bytes, which are no whole entries`);
    return Buffer.alloc(0);
  }

  #path(name: string): string {
    return this.#files.join(this.#directory, name);
  }

  #text(name: string): string {
    return this.#files.readFileSync(this.#path(name)).toString('utf8');
  }

  #tell(base: number, suffix: string, problem: string | null): void {
    if (problem !== null) this.#problem(fileName(base, suffix), problem);
  }

  #problem(name: string, what: string): void {
    this.#problems.push(`${this.#path(name)} ${what}`);
  }
}
