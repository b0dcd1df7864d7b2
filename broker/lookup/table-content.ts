import * as batch from '../../protocol/records/batch.ts';
import { maxDecompressedBatchBytes } from '../../protocol/records/compression.ts';
import { openRecords } from '../../protocol/records/record.ts';
import type { Log } from '../../storage/log/log.ts';
import { hashWords, isShared, KeyMap, noOffset } from './key-map.ts';
import type { KeyHash, KeyHasher } from './key-map-hash.ts';
import { forEachKey } from './keyed-records.ts';
import { SharedKeys, searchShared } from './shared-keys.ts';
import type { Slices } from './slices.ts';

/** One to two milliseconds of work: of a batch with more records the rest waits for another slice. */
const recordsAtOnce = 2_000;

export interface TableContentParts {
  readonly log: Log;
  readonly hasher: KeyHasher;
  readonly slices: Slices;
  /** Left out: as many as there are. */
  readonly hashBits?: number;
}

/** What a table knows as of one beginning: the map, and beside it the keys that share their hash with others, by their bytes. */
export class TableContent {
  readonly map: KeyMap;
  readonly #parts: TableContentParts;
  readonly #shared = new Map<string, SharedKeys>();
  readonly #words = new Uint32Array(hashWords);
  #isOld = false;

  constructor(parts: TableContentParts, map = new KeyMap(parts.hashBits)) {
    this.#parts = parts;
    this.map = map;
  }

  /** It counts no more. */
  get isOld(): boolean {
    return this.#isOld;
  }

  retire(): void {
    this.#isOld = true;
  }

  /** Takes in the records of a decided batch at or above `from`; a promise where they are so many that others get turns meanwhile. */
  index(chunk: Buffer, at: number, from: number): void | Promise<void> {
    const isLegacy = batch.magic(chunk, at) < batch.magicV2;
    if (!isLegacy && batch.recordCount(chunk, at) > recordsAtOnce)
      return this.#indexInSlices(chunk, at, from);
    forEachKey(chunk, at, (bytes, start, end, offset, isTombstone) => {
      if (offset >= from) this.#put(bytes, start, end, offset, isTombstone);
    });
  }

  async #indexInSlices(chunk: Buffer, at: number, from: number): Promise<void> {
    const { slices } = this.#parts;
    const cursor = openRecords(chunk, at, maxDecompressedBatchBytes);
    for (let n = 1; cursor.next(); n++) {
      const { buffer, keyStart, keyBytes, offset } = cursor;
      if (keyBytes >= 0 && offset >= from)
        this.#put(buffer, keyStart, keyStart + keyBytes, offset, !cursor.hasValue);
      if (n % recordsAtOnce === 0 && slices.isOver) {
        await slices.next();
        if (this.#isOld) return;
      }
    }
  }

  #put(bytes: Buffer, start: number, end: number, offset: number, isTombstone: boolean): void {
    const { map } = this;
    const words = this.#words;
    this.#parts.hasher.hashTo(bytes, start, end, words, 0);
    if (map.put(words, 0, offset, isTombstone)) return;
    this.#shared.get(map.idOf(words, 0))!.put(bytes.subarray(start, end), offset);
  }

  /** The newest offset of the key, as far as is known. */
  find(hash: KeyHash): number {
    const offset = this.map.find(hash.words, 0);
    return offset === isShared ? (this.#sharedBy(hash)?.offsetOf(hash.key) ?? noOffset) : offset;
  }

  /** Until it resolves `find` may know too little; null when it knows all. */
  searching(hash: KeyHash): Promise<void> | null {
    return this.#shared.size === 0 ? null : (this.#sharedBy(hash)?.searching ?? null);
  }

  /**
   * Another key was found under this hash: all that have it are looked for in the log below `upTo`, and are known by their bytes from
   * now on. Rejects with LookupRefused where the log cannot be read; the content is of no use then.
   */
  async separate(hash: KeyHash, upTo: number): Promise<void> {
    const id = this.map.idOf(hash.words, 0);
    const known = this.#shared.get(id);
    if (known !== undefined) return known.searching ?? undefined;
    const keys = new SharedKeys();
    this.#shared.set(id, keys);
    this.map.share(hash.words, 0);
    const parts = { ...this.#parts, map: this.map, isStopped: () => this.#isOld };
    keys.searching = searchShared(parts, id, upTo, keys).then(() => {
      keys.searching = null;
    });
    return keys.searching;
  }

  #sharedBy(hash: KeyHash): SharedKeys | undefined {
    return this.#shared.get(this.map.idOf(hash.words, 0));
  }
}
