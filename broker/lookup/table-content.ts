import type { Log } from '../../storage/log/log.ts';
import { hashWords, isShared, KeyMap, noOffset } from './key-map.ts';
import type { KeyHash, KeyHasher } from './key-map-hash.ts';
import { forEachKey } from './keyed-records.ts';
import { SharedKeys, searchShared } from './shared-keys.ts';
import type { Slices } from './slices.ts';

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

  /** Takes in the records of a decided batch at or above `from`. */
  index(chunk: Buffer, at: number, from: number): void {
    const { map } = this;
    const words = this.#words;
    forEachKey(chunk, at, (bytes, start, end, offset, isTombstone) => {
      if (offset < from) return;
      this.#parts.hasher.hashTo(bytes, start, end, words, 0);
      if (map.put(words, 0, offset, isTombstone)) return;
      this.#shared.get(map.idOf(words, 0))!.put(bytes.subarray(start, end), offset);
    });
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
