import type { OpaqueBytes } from '../../protocol/schema/field.ts';
import type { File } from '../environment/files.ts';

/** What `Log.append` and `Log.read` take and give. Offsets: `endOffset` is the next to be written (Kafka's LEO). */

/** Who writes: it decides which checks apply. */
export type AppendOrigin =
  /** A producer: everything is validated. */
  | 'client'
  /** Group and transaction coordinators and transaction markers: offsets are assigned, producer checks as Kafka makes them. */
  | 'coordinator'
  /** The metadata log: as coordinator, and synced at every append whatever the policy. */
  | 'raft';

export interface AppendOptions {
  readonly origin: AppendOrigin;
  /** Stamped into each batch; also enters the leader epoch cache when it is new. */
  readonly leaderEpoch: number;
  /** The caller says that `records` is its own buffer (not a view on a read buffer), so that it need not be copied to wait. */
  readonly ownsBuffer?: boolean | undefined;
  /** Somebody waits for what is appended, and will want its bytes at once. */
  readonly isAwaited?: boolean | undefined;
  /**
   * KIP-890: from 2 on a transaction's end has an epoch of its own, so that a marker of an epoch that is already known is late or
   * doubled, and a producer that the partition does not know begins with sequence 0. Left out: 0.
   */
  readonly transactionVersion?: number | undefined;
  /**
   * Asked in this append's turn, once the records are found fit: everything before it is written, and nothing comes between the
   * answer and the write. False: nothing is written, and the outcome is OPERATION_NOT_ATTEMPTED.
   */
  readonly precondition?: (() => boolean | Promise<boolean>) | undefined;
}

export interface Appended {
  readonly ok: true;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** -1 with CreateTime. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** A batch that the producer had sent before: nothing was written, the offsets are the first one's. */
  readonly duplicate: boolean;
}

export interface AppendRefused {
  readonly ok: false;
  /** Kafka's error code. */
  readonly errorCode: number;
  /** One line for the client and the log; null where the code says it all. */
  readonly message: string | null;
  readonly recordErrors: readonly { readonly batchIndex: number; readonly message: string | null }[];
  readonly logStartOffset: number;
}

export type AppendOutcome = Appended | AppendRefused;

/**
 * A stretch of a segment file on its way to a client. The network layer sends it in chunks and calls `release` once,
 * sent or not; until then the bytes stay readable although the segment may be deleted or replaced.
 */
export interface FileRegion extends OpaqueBytes {
  readonly file: File;
  readonly position: number;
  readonly byteLength: number;
  /** What stands in the file below `contentEnd` never changes under this id; where it was cut, or is another, that has another id. */
  readonly contentId: number;
  readonly contentEnd: number;
  /** The same bytes, where they are in memory: nobody may change them, and they stay when the region is released. */
  readonly bytes: Buffer | null;
  /** A read of it had to wait for the disk. */
  wasSlow(): void;
  release(): void;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

/** `regions` starts at the batch that holds the asked offset and may end inside a batch, as Kafka's answers may. */
export interface LogRead {
  readonly ok: true;
  readonly regions: readonly FileRegion[];
  readonly byteLength: number;
  /** Only for read_committed reads; in order of lastOffset. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
}

/** Where a batch stands. What has this `contentId` never changes. */
export interface BatchLocation {
  readonly file: File;
  readonly contentId: number;
  readonly position: number;
}

export interface BatchRead {
  readonly ok: true;
  /** null: there is none at or behind the offset. Lent until the next batch of any log is read so. */
  readonly bytes: Buffer | null;
  readonly location: BatchLocation | null;
}

export interface LogReadRefused {
  readonly ok: false;
  /** OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR, … */
  readonly errorCode: number;
}

/** Which offset a reader sees up to. */
export type Visibility = ReadOptions['upTo'];

export interface ReadOptions {
  readonly maxBytes: number;
  /** Give the first batch whole even when it is larger than `maxBytes` (KIP-74). */
  readonly minOneBatch: boolean;
  /** `high-watermark` for consumers, `stable` for read_committed, `end` for our own loaders. */
  readonly upTo: 'high-watermark' | 'stable' | 'end';
}

/** What ListOffsets answers. `offset` -1 when no record matches. */
export interface TimestampedOffset {
  readonly timestampMs: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

/** A change that somebody who waits may care about. */
export type LogEvent =
  /** The high watermark or the last stable offset moved up. */
  | 'advanced'
  | 'start-offset'
  | 'truncated'
  /** Cleaned segments have taken the place of others: what may be missing now is old, not new. */
  | 'replaced'
  | 'deleted'
  /** Writes are refused from now on (disk error), or accepted again. */
  | 'offline'
  | 'online';

/** When an append is acknowledged, and with it when others may see it. */
export type DurabilityPolicy =
  /** Once the kernel has it, as Kafka by default: survives the end of the process, not a loss of power. */
  | { readonly kind: 'page-cache' }
  /** Once the device has it; appends that come together share one sync. */
  | { readonly kind: 'fsync' }
  /** As `page-cache`, and a sync in the background at most so long after an append. */
  | { readonly kind: 'interval'; readonly intervalMs: number };

/** Log lines; broker/observe/logger.ts has all of it and more. */
export interface LogLogger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What is known of a segment without reading it. */
export interface SegmentInfo {
  readonly baseOffset: number;
  /** One above its last offset; of a sealed segment the next one's base offset. */
  readonly nextOffset: number;
  readonly sizeBytes: number;
  readonly isActive: boolean;
  readonly path: string;
}
