import type { AbortedTransaction } from '../storage/log/log-types.ts';
import type { PassTimes } from '../storage/log/past-times.ts';
import type { TimeStep } from '../storage/log/removed-times.ts';

/**
 * What a pass of the cleaner takes and gives: values only, so that it can run in a thread of its own. The pass reads sealed
 * segments and writes `.cleaned` files beside them; it renames nothing and holds no log. The log swaps the files in
 * (storage/log/segment-swap.ts), if nothing that the job says has changed meanwhile.
 *
 *   logStart       firstDirty                 endOffset ≤  firstUncleanable                      log end
 *      |  cleaned before  |  keys go into the map  |  map was full  |  lag, open transaction, active segment  |
 *      |------ segments from the first on are rewritten ------------|------------- untouched ----------------|
 */

/** A sealed segment that may be cleaned. */
export interface CleanSegment {
  readonly baseOffset: number;
  /** The next segment's base offset. */
  readonly nextOffset: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
  /** Goes over to the segment that replaces it; tells for messages of magic 0 and 1 whether tombstones may go. */
  readonly modifiedMs: number;
}

/** Why a segment is not looked at in this pass. */
export type UncleanableReason = 'lag' | 'open-transaction' | 'active';

export interface UncleanableSegment {
  readonly path: string;
  readonly sizeBytes: number;
  readonly reason: UncleanableReason;
}

/** A producer that may write again: its last batch stays, if only as an empty one, for the sequence numbers in it. */
export interface LiveProducer {
  readonly producerId: number;
  readonly epoch: number;
  /** -1: it has written nothing but markers in this epoch. */
  readonly lastDataOffset: number;
}

/** What of the topic's settings a pass needs. */
export interface CleanSettings {
  /** `segment.bytes` */
  readonly segmentBytes: number;
  /** `segment.index.bytes` */
  readonly segmentIndexBytes: number;
  /** `index.interval.bytes` */
  readonly indexIntervalBytes: number;
  /** `delete.retention.ms` */
  readonly deleteRetentionMs: number;
}

/** Of a dedupe buffer that is larger, a pass uses so much, as in Apache Kafka; WebAssembly could address twice as much. */
export const mapBytesMax: number = 2 ** 31 - 1;

/** What a pass may use. */
export interface CleanLimits {
  /** Of the map of keys; `log.cleaner.dedupe.buffer.size` shared out. */
  readonly dedupeBufferBytes: number;
  /** `log.cleaner.io.buffer.load.factor` */
  readonly loadFactor: number;
  /** For reading and for writing; `log.cleaner.io.buffer.size` shared out. */
  readonly ioBufferBytes: number;
  /** `log.cleaner.io.max.bytes.per.second`, shared out; infinite where there is no limit. */
  readonly ioBytesPerSecond: number;
}

export interface CleanJob {
  /** …/TOPIC-PARTITION */
  readonly directory: string;
  readonly firstDirtyOffset: number;
  /** The base offset of a segment. */
  readonly firstUncleanableOffset: number;
  /** The batch that ends there stays, if only as an empty one: what consumers see does not end earlier than before. */
  readonly highWatermark: number;
  /** The clock that delete horizons are set by and compared with. */
  readonly nowMs: number;
  /** All from the first on that begin below `firstUncleanableOffset`, ascending. */
  readonly segments: readonly CleanSegment[];
  /** Those behind, for the receipt. */
  readonly uncleanable: readonly UncleanableSegment[];
  /** Ended at or above the log start, begun below `firstUncleanableOffset`. Of those that ended before, no reader sees anything. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly producers: readonly LiveProducer[];
  readonly settings: CleanSettings;
  readonly limits: CleanLimits;
  /** Counts and writes nothing. */
  readonly isDryRun: boolean;
  /** Tombstones with a timestamp at or below it go at once, whatever their horizon; -1: none. */
  readonly tombstonesGoUpToMs: number;
  /** What is known of the timestamps of records that earlier passes took; null: nobody wants to know. */
  readonly timeSteps: readonly TimeStep[] | null;
}

/** Records by what became of them. The sum of all is the records of the cleaned range. */
export interface CleanedRecords {
  /** Kept: the newest value of its key. */
  readonly newest: number;
  /** Kept: the newest record of its key says "deleted"; it stays until its delete horizon. */
  readonly tombstones: number;
  /** Kept: the marker of a transaction that still has records, or whose delete horizon has not come. */
  readonly markers: number;
  /** Kept: above the range whose keys went into the map. */
  readonly beyondMap: number;
  /** Removed: there is a newer record of its key. */
  readonly superseded: number;
  /** Removed: the delete horizon has passed. */
  readonly tombstonesExpired: number;
  /** Removed: of a transaction that was aborted. */
  readonly aborted: number;
  /** Removed: its transaction has no records left and the delete horizon has passed. */
  readonly markersExpired: number;
  /** Removed: it has no key, so nothing can ever supersede it. */
  readonly nullKeys: number;
}

/** One output segment and what it replaces. */
export interface CleanedGroup {
  readonly baseOffset: number;
  readonly sourceBaseOffsets: readonly number[];
}

export interface CleanResult {
  /** The keys of all records below it are in the map: the next pass begins here. */
  readonly endOffset: number;
  /** Only those that the pass has changed: a segment of which everything stays is left as it is. */
  readonly groups: readonly CleanedGroup[];
  readonly records: CleanedRecords;
  /** Batches that hold no record any more and stay for the sequence number of a live producer or the end of the range. */
  readonly emptyBatches: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** The earliest delete horizon among the tombstones and markers kept; -1 where none has one. */
  readonly nextHorizonMs: number;
  /** Records that the pass could not look at, by the reason. */
  readonly uncleanable: Readonly<Record<UncleanableReason, number>>;
  readonly mapEntries: number;
  readonly mapCapacity: number;
  /** Map, buffers and scratch at their largest. */
  readonly memoryBytes: number;
  readonly bytesRead: number;
  readonly durationMs: number;
  /** Of those that will be gone then; null: nobody wants to know. */
  readonly times: PassTimes | null;
}

/** How far a pass is. */
export interface CleanProgress {
  readonly phase: 'index' | 'rewrite';
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** The log holds what cannot be cleaned: damaged bytes, a missing file. The partition is left alone, others go on. */
export class Uncleanable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Uncleanable';
  }
}

/** The pass was told to stop; it has removed what it wrote. */
export class CleanAborted extends Error {
  constructor() {
    super('the pass was aborted');
    this.name = 'CleanAborted';
  }
}
