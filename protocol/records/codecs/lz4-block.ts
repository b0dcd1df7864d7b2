/**
 * One lz4 block in JavaScript: for batches of magic 0, and wherever the native binding does not load. A block is sequences
 *
 *   token | [more literal length] | literals | offset 2, lowest first | [more match length]
 *
 * with the literal length in the token's upper and the match length - 4 in its lower four bits; 15 means that bytes follow,
 * each added, as long as they are 255. The last sequence has literals only. A match copies from `offset` bytes back, its own
 * output included.
 */

import { corrupt } from '../record-error.ts';

const minMatch = 4;

/** Decodes `source[start, end)` to `out[to …]`, never past `limit`, and returns the position after what was written. */
export function decodeLz4Block(
  source: Buffer,
  start: number,
  end: number,
  out: Buffer,
  to: number,
  limit: number,
): number {
  let at = start;
  let written = to;
  while (at < end) {
    const token = source[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let more: number;
      do {
        if (at >= end) throw broken();
        more = source[at++]!;
        literals += more;
      } while (more === 255);
    }
    if (literals > end - at || literals > limit - written) throw broken();
    source.copy(out, written, at, at + literals);
    at += literals;
    written += literals;
    if (at === end) return written;
    if (end - at < 2) throw broken();
    const offset = source[at]! | (source[at + 1]! << 8);
    at += 2;
    let match = token & 15;
    if (match === 15) {
      let more: number;
      do {
        if (at >= end) throw broken();
        more = source[at++]!;
        match += more;
      } while (more === 255);
    }
    match += minMatch;
    if (offset === 0 || offset > written || match > limit - written) throw broken();
    for (let i = 0; i < match; i++, written++) out[written] = out[written - offset]!;
  }
  throw broken();
}

/** The bytes that `source[start, end)` decodes to, from its lengths alone. */
export function measureLz4Block(source: Buffer, start: number, end: number): number {
  let at = start;
  let total = 0;
  const moreLength = (): number => {
    let sum = 0;
    let more: number;
    do {
      if (at >= end) throw broken();
      more = source[at++]!;
      sum += more;
    } while (more === 255);
    return sum;
  };
  while (at < end) {
    const token = source[at++]!;
    const literals = (token >> 4) + (token >> 4 === 15 ? moreLength() : 0);
    at += literals;
    total += literals;
    if (at >= end) break;
    at += 2;
    total += (token & 15) + minMatch + ((token & 15) === 15 ? moreLength() : 0);
  }
  return total;
}

function broken(): Error {
  return corrupt('Record batch has a broken lz4 block');
}
