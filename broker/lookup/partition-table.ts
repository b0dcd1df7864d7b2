/**
 * The table of one partition: for each key the offset of its newest decided record, tombstones included as long as they are in the log.
 * It is read from the log and then follows it. Whatever takes records away from the end of the log, and damage, makes it begin anew.
 *
 * A lookup compares the record's key with the one that was asked for. Where they differ, two keys share a hash (key-map.ts): then
 * all keys with it are looked for in the log, and known by their bytes from then on.
 */
import type { Clock } from '../../storage/environment/clock.ts';
import type { Log } from '../../storage/log/log.ts';
import type { LogEvent } from '../../storage/log/log-types.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partition } from '../partitions/partition.ts';
import { DecidedBatches } from './decided-batches.ts';
import { hashWords, isShared, KeyMap, noOffset } from './key-map.ts';
import type { KeyHash, KeyHasher } from './key-map-hash.ts';
import { forEachKey, newestBehind } from './keyed-records.ts';
import { type KeyRecord, LookupRefused, type TableStatus } from './lookup.ts';
import { readRecord } from './read-record.ts';
import type { Slices } from './slices.ts';
import type { TableMemory } from './table-memory.ts';

export interface PartitionTableParts {
  readonly partition: Partition;
  readonly hasher: KeyHasher;
  readonly clock: Clock;
  readonly slices: Slices;
  readonly memory: TableMemory;
  readonly logger: Logger;
  /** Left out: as many as there are. */
  readonly hashBits?: number;
}

type Answer = KeyRecord | null | Promise<KeyRecord | null>;

export class PartitionTable {
  readonly partition: Partition;
  readonly log: Log;
  readonly #parts: PartitionTableParts;
  readonly #forgetLog: () => void;
  readonly #words = new Uint32Array(hashWords);
  #map: KeyMap;
  /** Keys that share their hash with another, by hash and by their bytes. */
  readonly #shared = new Map<string, SharedKeys>();
  #indexedOffset = 0;
  #isLoading = true;
  #isDropped = false;
  #isAwake = false;
  /** Grows when all that was read counts no more. */
  #generation = 0;
  #failure: LookupRefused | null = null;
  /** Of the map, as `memory` knows it. */
  #countedBytes = 0;
  /** What it took when there was no more room. */
  #neededBytes = 0;
  #listeners: readonly (() => void)[] = [];

  constructor(parts: PartitionTableParts) {
    this.#parts = parts;
    this.partition = parts.partition;
    this.log = parts.partition.log;
    this.#map = new KeyMap(parts.hashBits);
    this.#forgetLog = this.log.onEvent((event) => this.#logChanged(event));
    this.#wake();
  }

  /** Not all that was decided when it began is in it yet. */
  get isLoading(): boolean {
    return this.#isLoading;
  }

  /** The topic is gone, or is not a table any more. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** Why there is no table: the log cannot be read, or it would be too large; null when all is well. */
  get failure(): LookupRefused | null {
    return this.#failure;
  }

