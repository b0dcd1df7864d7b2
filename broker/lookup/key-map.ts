/**
 * From keys to the offsets of their newest records. A key is known by a keyed hash alone; keys and values stay in the log. A slot has
 * five words of 32 bits:
 *
 *      0        1        2        3                                4
 *    | hash 0 | hash 1 | hash 2 | hash 3 | tombstone | offset + 1 … offset + 1 |
 *    | 32     | 32     | 32     | 10     | 1         | upper 21    lower 32    |
 *
 * offset + 1 = 0: an empty slot; 2^53 - 1: several keys have this hash, and its owner knows them by their bytes. Of the 128 bits that
 * SipHash gives 106 are kept. With the seed drawn for each topic nobody can make keys collide on purpose, and of ten million keys
 * some two do so by chance once in 10^18 tables.
 *
 * The slots lie in leaves, found by the upper bits of word 1 (extendible hashing: a directory of 2^depth places, several of which
 * may hold the same leaf); in a leaf a key's home is floor(word 0 × slots / 2^32), and its slot the first from there on that is empty
 * or its own, round the end. A full leaf grows by a quarter, the largest is split in two. So nothing takes longer than to move 12,800
 * slots (half a millisecond), and a slot is between five and four fifths used: 25 to 32 bytes a key, once there are some thousands.
 */

export const hashWords = 4;
/** Of the 128 bits of a hash. */
export const hashBitsMax = 106;

export const slotWords = 5;
const slotBytes = slotWords * 4;
const tagShift = 22;
const tombstoneBit = 1 << 21;
const upperMask = tombstoneBit - 1;
const twoTo32 = 2 ** 32;

const slotsAtFirst = 16;
/** Below it a leaf doubles. */
const slotsSmall = 1_024;
const growth = 1.25;
/** A leaf that is full with more slots is split, into leaves that are as full as one that has just grown. */
const slotsMax = 16_000;
const loadMax = 0.8;
const loadAfterGrowth = loadMax / growth;
/** What is emptier after a sweep shrinks. */
const loadMin = loadAfterGrowth / 2;
const slotsAfterSplit = 10_240;
/** So that keys of which no hash differs in word 1 cannot make the directory grow for ever. */
const depthMax = 22;

/** What `find` gives for a hash that no key has, and for one that several have. */
export const noOffset = -1;
export const isShared = -2;
const sharedValue = 2 ** 53 - 1;

class Leaf {
  words: Uint32Array<ArrayBufferLike>;
  slots: number;
  used = 0;
  /** How many upper bits of word 1 its keys have in common. */
  readonly depth: number;

  constructor(slots: number, depth: number, words: Uint32Array = new Uint32Array(slots * slotWords)) {
    this.slots = slots;
    this.depth = depth;
    this.words = words;
  }

  get isFull(): boolean {
    return this.used + 1 > this.slots * loadMax;
  }
}

export class KeyMap {
  /** Hashes in it. */
  size = 0;
  /** Of which the newest record is a tombstone. */
  tombstones = 0;
  /** Several keys share a hash. */
  hasShared = false;
  readonly #masks: Uint32Array;
  #depth = 0;
  #directory: Leaf[] = [new Leaf(slotsAtFirst, 0)];
  #slots = slotsAtFirst;

  /** `hashBits`: by how many bits of its hash a key is known. */
  constructor(hashBits = hashBitsMax) {
    this.#masks = Uint32Array.from({ length: hashWords }, (_, n) => maskOf(hashBits - 32 * n));
    this.#masks[3]! &= 0x3ff;
  }

  /** Of all slots, empty ones included. */
  get memoryBytes(): number {
    return this.#slots * slotBytes + this.#directory.length * 8;
  }

