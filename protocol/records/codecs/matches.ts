/**
 * Where a block repeats itself: what lz4 and snappy write where their bindings do not load. Greedy, by a table of where each
 * hash of four bytes was seen last, and in longer and longer steps through what does not repeat.
 */

const tableBits = 13;
const minMatch = 4;
/** Positions fit into the table's 16 bits. */
export const matchedBlockBytesMax = 64 * 1024;
/** A step grows by one after so many misses, as a power of two. */
const missBits = 5;

/** `bytes[literals, at)` did not repeat; `bytes[at, at + length)` is what lies `offset` back. */
export type VisitMatch = (literals: number, at: number, offset: number, length: number) => void;

/** Visits matches of four bytes and more, that begin before `startsBefore` and end at `endsAt` at the latest; returns where the last one ended. */
export function forEachMatch(
  bytes: Uint8Array,
  startsBefore: number,
  endsAt: number,
  visit: VisitMatch,
): number {
  // Made afresh: 16 KB are cleared in a microsecond, and position 0 stands for "not seen", which costs the first match at most.
  const seen = new Uint16Array(1 << tableBits);
  let literals = 0;
  let at = 1;
  let misses = 0;
  while (at < startsBefore && at + minMatch <= endsAt) {
    const word = wordAt(bytes, at);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - tableBits);
    const candidate = seen[slot]!;
    seen[slot] = at;
    if (candidate === 0 || wordAt(bytes, candidate) !== word) {
      at += 1 + (misses++ >> missBits);
      continue;
    }
    misses = 0;
    let end = at + minMatch;
    for (let from = candidate + minMatch; end < endsAt && bytes[from] === bytes[end]; from++) end++;
    visit(literals, at, at - candidate, end - at);
    literals = end;
    at = end;
  }
  return literals;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
