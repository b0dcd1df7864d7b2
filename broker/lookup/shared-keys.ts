import type { Log } from '../../storage/log/log.ts';
import { DecidedBatches } from './decided-batches.ts';
import { hashWords, type KeyMap, noOffset } from './key-map.ts';
import type { KeyHasher } from './key-map-hash.ts';
import { forEachKey } from './keyed-records.ts';
import type { Slices } from './slices.ts';

/** Keys that have the same hash, known by their bytes. */
export class SharedKeys {
  /** While the log is searched for them, and for ever where that failed; null when all are known. */
  searching: Promise<void> | null = null;
  readonly #offsets = new Map<string, number>();

  /** A decided record; in any order. */
  put(key: Buffer, offset: number): void {
    const text = key.toString('latin1');
    if (offset > (this.#offsets.get(text) ?? noOffset)) this.#offsets.set(text, offset);
  }

  offsetOf(key: Buffer): number {
    return this.#offsets.get(key.toString('latin1')) ?? noOffset;
  }
}

export interface KeySearchParts {
  readonly log: Log;
  readonly map: KeyMap;
  readonly hasher: KeyHasher;
  readonly slices: Slices;
  isStopped(): boolean;
}

/** Puts all keys of the log below `upTo` that have this hash into `keys`. Throws LookupRefused where the log cannot be read. */
export async function searchShared(
  { log, map, hasher, slices, isStopped }: KeySearchParts,
  id: string,
  upTo: number,
  keys: SharedKeys,
): Promise<void> {
  const batches = new DecidedBatches(log, slices, isStopped);
  const words = new Uint32Array(hashWords);
  const visit = (chunk: Buffer, at: number): void =>
    forEachKey(chunk, at, (bytes, start, end, offset) => {
      hasher.hashTo(bytes, start, end, words, 0);
      if (map.idOf(words, 0) === id) keys.put(bytes.subarray(start, end), offset);
    });
  for (let from = log.logStartOffset; from < upTo && !isStopped(); ) {
    const next = await batches.read(from, visit);
    if (next <= from) return;
    from = next;
  }
}