  /** The newest offset of the hash at `hashes[at]`; `noOffset` or `isShared`. */
  find(hashes: Uint32Array, at: number): number {
    const leaf = this.#leafOf(hashes, at);
    const { words } = leaf;
    return offsetAt(words, this.#locate(leaf, hashes, at));
  }

  /** Makes this the newest of its hash, unless a later one is known; false, and nothing done, where several keys share the hash. */
  put(hashes: Uint32Array, at: number, offset: number, isTombstone: boolean): boolean {
    let leaf = this.#leafOf(hashes, at);
    let slot = this.#locate(leaf, hashes, at);
    const known = offsetAt(leaf.words, slot);
    if (known === isShared) return false;
    if (known >= offset) return true;
    if (known === noOffset) {
      if (leaf.isFull) {
        leaf = this.#makeRoom(leaf, hashes, at);
        slot = this.#locate(leaf, hashes, at);
      }
      leaf.used++;
      this.size++;
    } else if (isTombstoneAt(leaf.words, slot)) this.tombstones--;
    if (isTombstone) this.tombstones++;
    this.#write(leaf.words, slot, hashes, at, offset + 1, isTombstone);
    return true;
  }

  /** From now on several keys share the hash, which is there. */
  share(hashes: Uint32Array, at: number): void {
    const leaf = this.#leafOf(hashes, at);
    const slot = this.#locate(leaf, hashes, at);
    this.hasShared = true;
    if (isTombstoneAt(leaf.words, slot)) this.tombstones--;
    this.#write(leaf.words, slot, hashes, at, sharedValue, false);
  }

  /** The hash as far as it is kept, as a text. */
  idOf(hashes: Uint32Array, at: number): string {
    const masks = this.#masks;
    let id = '';
    for (let n = 0; n < hashWords; n++) id += `${(hashes[at + n]! & masks[n]!) >>> 0} `;
    return id;
  }

  /** Leaves, for work in pieces: what grows meanwhile comes behind, so that some are seen twice and none is left out. */
  get leafCount(): number {
    return this.#directory.length;
  }

  /** Calls `visit` with the offset of each entry in a leaf that is no shared one. */
  visitLeaf(index: number, visit: (offset: number, isTombstone: boolean) => void): void {
    const leaf = this.#firstAt(index);
    if (leaf === null) return;
    for (let at = 0; at < leaf.words.length; at += slotWords) {
      const offset = offsetAt(leaf.words, at);
      if (offset >= 0) visit(offset, isTombstoneAt(leaf.words, at));
    }
  }

  /** Removes the entries of a leaf that `goes` says; tells how many. */
  sweepLeaf(index: number, goes: (offset: number, isTombstone: boolean) => boolean): number {
    const leaf = this.#firstAt(index);
    if (leaf === null) return 0;
    const { words } = leaf;
    let removed = 0;
    for (let at = 0; at < words.length; ) {
      const offset = offsetAt(words, at);
      const isTombstone = isTombstoneAt(words, at);
      if (offset >= 0 && goes(offset, isTombstone)) {
        if (isTombstone) this.tombstones--;
        removeAt(leaf, at);
        removed++;
        // What was moved here has not been looked at, unless it came round the end: then it has, and stays.
      } else at += slotWords;
    }
    this.size -= removed;
    if (removed > 0 && leaf.used < leaf.slots * loadMin && leaf.slots > slotsAtFirst) {
      this.#slots -= leaf.slots;
      resize(leaf, Math.max(slotsAtFirst, Math.ceil(leaf.used / loadAfterGrowth)));
      this.#slots += leaf.slots;
    }
    return removed;
  }

  /** The leaves, each once, for a checkpoint: views, good until the next change. */
  *leaves(): Generator<LeafContent> {
    for (let index = 0; index < this.#directory.length; index++) {
      const leaf = this.#firstAt(index);
      if (leaf === null) continue;
      const { depth, used, words } = leaf;
      let tombstones = 0;
      for (let at = 0; at < words.length; at += slotWords) if (isTombstoneAt(words, at)) tombstones++;
      yield { depth, used, tombstones, words };
    }
  }

  /** The map that `leaves` came from; null where they are not those of one. */
  static from(leaves: Iterable<LeafContent>, hashBits = hashBitsMax): KeyMap | null {
    let tombstones = 0;
    const all = Array.from(leaves, (content) => {
      const { depth, used, words } = content;
      tombstones += content.tombstones;
      const leaf = new Leaf(words.length / slotWords, depth, words);
      leaf.used = used;
      return leaf;
    });
    const depth = Math.max(0, ...all.map((leaf) => leaf.depth));
    const map = new KeyMap(hashBits);
    map.tombstones = tombstones;
    map.#depth = depth;
    map.#directory = [];
    map.#slots = 0;
    if (depth > depthMax) return null;
    for (const leaf of all) {
      for (let n = 2 ** (depth - leaf.depth); n > 0; n--) map.#directory.push(leaf);
      if (map.#directory.length > 2 ** depth) return null;
      map.#slots += leaf.slots;
      map.size += leaf.used;
    }
    return map.#directory.length === 2 ** depth ? map : null;
  }

  #leafOf(hashes: Uint32Array, at: number): Leaf {
    return this.#directory[this.#place(hashes[at + 1]! & this.#masks[1]!)]!;
  }

  #place(word1: number): number {
    return this.#depth === 0 ? 0 : word1 >>> (32 - this.#depth);
  }

  /** The leaf at that place of the directory, null where it is at the place before, too. */
  #firstAt(index: number): Leaf | null {
    const leaf = this.#directory[index];
    return leaf === undefined || (index > 0 && this.#directory[index - 1] === leaf) ? null : leaf;
  }

