/** lz4 blocks (drawn in protocol/records/codecs/lz4-block.ts). AssemblyScript. */
import { copyBytes, copyMatch } from './copy.ts';

const minMatch: u32 = 4;
/** What a length in a token can say without more bytes. */
const lengthMax: u32 = 15;

/**
 * Decodes [at, end) to `to`, never past `limit`; matches reach back to `from`. The position behind what was written, 0 when this
 * is no block that fits.
 */
export function decodeLz4(at: u32, end: u32, to: u32, limit: u32, from: u32): u32 {
  while (at < end) {
    const token: u32 = load<u8>(at++);
    let literals = token >> 4;
    if (literals === lengthMax) {
      let more: u32 = 255;
      while (more === 255) {
        if (at >= end) return 0;
        more = load<u8>(at++);
        literals += more;
      }
    }
    if (literals > end - at || literals > limit - to) return 0;
    copyBytes(to, at, literals);
    at += literals;
    to += literals;
    if (at === end) return to;
    if (end - at < 2) return 0;
    const offset: u32 = load<u16>(at);
    at += 2;
    let match = token & lengthMax;
    if (match === lengthMax) {
      let more: u32 = 255;
      while (more === 255) {
        if (at >= end) return 0;
        more = load<u8>(at++);
        match += more;
      }
    }
    match += minMatch;
    if (offset === 0 || offset > to - from || match > limit - to) return 0;
    copyMatch(to, offset, match);
    to += match;
  }
  return 0;
}

/** Literals [anchor, at), then `match` bytes from `offset` back; the last of a block has no match. */
export function writeLz4Sequence(to: u32, anchor: u32, at: u32, offset: u32, match: u32): u32 {
  const literals = at - anchor;
  const tokenAt = to++;
  let token = min(literals, lengthMax) << 4;
  if (literals >= lengthMax) to = writeMore(to, literals - lengthMax);
  copyBytes(to, anchor, literals);
  to += literals;
  if (match > 0) {
    store<u16>(to, offset);
    to += 2;
    const length = match - minMatch;
    token |= min(length, lengthMax);
    if (length >= lengthMax) to = writeMore(to, length - lengthMax);
  }
  store<u8>(tokenAt, token);
  return to;
}

function writeMore(to: u32, length: u32): u32 {
  for (; length >= 255; length -= 255) store<u8>(to++, 255);
  store<u8>(to, length);
  return to + 1;
}
