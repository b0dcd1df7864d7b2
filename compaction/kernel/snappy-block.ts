/** Raw snappy blocks (drawn in protocol/records/codecs/snappy-block.ts), what follows their size. AssemblyScript. */
import { copyBytes, copyMatch } from './copy.ts';

/** A literal's tag with its length in so many bytes more. */
const literalIn1: u32 = 60 << 2;
const literalIn2: u32 = 61 << 2;
const copyIn2: u32 = 2;
const copyMax: u32 = 64;

/** Decodes [at, end) to `to`, never past `limit`. The position behind what was written, 0 when this is no block that fits. */
export function decodeSnappy(at: u32, end: u32, to: u32, limit: u32): u32 {
  const from = to;
  while (at < end) {
    const tag: u32 = load<u8>(at++);
    if ((tag & 3) === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        if (bytes > end - at) return 0;
        length = load<u32>(at) & (0xffffffff >> (32 - 8 * bytes));
        at += bytes;
      }
      if (length >= end - at || length >= limit - to) return 0;
      length++;
      copyBytes(to, at, length);
      at += length;
      to += length;
      continue;
    }
    const offsetBytes: u32 = (tag & 3) === 3 ? 4 : tag & 3;
    if (offsetBytes > end - at) return 0;
    const low = load<u32>(at) & (0xffffffff >> (32 - 8 * offsetBytes));
    at += offsetBytes;
    const offset = offsetBytes === 1 ? ((tag >> 5) << 8) | low : low;
    const length = offsetBytes === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    if (offset === 0 || offset > to - from || length > limit - to) return 0;
    copyMatch(to, offset, length);
    to += length;
  }
  return to;
}

/** Literals [anchor, at), then `match` bytes from `offset` back, if any. Blocks have 32 KiB: lengths fit into two bytes. */
export function writeSnappySequence(to: u32, anchor: u32, at: u32, offset: u32, match: u32): u32 {
  const literals = at - anchor;
  if (literals > 0) {
    const length = literals - 1;
    if (length < 60) store<u8>(to++, length << 2);
    else if (length < 256) {
      store<u8>(to, literalIn1);
      store<u8>(to, length, 1);
      to += 2;
    } else {
      store<u8>(to, literalIn2);
      store<u16>(to, length, 1);
      to += 3;
    }
    copyBytes(to, anchor, literals);
    to += literals;
  }
  while (match > 0) {
    const length = min(match, copyMax);
    store<u8>(to, ((length - 1) << 2) | copyIn2);
    store<u16>(to, offset, 1);
    to += 3;
    match -= length;
  }
  return to;
}