  /** Where the hash is, or would be. */
  #locate({ words, slots }: Leaf, hashes: Uint32Array, at: number): number {
    const masks = this.#masks;
    const word0 = (hashes[at]! & masks[0]!) >>> 0;
    const word1 = (hashes[at + 1]! & masks[1]!) >>> 0;
    const word2 = (hashes[at + 2]! & masks[2]!) >>> 0;
    const tag = hashes[at + 3]! & masks[3]!;
    let slot = homeOf(word0, slots);
    for (;;) {
      const upper = words[slot + 3]!;
      if (
        words[slot] === word0 &&
        words[slot + 1] === word1 &&
        words[slot + 2] === word2 &&
        upper >>> tagShift === tag
      )
        return slot;
      if (words[slot + 4] === 0 && (upper & upperMask) === 0) return slot;
      slot += slotWords;
      if (slot === words.length) slot = 0;
    }
  }

  #write(
    words: Uint32Array,
    slot: number,
    hashes: Uint32Array,
    at: number,
    value: number,
    isTombstone: boolean,
  ): void {
    const masks = this.#masks;
    const upper = Math.floor(value / twoTo32) | (isTombstone ? tombstoneBit : 0);
    words[slot] = hashes[at]! & masks[0]!;
    words[slot + 1] = hashes[at + 1]! & masks[1]!;
    words[slot + 2] = hashes[at + 2]! & masks[2]!;
    words[slot + 3] = ((hashes[at + 3]! & masks[3]!) << tagShift) | upper;
    words[slot + 4] = value;
  }

  /** The leaf where the hash now has room. */
  #makeRoom(full: Leaf, hashes: Uint32Array, at: number): Leaf {
    let leaf = full;
    while (leaf.isFull) {
      if (leaf.slots >= slotsMax && leaf.depth < depthMax) {
        this.#split(leaf, hashes[at + 1]! & this.#masks[1]!);
        leaf = this.#leafOf(hashes, at);
      } else {
        this.#slots -= leaf.slots;
        resize(leaf, leaf.slots < slotsSmall ? leaf.slots * 2 : Math.floor(leaf.slots * growth));
        this.#slots += leaf.slots;
      }
    }
    return leaf;
  }

  #split(leaf: Leaf, word1: number): void {
    if (leaf.depth === this.#depth) {
      this.#directory = this.#directory.flatMap((each) => [each, each]);
      this.#depth++;
    }
    const depth = leaf.depth + 1;
    const halves = [new Leaf(slotsAfterSplit, depth), new Leaf(slotsAfterSplit, depth)];
    for (let at = 0; at < leaf.words.length; at += slotWords) {
      if (isEmptyAt(leaf.words, at)) continue;
      const half = halves[(leaf.words[at + 1]! >>> (32 - depth)) & 1]!;
      // Chance does not do that to a hash, but fewer bits of one may.
      if (half.isFull) resize(half, Math.floor(half.slots * growth));
      half.used++;
      move(leaf.words, at, half);
    }
    const places = 2 ** (this.#depth - leaf.depth);
    const first = Math.floor(this.#place(word1) / places) * places;
    for (let n = 0; n < places; n++) this.#directory[first + n] = halves[n < places / 2 ? 0 : 1]!;
    this.#slots += halves[0]!.slots + halves[1]!.slots - leaf.slots;
  }
}

export interface LeafContent {
  readonly depth: number;
  readonly used: number;
  readonly tombstones: number;
  readonly words: Uint32Array;
}

function maskOf(bits: number): number {
  return bits >= 32 ? 0xffffffff : bits <= 0 ? 0 : 2 ** bits - 1;
}

function homeOf(word0: number, slots: number): number {
  return Math.floor((word0 * slots) / twoTo32) * slotWords;
}

function isEmptyAt(words: Uint32Array, at: number): boolean {
  return words[at + 4] === 0 && (words[at + 3]! & upperMask) === 0;
}

function isTombstoneAt(words: Uint32Array, at: number): boolean {
  return (words[at + 3]! & tombstoneBit) !== 0;
}

function offsetAt(words: Uint32Array, at: number): number {
  const value = (words[at + 3]! & upperMask) * twoTo32 + words[at + 4]!;
  return value === sharedValue ? isShared : value - 1;
}

function resize(leaf: Leaf, slots: number): void {
  const { words } = leaf;
  leaf.slots = slots;
  leaf.words = new Uint32Array(slots * slotWords);
  for (let at = 0; at < words.length; at += slotWords) if (!isEmptyAt(words, at)) move(words, at, leaf);
}

/** Puts a slot's content into a leaf that does not have it, and has room. */
function move(words: Uint32Array, at: number, { words: into, slots }: Leaf): void {
  let to = homeOf(words[at]!, slots);
  while (!isEmptyAt(into, to)) {
    to += slotWords;
    if (to === into.length) to = 0;
  }
  for (let n = 0; n < slotWords; n++) into[to + n] = words[at + n]!;
}

/** Empties a slot; those behind it that may move towards their homes do. */
function removeAt(leaf: Leaf, at: number): void {
  const { words, slots } = leaf;
  const length = words.length;
  let hole = at;
  let next = at;
  for (;;) {
    next += slotWords;
    if (next === length) next = 0;
    if (isEmptyAt(words, next)) break;
    const home = homeOf(words[next]!, slots);
    const fromHome = (next - home + length) % length;
    const fromHole = (next - hole + length) % length;
    if (fromHome < fromHole) continue;
    words.copyWithin(hole, next, next + slotWords);
    hole = next;
  }
  words.fill(0, hole, hole + slotWords);
  leaf.used--;
}
