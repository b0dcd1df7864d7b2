/**
 * Finds repeated bytes in a block, greedily, for both formats: a table of where each four bytes came last, 2 bytes a place,
 * counted from the block's beginning. AssemblyScript.
 */
import { blockAt } from './layout.ts';
import { writeLz4Sequence } from './lz4-block.ts';
import { writeSnappySequence } from './snappy-block.ts';

/** The last bytes of a block are literals: lz4 asks for five, and no match begins within twelve. */
const literalsAtEnd: u32 = 5;
const noMatchAtEnd: u32 = 12;
/** Of the table, which lies where the block of records does. */
const tableBitsMin: u32 = 8;
const tableBitsMax: u32 = 13;
/** So many times without a match, and steps become one byte longer. */
const patienceBits: u32 = 6;

/** Compresses [start, end), 64 KiB at most, to `to`; the position behind. It may take a few bytes more than it had. */
export function compressLz4(start: u32, end: u32, to: u32): u32 {
  return compress(start, end, to, true);
}

/** The same in snappy's format, for 32 KiB at most, without the size in front. */
export function compressSnappy(start: u32, end: u32, to: u32): u32 {
  return compress(start, end, to, false);
}

function compress(start: u32, end: u32, to: u32, isLz4: bool): u32 {
  const bytes = end - start;
  let anchor = start;
  if (bytes > noMatchAtEnd) {
    const bits = min(max(32 - clz<u32>(bytes), tableBitsMin), tableBitsMax);
    const shift = 32 - bits;
    memory.fill(blockAt, 0, 2 << bits);
    const searchEnd = end - noMatchAtEnd;
    let misses: u32 = 1 << patienceBits;
    // An empty place means the beginning.
    for (let at = start + 1; at < searchEnd; ) {
      const word = load<u32>(at);
      const place = placeOf(word, shift);
      let from = start + load<u16>(place);
      store<u16>(place, at - start);
      if (load<u32>(from) !== word) {
        at += misses++ >> patienceBits;
        continue;
      }
      const matchEnd = endOfMatch(at + 4, from + 4, end - literalsAtEnd);
      while (at > anchor && from > start && load<u8>(at - 1) === load<u8>(from - 1)) {
        at--;
        from--;
      }
      to = isLz4
        ? writeLz4Sequence(to, anchor, at, at - from, matchEnd - at)
        : writeSnappySequence(to, anchor, at, at - from, matchEnd - at);
      anchor = matchEnd;
      store<u16>(placeOf(load<u32>(matchEnd - 2), shift), matchEnd - 2 - start);
      at = matchEnd;
      misses = 1 << patienceBits;
    }
  }
  return isLz4 ? writeLz4Sequence(to, anchor, end, 0, 0) : writeSnappySequence(to, anchor, end, 0, 0);
}

function placeOf(word: u32, shift: u32): u32 {
  return blockAt + (((word * 2654435761) >> shift) << 1);
}

/** Where the bytes from `at` on cease to be those from `from` on; `end` at most. */
function endOfMatch(at: u32, from: u32, end: u32): u32 {
  while (at + 8 <= end) {
    const difference = load<u64>(at) ^ load<u64>(from);
    if (difference !== 0) return at + (<u32>ctz<u64>(difference) >> 3);
    at += 8;
    from += 8;
  }
  while (at < end && load<u8>(at) === load<u8>(from)) {
    at++;
    from++;
  }
  return at;
}
