/**
 * The key/value store that a compacted topic is: what may be asked of it, and what it answers. The same for every way in: the
 * library, HTTP (broker/http), the RPC service, the command line.
 *
 * A key lives where its newest decided record has a value. Decided: below the last stable offset, and not of an aborted
 * transaction. Clients partition differently, so that one key may live in several partitions; that is told, never guessed.
 */

/** One record that was read back. */
export interface KeyRecord {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly timestampMs: number;
  readonly key: Buffer;
  /** null: a tombstone. */
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

export interface RecordHeader {
  readonly name: string;
  readonly value: Buffer | null;
}

/** A record whose value is there. */
export type LiveRecord = KeyRecord & { readonly value: Buffer };

export type KeyAnswer =
  | { readonly kind: 'found'; readonly record: LiveRecord }
  /** A tombstone is the newest; of several partitions the one with the latest timestamp. */
  | { readonly kind: 'deleted'; readonly record: KeyRecord }
  /** No record of the key is in the log. */
  | { readonly kind: 'absent' }
  /** It lives in more than one partition; in order of partitions. */
  | { readonly kind: 'several'; readonly records: readonly LiveRecord[] };

/** Why something was not done. The words are for people, `reason` and the fields for programs. */
export type LookupRefusal =
  | { readonly reason: 'unknown-topic' }
  | { readonly reason: 'unknown-partition' }
  /** `cleanup.policy` does not contain compact, `kompakt.lookup.enable` is false, or an internal topic. */
  | { readonly reason: 'not-a-table' }
  | { readonly reason: 'bad-request' }
  /** The table is being read from the log. */
  | { readonly reason: 'loading'; readonly progress: LoadProgress }
  /** `minOffset` was not reached in time; `blockedBy` says what by, such as a transaction that is open. */
  | { readonly reason: 'not-yet'; readonly indexedOffset: number; readonly blockedBy: string | null }
  /**
   * Compaction or retention took the past away; these are the earliest points that can be answered for this key. null: no time can, for
   * somebody else has cleaned the log, or taken its beginning away, and nobody knows what timestamps that had.
   */
  | {
      readonly reason: 'gone';
      readonly earliestOffset: number;
      readonly earliestMs: number | null;
    }
  /** A write to a key that lives in several partitions needs one. */
  | { readonly reason: 'several'; readonly records: readonly LiveRecord[] }
  /** If-Match or If-None-Match did not hold; the newest record, pending transactional ones included, null without any. */
  | { readonly reason: 'precondition'; readonly current: RecordId | null }
  | { readonly reason: 'too-large' }
  /** Too many at a time: change streams, waiting requests. */
  | { readonly reason: 'too-many' }
  /** A change stream whose reader took nothing for so long that it was ended; its position is good for another one. */
  | { readonly reason: 'too-slow' }
  /** The broker is stopping. */
  | { readonly reason: 'stopping' }
  /** The key tables of all topics would take more than `kompakt.lookup.memory.max.bytes`. */
  | { readonly reason: 'memory'; readonly limitBytes: number }
  /** The log is offline or full, or a file is damaged. */
  | { readonly reason: 'storage' };

export class LookupRefused extends Error {
  readonly refusal: LookupRefusal;

