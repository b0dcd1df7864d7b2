import { hash128, result } from '../../compaction/sip-hash.ts';
import { hashWords } from './key-map.ts';

/** A key and its hash, the same for all partitions of a topic. `key` is borrowed as long as this is used. */
export interface KeyHash {
  readonly key: Buffer;
  readonly words: Uint32Array;
}

export const hashSeedBytes = 16;

/** Hashes the keys of one topic, by a seed that nobody else knows. */
export class KeyHasher {
  readonly seed: Buffer;
  readonly #words = new Uint32Array(hashSeedBytes / 4);

  constructor(seed: Buffer) {
    this.seed = seed;
    for (let n = 0; n < this.#words.length; n++) this.#words[n] = seed.readUInt32LE(n * 4);
  }

  hash(key: Buffer): KeyHash {
    const words = new Uint32Array(hashWords);
    this.hashTo(key, 0, key.length, words, 0);
    return { key, words };
  }

  /** Hashes `bytes[start, end)` into the words from `at` on. */
  hashTo(bytes: Buffer, start: number, end: number, words: Uint32Array, at: number): void {
    hash128(this.#words, bytes, start, end);
    for (let n = 0; n < hashWords; n++) words[at + n] = result[n]!;
  }
}
