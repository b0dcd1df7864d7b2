/**
 * The table of one partition: for each key the offset of its newest decided record, tombstones included as long as they are in the log.
 * How it comes to be and follows the log is told in table-feed.ts.
 *
 * A lookup compares the record's key with the one that was asked for. Where they differ, two keys share a hash (key-map.ts): then
 * all keys with it are looked for in the log, and known by their bytes from then on. So a record that is given is always that of the
 * key. What cannot be noticed is a key whose record was overwritten in the map by the tombstone of another one, and that tombstone
 * taken by the cleaner, before anybody asked; two of ten million keys have the same hash once in 10^18 tables.
 */
import type { Log } from '../../storage/log/log.ts';
import type { Partition } from '../partitions/partition.ts';
import { noOffset } from './key-map.ts';
import type { KeyHash } from './key-map-hash.ts';
import { newestBehind } from './keyed-records.ts';
import { type KeyRecord, LookupRefused, type TableStatus } from './lookup.ts';
import { readRecord } from './read-record.ts';
import { TableFeed, type TableFeedParts } from './table-feed.ts';

type Answer = KeyRecord | null | Promise<KeyRecord | null>;

export class PartitionTable {
  readonly partition: Partition;
  readonly log: Log;
  readonly #feed: TableFeed;

  constructor(partition: Partition, parts: Omit<TableFeedParts, 'log'>) {
    this.partition = partition;
    this.log = partition.log;
    this.#feed = new TableFeed({ ...parts, log: partition.log });
  }

  /** Not all that was decided when it began is in it yet. */
  get isLoading(): boolean {
    return this.#feed.isLoading;
  }

  /** The topic is gone, or is not a table any more, or the broker stops. */
  get isDropped(): boolean {
    return this.#feed.isDropped;
  }

  /** Why there is no table: the log cannot be read, or it would be too large; null when all is well. */
  get failure(): LookupRefused | null {
    return this.#feed.failure;
  }

  /** Everything decided below it is in the table. */
  get indexedOffset(): number {
    return this.#feed.indexedOffset;
  }

  get memoryBytes(): number {
    return this.#feed.content.map.memoryBytes;
  }

  get status(): TableStatus {
    const { log, isLoading, memoryBytes, indexedOffset } = this;
    const { topic, partition, lastStableOffset } = log;
    const keys = this.#feed.content.map.size;
    return { topic, partition, isLoading, keys, memoryBytes, indexedOffset, lastStableOffset };
  }

  /**
   * Newest decided offset of the key, -1 without any. A hint: another key may have the same hash, and a tombstone may have left
   * the log; `newest` looks.
   */
  find(hash: KeyHash): number {
    const offset = this.#feed.content.find(hash);
    return offset < this.log.logStartOffset ? noOffset : offset;
  }

  /** The record at exactly that offset, null when it is not in the log (any more). A promise where a codec has to be loaded. */
  read(offset: number): Answer {
    return readRecord(this.log, offset);
  }

  /** The newest decided record of the key, null without any. Throws LookupRefused where there is no table, or not yet. */
  newest(hash: KeyHash): Answer {
    this.#refuseUnlessReady();
    const searching = this.#feed.content.searching(hash);
    if (searching) return searching.then(() => this.newest(hash));
    const offset = this.find(hash);
    if (offset === noOffset) return null;
    const record = this.read(offset);
    return record instanceof Promise
      ? record.then((read) => this.#checked(hash, offset, read))
      : this.#checked(hash, offset, record);
  }

  /**
   * The newest record of the key up to the end of the log: also one whose transaction is open, or that the table has not got yet; none
   * of an aborted one. Throws as `newest`.
   */
  newestPending(hash: KeyHash): Answer {
    this.#refuseUnlessReady();
    const behind = newestBehind(this.log, this.indexedOffset, hash.key);
    const answer = (offset: number): Answer => (offset < 0 ? this.newest(hash) : this.read(offset));
    return behind instanceof Promise ? behind.then(answer) : answer(behind);
  }

  /** Resolves when indexedOffset >= offset; rejects with the signal's reason, or when there is no table any more. */
  reached(offset: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const { failure } = this;
        if (signal?.aborted) end(() => reject(signal.reason));
        else if (failure) end(() => reject(failure));
        else if (this.#feed.dropped) end(() => reject(this.#feed.dropped));
        else if (this.indexedOffset >= offset) end(resolve);
      };
      const end = (settle: () => void): void => {
        forget();
        signal?.removeEventListener('abort', look);
        settle();
      };
      const forget = this.onIndexed(look);
      signal?.addEventListener('abort', look);
      look();
    });
  }

  /** Calls back when the table moved on, begins anew, fails or is dropped. */
  onIndexed(listener: () => void): () => void {
    return this.#feed.onChange(listener);
  }

  /** Tries again where there was no room, or where the log could not be read. */
  retry(): void {
    this.#feed.retry();
  }

  drop(why: LookupRefused): void {
    this.#feed.drop(why);
  }

  /** Goes, and leaves its content for the next start. */
  close(): Promise<void> {
    return this.#feed.close();
  }

  #checked(hash: KeyHash, offset: number, record: KeyRecord | null): Answer {
    this.#refuseUnlessReady();
    if (record === null) {
      // Gone: a tombstone that the cleaner took, or what the log start has passed, unless something newer came meanwhile.
      const now = this.find(hash);
      return now === offset || now === noOffset ? null : this.newest(hash);
    }
    if (record.key.equals(hash.key)) return record;
    return this.#separate(hash).then(() => this.newest(hash));
  }

  async #separate(hash: KeyHash): Promise<void> {
    const { content } = this.#feed;
    try {
      // Not only up to `indexedOffset`: of what comes behind it some may be in the map already.
      await content.separate(hash, this.log.lastStableOffset);
    } catch (error) {
      if (!content.isOld) this.#feed.failed(error);
      throw error;
    }
  }

  /** It may have begun anew while somebody waited. */
  #refuseUnlessReady(): void {
    if (this.#feed.dropped) throw this.#feed.dropped;
    if (this.failure) throw this.failure;
    if (!this.isLoading) return;
    const { logStartOffset, lastStableOffset } = this.log;
    const offsetsTotal = lastStableOffset - logStartOffset;
    const offsetsDone = Math.min(offsetsTotal, Math.max(0, this.indexedOffset - logStartOffset));
    const progress = { offsetsDone, offsetsTotal };
    throw new LookupRefused(
      { reason: 'loading', progress },
      `the key table of ${this.log.name} is being read`,
    );
  }
}