  constructor(refusal: LookupRefusal, message: string) {
    super(message);
    this.name = 'LookupRefused';
    this.refusal = refusal;
  }
}

/** What an ETag is made of: "topicId-partition-offset". */
export interface RecordId {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
}

export interface LoadProgress {
  /** Over the topic's partitions. */
  readonly offsetsDone: number;
  readonly offsetsTotal: number;
}

export interface WaitOptions {
  /** How long to wait for a table that is loading, or for `minOffset`. Default 1,000. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface GetOptions extends WaitOptions {
  /** Left out: wherever the key lives. */
  readonly partition?: number;
  /** Waits until the table covers this offset: of `partition`, else of the partition that murmur2 gives the key. */
  readonly minOffset?: number;
  /**
   * As it was when this offset was the last (`partition` needed where the topic has several); not with `asOfMs`. Transactions count
   * by where their records are, and as they have ended since.
   */
  readonly asOfOffset?: number;
  /**
   * As it was before the first record with a later timestamp than this one: where ListOffsets would begin for `asOfMs` + 1, or would have
   * begun: a record that compaction or retention has taken since counts as well.
   */
  readonly asOfMs?: number;
}

export interface PageOptions extends WaitOptions {
  readonly partition?: number;
  readonly prefix?: Buffer;
  /** `next` of the page before. */
  readonly after?: string;
  /** Default 100, at most 10,000; a page may end before, by its bytes. */
  readonly limit?: number;
}

/**
 * Live records, by partition and offset, each as it was while the page was read. A key that lives from the first page to the last is on
 * one of them at least; one that is written meanwhile may come out of that order, and on several.
 */
export interface Page {
  readonly records: readonly LiveRecord[];
  /** null: the end. */
  readonly next: string | null;
}

export interface HistoryOptions extends WaitOptions {
  readonly partition?: number;
  /** The newest so many; default 100, at most 10,000. */
  readonly limit?: number;
}

/** Every record of a key that the log still has and that is decided; oldest first, by partition. */
export interface History {
  readonly records: readonly KeyRecord[];
  /** There were more, older ones. */
  readonly isCut: boolean;
  /** Below it compaction may have taken some away: by partition, ascending. */
  readonly completeFrom: readonly { readonly partition: number; readonly offset: number }[];
}

export interface WriteOptions extends WaitOptions {
  /** Left out: where the key lives, else where murmur2 puts it, as the Java client and kafkajs do. */
  readonly partition?: number;
  readonly headers?: readonly RecordHeader[];
  /** Default: now. */
  readonly timestampMs?: number;
  /** Only if one of these is the newest record of the key; '*': only if it lives. Atomic with every other append. */
  readonly ifMatch?: readonly RecordId[] | '*';
  /** Only if the key does not live. */
  readonly ifNoneMatch?: '*';
}

export interface Written extends RecordId {
  readonly timestampMs: number;
}

/** `waitMs` is for a snapshot's table that is loading; left out: as long as that takes. */
export interface ChangesOptions extends WaitOptions {
  readonly partition?: number;
  readonly key?: Buffer;
  readonly prefix?: Buffer;
  /** `position` of the last event that was seen: goes on behind it, without a snapshot. Left out: a snapshot first. */
  readonly after?: string;
  /**
   * So many bytes of a log, or one batch, are read ahead of the reader; what it does not take stays in the log. Default 64 KiB, at
   * most 4 MiB. A reader that takes nothing for five minutes though there is something is dropped as `too-slow`.
   */
  readonly bufferBytesMax?: number;
  /**
   * Of a broker in another process: where the connection is lost, or the broker stops, the stream waits for one so long at a time, 60,000 by
   * default, 0: not at all, and goes on behind the last event. Then it ends with a LookupConnectionError that has its `position`.
   */
  readonly reconnectMs?: number;
  /** Hears of each connection that was lost, when it is waited for another one. */
  readonly onLost?: (error: Error & { readonly position: string | null }) => void;
}

export type Change =
  /** Of the snapshot, or a change after it. */
  | {
      readonly kind: 'record';
      readonly position: string;
      readonly isSnapshot: boolean;
      readonly record: KeyRecord;
    }
  /** All that was there is told; from here on changes. */
  | { readonly kind: 'live'; readonly position: string };

/** All of it rejects with LookupRefused. */
export interface Lookups {
  get(topic: string, key: Buffer, options?: GetOptions): Promise<KeyAnswer>;
  /**
   * At most 1,000 keys, 20 of the past; answers in their order. From 32 MiB of keys and values in all answers together on it is refused
   * as `too-large`.
   */
  getMany(topic: string, keys: readonly Buffer[], options?: GetOptions): Promise<KeyAnswer[]>;
  page(topic: string, options?: PageOptions): Promise<Page>;
  history(topic: string, key: Buffer, options?: HistoryOptions): Promise<History>;
  /** `value` null: a tombstone. */
  put(topic: string, key: Buffer, value: Buffer | null, options?: WriteOptions): Promise<Written>;
  /** Ends with LookupRefused too: a reader that is too slow, a topic that is deleted or no table any more, the broker that stops. */
  changes(topic: string, options?: ChangesOptions): AsyncIterable<Change>;
  /** Tables that are there, or being read. */
  status(): readonly TableStatus[];
}

/** As the broker's own doors ask: what can be answered at once costs no promise, and no turn of the loop's microtasks. */
export interface ServedLookups extends Lookups {
  /** As `get`, and throws what that would reject with; null where something has to be waited for, or read: `get` does. */
  getNow(topic: string, key: Buffer, options?: GetOptions): KeyAnswer | null;
}

export interface TableStatus {
  readonly topic: string;
  readonly partition: number;
  readonly isLoading: boolean;
  /** Keys in the table, deleted ones included while their tombstones are in the log. */
  readonly keys: number;
  readonly memoryBytes: number;
  /** Everything below it is in the table. */
  readonly indexedOffset: number;
  readonly lastStableOffset: number;
}

export function etagOf({ topicId, partition, offset }: RecordId): string {
  return `"${topicId}-${partition}-${offset}"`;
}
