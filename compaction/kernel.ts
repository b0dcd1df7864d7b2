/**
 * The two loops over records that a pass is made of, and the map of keys between them. Two implementations, equal in every
 * byte: kernel-js.ts, and WebAssembly that runs several times as fast (kernel-wasm.ts).
 *
 * A kernel owns three stretches of memory, so that nothing is copied between file and loop:
 *
 *    input    what was read from a segment: whole batches, headers included
 *    scratch  the records of one batch, decompressed
 *    output   the records that a batch keeps, as `rebuild` wrote them
 *
 * and the map: 24 bytes a slot, open addressing with linear steps. It may begin with fewer slots and grow.
 *
 *    0        8        16        24
 *    | hash (128 bits) | offset + 1 |       offset + 1 = 0: an empty slot
 *
 * Keys are known by their hash alone: SipHash-1-3 with 128 bits and a key that is drawn for each pass, so that nobody can
 * make two keys collide on purpose, and chance does so once in 10^25 passes over ten million keys. The slot is
 * floor(lowest 32 bits of the hash × slots / 2^32), the first of those behind it that is empty or holds the hash, round the end.
 *
 * Records are as in protocol/records/record.ts. What is not a record there throws `Uncleanable`.
 */

export const slotBytes = 24;
export const seedBytes = 16;

/** Where the records of a batch lie. */
export type KernelArea = 'input' | 'scratch';

/** The records of one batch, not compressed. Reused between calls: nothing here is kept. */
export interface BatchRecords {
  area: KernelArea;
  /** Of the first record in the area. */
  start: number;
  end: number;
  count: number;
  baseOffset: number;
  baseTimestampMs: number;
  /** The time that holds for all records; -1 when each has its own. */
  appendTimeMs: number;
}

/** Which records a batch keeps. */
export interface KeepRules {
  /** Records above it are kept: the map does not know them. */
  mapEndOffset: number;
  /** The batch's delete horizon has passed: tombstones go even if they are the newest of their key. */
  dropTombstones: boolean;
  /** Tombstones with a timestamp at or below it go; where none shall, it is below every timestamp, that of records without one (-1) too. */
  tombstonesGoUpToMs: number;
}

/** What `filter` found, until the next call. */
export interface Filtered {
  kept: number;
  /** Of those kept. */
  tombstones: number;
  /** Of those kept: above `mapEndOffset`, tombstones included. */
  beyondMap: number;
  superseded: number;
  tombstonesExpired: number;
  nullKeys: number;
  /** Of the first record kept, and the greatest of those kept (-1 at least); with an append time, that. */
  firstTimestampMs: number;
  maxTimestampMs: number;
}

/** Before the first record. */
export const nothingFiltered: Readonly<Filtered> = {
  kept: 0,
  tombstones: 0,
  beyondMap: 0,
  superseded: 0,
  tombstonesExpired: 0,
  nullKeys: 0,
  firstTimestampMs: -1,
  maxTimestampMs: -1,
};

export interface Kernel {
  readonly kind: 'javascript' | 'wasm';
  readonly input: Buffer;
  readonly scratch: Buffer;
  /** Keys in the map. */
  readonly entries: number;
  /** All memory in use. */
  readonly memoryBytes: number;
  readonly filtered: Readonly<Filtered>;
  /** Begins a pass with an empty map of `slots` slots that takes `entriesMax` keys (at least one slot stays empty). */
  begin(slots: number, entriesMax: number, seed: Buffer): void;
  /** Makes the areas at least so large. Views from before are invalid, and the content is gone. */
  reserve(inputBytes: number, scratchBytes: number): void;
  /**
   * Puts the keys of the records with an offset of at least `fromOffset` into the map, each with its offset, which ascend from
   * call to call. False when the map was full before the last: `lastIndexedOffset` tells how far it came.
   */
  index(records: BatchRecords, fromOffset: number): boolean;
  /** The offset of the last record that was put; -1 before the first. */
  readonly lastIndexedOffset: number;
  /** The newest offset of a key, -1 when the map does not know it. */
  find(key: Uint8Array): number;
  /** Decides for each record whether it stays; the answer is in `filtered`, and kept for `rebuild`. */
  filter(records: BatchRecords, rules: KeepRules): void;
  /**
   * The records that the last `filter` kept, with timestamps counted from `baseTimestampMs`, otherwise as they were: a view on
   * `output`, good until the next call of anything.
   */
  rebuild(records: BatchRecords, baseTimestampMs: number): Buffer;
}
