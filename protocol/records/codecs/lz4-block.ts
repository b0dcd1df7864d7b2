/**
 * One lz4 block in JavaScript: for batches of magic 0, and wherever the native binding does not load. A block is sequences
 *
 *   token | [more literal length] | literals | offset 2, lowest first | [more match length]
 *
 * with the literal length in the token's upper and the match length - 4 in its lower four bits; 15 means that bytes follow,
 * each added, as long as they are 255. The last sequence has literals only. A match copies from `offset` bytes back, its own
 * output included. Whoever writes ends the last match five bytes before the end, and begins it twelve before.
 */

import { corrupt } from '../record-error.ts';
import { forEachMatch } from './matches.ts';

const minMatch = 4;
const lastLiterals = 5;
const lastMatchStart = 12;
/** A length of 15 and more continues in bytes of 255. */
const lengthInToken = 15;

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

/** `bytes`, 64 KiB at most, as a block; null where that would not be smaller. */
export function encodeLz4Block(bytes: Buffer): Buffer | null {
  const out = Buffer.allocUnsafe(bytes.length);
  let to = 0;
  const sequence = (literals: number, at: number, offset: number, length: number): void => {
    const count = at - literals;
    // What it takes at most, so that nothing below is written past the end: then it is not smaller anyway.
    if (to + 1 + count + Math.ceil(count / 255) + 3 + Math.ceil(length / 255) >= out.length) to = out.length;
    if (to === out.length) return;
    const match = length === 0 ? 0 : length - minMatch;
    out[to++] = (Math.min(count, lengthInToken) << 4) | Math.min(match, lengthInToken);
    to = writeMoreLength(out, to, count);
    to += bytes.copy(out, to, literals, at);
    if (length === 0) return;
    out[to++] = offset & 0xff;
    out[to++] = offset >> 8;
    to = writeMoreLength(out, to, match);
  };
  const end = bytes.length;
  const literals = forEachMatch(bytes, end - lastMatchStart + 1, end - lastLiterals, sequence);
  sequence(literals, end, 0, 0);
  return to === out.length ? null : out.subarray(0, to);
}

function writeMoreLength(out: Buffer, at: number, length: number): number {
  let to = at;
  if (length < lengthInToken) return to;
  for (let rest = length - lengthInToken; ; rest -= 255) {
    out[to++] = Math.min(rest, 255);
    if (rest < 255) return to;
  }
}

function broken(): Error {
  return corrupt('Record batch has a broken lz4 block');
}