  /** Tries again where there was no room. */
  retry(): void {
    if (this.#failure?.refusal.reason !== 'memory' || this.#parts.memory.exceeds(this.#neededBytes)) return;
    this.#failure = null;
    this.#wake();
  }

  /** Everything decided below it is in the table. */
  get indexedOffset(): number {
    return this.#indexedOffset;
  }

  get memoryBytes(): number {
    return this.#map.memoryBytes;
  }

  get status(): TableStatus {
    const { log, isLoading, memoryBytes, indexedOffset } = this;
    const { topic, partition, lastStableOffset } = log;
    const keys = this.#map.size;
    return { topic, partition, isLoading, keys, memoryBytes, indexedOffset, lastStableOffset };
  }

  /**
   * Newest decided offset of the key, -1 without any. A hint: another key may have the same hash, and a tombstone may have left
   * the log; `newest` is exact.
   */
  find(hash: KeyHash): number {
    let offset = this.#map.find(hash.words, 0);
    if (offset === isShared) offset = this.#sharedBy(hash)!.offsetOf(hash.key);
    return offset < this.log.logStartOffset ? noOffset : offset;
  }

  /** The record at exactly that offset, null when it is not in the log (any more). A promise where a codec has to be loaded. */
  read(offset: number): Answer {
    return readRecord(this.log, offset);
  }

  /** The newest decided record of the key, null without any. */
  newest(hash: KeyHash): Answer {
    const shared = this.#sharedBy(hash);
    if (shared?.searching) return shared.searching.then(() => this.newest(hash));
    const offset = this.find(hash);
    if (offset === noOffset) return null;
    const record = this.read(offset);
    return record instanceof Promise
      ? record.then((read) => this.#checked(hash, offset, read))
      : this.#checked(hash, offset, record);
  }

  /**
   * The newest record of the key up to the end of the log: also one whose transaction is open, or that the table has not got yet; none
   * of an aborted one.
   */
  newestPending(hash: KeyHash): Answer {
    const behind = newestBehind(this.log, this.#indexedOffset, hash.key);
    const answer = (offset: number): Answer => (offset < 0 ? this.newest(hash) : this.read(offset));
    return behind instanceof Promise ? behind.then(answer) : answer(behind);
  }

  /** Resolves when indexedOffset >= offset; rejects with the signal's reason, or when the table is dropped. */
  reached(offset: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (signal?.aborted) end(() => reject(signal.reason));
        else if (this.#failure) end(() => reject(this.#failure));
        else if (this.#isDropped) end(() => reject(this.#gone()));
        else if (this.#indexedOffset >= offset) end(resolve);
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

  /** Calls back when the table moved on, begins anew or is dropped. */
  onIndexed(listener: () => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== listener);
    };
  }

  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#forgetLog();
    this.#clear();
    this.#tell();
  }

  #logChanged(event: LogEvent): void {
    if (event === 'deleted') this.drop();
    else if (event === 'truncated') this.#truncated();
    else this.#wake();
  }

  /** What is behind the end is gone, and what came before it is not known. */
  #truncated(): void {
    if (this.log.endOffset < this.#indexedOffset) {
      this.#clear();
      this.#tell();
    }
    this.#wake();
  }

  /** Begins anew. */
  #clear(): void {
    this.#generation++;
    this.#map = new KeyMap(this.#parts.hashBits);
    this.#shared.clear();
    this.#indexedOffset = 0;
    this.#isLoading = true;
    this.#count(0);
  }

  #count(bytes: number): void {
    this.#parts.memory.usedBytes += bytes - this.#countedBytes;
    this.#countedBytes = bytes;
  }

