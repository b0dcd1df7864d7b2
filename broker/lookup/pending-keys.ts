import * as batch from '../../protocol/records/batch.ts';
import { ensureCodec } from '../../protocol/records/compression.ts';
import { messageCodec } from '../../protocol/records/legacy.ts';
import { lastOffsetAt } from '../../storage/log/batch-walk.ts';
import type { Log } from '../../storage/log/log.ts';
import { abortedBy, isData } from './decided-batches.ts';
import { hashWords, KeyMap, noOffset } from './key-map.ts';
import type { KeyHash, KeyHasher } from './key-map-hash.ts';
import { forEachKey, newestBehind } from './keyed-records.ts';
import type { KeyRecord } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import { bytesOf, refuseUnreadable } from './read-record.ts';
import type { Slices } from './slices.ts';

/** So much that is not in a table yet gets no map: it is read with each write. */
export const pendingOffsetsMax = 1_000;
/** So much may be missing in a map: records that were written one by one take a microsecond each. */
const mapBehindMax = 100;
/** Of one partition; a map that would exceed it is given up, and then each write reads. */
export const pendingBytesMax = 64 * 1024 * 1024;
const chunkBytes = 256 * 1024;

type Answer = KeyRecord | null | Promise<KeyRecord | null>;

/**
 * Where a transaction stays open, all that others write behind it is in no table, and yet counts for a conditional write. To read it
 * again with every write would take longer with every record; so it gets a map of its own, of the newest offset of each key, whatever
 * became of its transaction. Who finds there a record that was aborted, or another key, looks through all of it after all.
 */
export class PendingKeys {
  readonly #table: PartitionTable;
  readonly #log: Log;
  readonly #hasher: KeyHasher;
  readonly #slices: Slices;
  readonly #words = new Uint32Array(hashWords);
  #map: KeyMap | null = null;
  /** The map has what is in [#from, #upTo). */
  #from = 0;
  #upTo = 0;
  /** Of the log; another one after a truncation. */
  #epoch = -1;
  #preparing: Promise<void> | null = null;

  constructor(table: PartitionTable, hasher: KeyHasher, slices: Slices) {
    this.#table = table;
    this.#log = table.log;
    this.#hasher = hasher;
    this.#slices = slices;
  }

  /** Undefined when `newest` takes no time; else a promise to wait for. */
  prepare(): undefined | Promise<void> {
    const { indexedOffset } = this.#table;
    if (this.#log.endOffset - indexedOffset <= pendingOffsetsMax) {
      this.#map = null;
      return undefined;
    }
    if (this.#map !== null && !this.#isStale && this.#log.endOffset - this.#upTo <= mapBehindMax)
      return undefined;
    this.#preparing ??= this.#read().finally(() => {
      this.#preparing = null;
    });
    return this.#preparing;
  }

  /** The newest record of the key up to the end of the log, as of now: of open transactions too, not of aborted ones. */
  newest(hash: KeyHash): Answer {
    const table = this.#table;
    const map = this.#map;
    if (map === null || this.#isStale || this.#upTo <= table.indexedOffset) return table.newestPending(hash);
    const behind = newestBehind(this.#log, this.#upTo, hash.key);
    if (behind instanceof Promise) return behind.then(() => this.newest(hash));
    return behind < 0 ? this.#mapped(map, hash) : table.read(behind);
  }

  get #isStale(): boolean {
    return this.#epoch !== this.#log.cleanerEpoch || this.#from > this.#table.indexedOffset;
  }

  #mapped(map: KeyMap, hash: KeyHash): Answer {
    const table = this.#table;
    const { key } = hash;
    this.#hasher.hashTo(key, 0, key.length, this.#words, 0);
    const offset = map.find(this.#words, 0);
    if (offset === noOffset || (offset >= 0 && offset < table.indexedOffset)) return table.newest(hash);
    return offset >= 0 && this.#holds(offset, key) ? table.read(offset) : table.newestPending(hash);
  }

  /** The record at that offset has this key, and was not aborted. */
  #holds(offset: number, key: Buffer): boolean {
    const log = this.#log;
    const read = log.read(offset, { maxBytes: 0, minOneBatch: true, upTo: 'end' });
    if (!read.ok) return refuseUnreadable(log, `error ${read.errorCode}`);
    const [region] = read.regions;
    if (region === undefined) return false;
    const bytes = bytesOf(region);
    const isLegacy = batch.magic(bytes, 0) < batch.magicV2;
    if (!isLegacy && !isData(bytes, 0, abortedBy(log.abortedTransactions(offset, log.endOffset))))
      return false;
    let isIt = false;
    forEachKey(bytes, 0, (chunk, start, end, found) => {
      if (found === offset) isIt = key.equals(chunk.subarray(start, end));
    });
    return isIt;
  }

  async #read(): Promise<void> {
    const log = this.#log;
    if (this.#map === null || this.#isStale) {
      this.#map = new KeyMap();
      this.#from = this.#upTo = this.#table.indexedOffset;
      this.#epoch = log.cleanerEpoch;
    }
    const map = this.#map;
    while (log.endOffset - this.#upTo > mapBehindMax) {
      if (this.#slices.isOver) await this.#slices.next();
      if (map !== this.#map || this.#isStale) return;
      const next = await this.#readChunk(map, Math.max(this.#upTo, log.logStartOffset));
      if (next <= this.#upTo) return;
      this.#upTo = next;
      if (map.memoryBytes <= pendingBytesMax) continue;
      this.#map = null;
      return;
    }
  }

  async #readChunk(map: KeyMap, from: number): Promise<number> {
    const log = this.#log;
    const read = log.read(from, { maxBytes: chunkBytes, minOneBatch: true, upTo: 'end' });
    if (!read.ok) return from;
    const [region] = read.regions;
    if (region === undefined) return from;
    const chunk = bytesOf(region);
    let next = from;
    for (let at = 0, bytes = 0; ; at += bytes) {
      bytes = batch.batchBytesAt(chunk, at, chunk.length);
      if (bytes === 0) return next;
      next = lastOffsetAt(chunk, at) + 1;
      const isLegacy = batch.magic(chunk, at) < batch.magicV2;
      if (!isLegacy && batch.isControl(chunk, at)) continue;
      const loading = ensureCodec(isLegacy ? messageCodec(chunk, at) : batch.codecOf(chunk, at));
      if (loading) await loading;
      forEachKey(chunk, at, (key, start, end, offset, isTombstone) => {
        this.#hasher.hashTo(key, start, end, this.#words, 0);
        map.put(this.#words, 0, offset, isTombstone);
      });
    }
  }
}