  /** Throws when all tables together have become too large: the one that grows goes. */
  #countMemory(): void {
    this.#count(this.memoryBytes);
    const { memory } = this.#parts;
    if (!memory.exceeds(0)) return;
    this.#neededBytes = this.#countedBytes;
    this.#clear();
    throw memory.refusal(this.log.name);
  }

  #wake(): void {
    if (this.#isAwake || this.#isDropped || this.#failure?.refusal.reason === 'memory') return;
    this.#isAwake = true;
    this.#parts.clock.defer(() => void this.#follow());
  }

  /** Reads on until there is nothing more to read. */
  async #follow(): Promise<void> {
    const generation = this.#generation;
    const isStopped = () => this.#generation !== generation;
    const batches = new DecidedBatches(this.log, this.#parts.slices, isStopped);
    const visit = (chunk: Buffer, at: number) => this.#index(chunk, at);
    try {
      for (let hasMore = true; hasMore && !isStopped(); ) {
        const next = await batches.read(this.#indexedOffset, visit);
        if (isStopped()) break;
        hasMore = next > this.#indexedOffset;
        if (hasMore) this.#countMemory();
        this.#indexedOffset = next;
        this.#failure = null;
        if (next >= this.log.lastStableOffset) this.#isLoading = false;
        this.#tell();
      }
    } catch (error) {
      this.#failed(error);
    }
    this.#isAwake = false;
    if (isStopped() || (this.#failure === null && this.#indexedOffset < this.log.lastStableOffset))
      this.#wake();
  }

  #failed(error: unknown): void {
    if (this.#isDropped) return;
    const isKnown = error instanceof LookupRefused;
    const why = error instanceof Error ? error.message : String(error);
    const isNews = this.#failure?.message !== why;
    this.#failure = isKnown ? error : new LookupRefused({ reason: 'storage' }, why);
    // An append makes it try again.
    if (isNews)
      this.#parts.logger.error('there is no key table', {
        log: this.log.name,
        why,
        ...(isKnown ? {} : { error }),
      });
    this.#tell();
  }

  #index(chunk: Buffer, at: number): void {
    forEachKey(chunk, at, (bytes, start, end, offset, isTombstone) => {
      if (offset < this.#indexedOffset) return;
      this.#parts.hasher.hashTo(bytes, start, end, this.#words, 0);
      if (this.#map.put(this.#words, 0, offset, isTombstone)) return;
      this.#shared.get(this.#map.idOf(this.#words, 0))!.put(bytes.subarray(start, end), offset);
    });
  }

  #checked(hash: KeyHash, offset: number, record: KeyRecord | null): Answer {
    if (this.#isDropped) throw this.#gone();
    if (record === null) {
      // Gone meanwhile: a tombstone that the cleaner took, or what the log start has passed, unless something newer came.
      const now = this.find(hash);
      return now === offset || now === noOffset ? null : this.newest(hash);
    }
    if (record.key.equals(hash.key)) return record;
    return this.#separate(hash).then(() => this.newest(hash));
  }

  /** Finds all keys that have this hash; from now on they are known by their bytes. */
  #separate(hash: KeyHash): Promise<void> {
    const id = this.#map.idOf(hash.words, 0);
    const known = this.#shared.get(id);
    if (known) return known.searching ?? Promise.resolve();
    const keys = new SharedKeys();
    this.#shared.set(id, keys);
    this.#map.share(hash.words, 0);
    keys.searching = this.#search(id, keys);
    return keys.searching;
  }

  async #search(id: string, keys: SharedKeys): Promise<void> {
    const generation = this.#generation;
    const isStopped = () => this.#generation !== generation;
    const batches = new DecidedBatches(this.log, this.#parts.slices, isStopped);
    const words = new Uint32Array(hashWords);
    const upTo = this.#indexedOffset;
    for (let offset = this.log.logStartOffset; offset < upTo && !isStopped(); ) {
      offset = await batches.read(offset, (chunk, at) => {
        forEachKey(chunk, at, (bytes, start, end, found) => {
          this.#parts.hasher.hashTo(bytes, start, end, words, 0);
          if (this.#map.idOf(words, 0) === id) keys.put(bytes.subarray(start, end), found);
        });
      });
    }
    keys.searching = null;
  }

  #sharedBy(hash: KeyHash): SharedKeys | undefined {
    return this.#shared.size === 0 ? undefined : this.#shared.get(this.#map.idOf(hash.words, 0));
  }

  #gone(): LookupRefused {
    return new LookupRefused({ reason: 'unknown-topic' }, `${this.log.topic} is not a table any more`);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Keys with the same hash. */
class SharedKeys {
  /** While the log is searched for them. */
  searching: Promise<void> | null = null;
  readonly #offsets = new Map<string, number>();

  put(key: Buffer, offset: number): void {
    const text = key.toString('latin1');
    if (offset > (this.#offsets.get(text) ?? noOffset)) this.#offsets.set(text, offset);
  }

  offsetOf(key: Buffer): number {
    return this.#offsets.get(key.toString('latin1')) ?? noOffset;
  }
}
