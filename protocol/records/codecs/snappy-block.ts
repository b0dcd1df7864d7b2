/**
 * Raw snappy blocks in JavaScript, for machines where the native binding does not load. After the size come elements; the
 * low two bits of the first byte (tag) say which:
 *
 *   00  literal: length - 1 in the upper six bits, or 60-63 for a length - 1 in the next 1-4 bytes, lowest first
 *   01  copy: length - 4 in bits 2-4, offset = bits 5-7 and the next byte
 *   10  copy: length - 1 in bits 2-7, offset in the next two bytes, lowest first
 *   11  copy: the same with four bytes of offset
 *
 * Writing stores literals only: valid for every reader, not smaller.
 */

import { corrupt } from '../record-error.ts';
import { sizeOfUnsignedVarint, writeUnsignedVarint } from '../varint.ts';

/** The block's elements from `start` on; they must make exactly `size` bytes. */
export function decodeSnappyBlock(block: Buffer, start: number, size: number): Buffer {
  const out = Buffer.allocUnsafe(size);
  let at = start;
  let to = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    if ((tag & 3) === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        if (at + bytes > block.length) throw broken();
        length = block.readUIntLE(at, bytes);
        at += bytes;
      }
      length += 1;
      if (at + length > block.length || to + length > size) throw broken();
      block.copy(out, to, at, at + length);
      at += length;
      to += length;
    } else {
      const offsetBytes = (tag & 3) === 3 ? 4 : tag & 3;
      if (at + offsetBytes > block.length) throw broken();
      const low = block.readUIntLE(at, offsetBytes);
      at += offsetBytes;
      const offset = offsetBytes === 1 ? ((tag >> 5) << 8) | low : low;
      const length = offsetBytes === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
      if (offset === 0 || offset > to || to + length > size) throw broken();
      for (let i = 0; i < length; i++, to++) out[to] = out[to - offset]!;
    }
  }
  if (to !== size) throw broken();
  return out;
}

/** `bytes` as one literal. */
export function storeSnappyBlock(bytes: Buffer): Buffer {
  const sizeBytes = sizeOfUnsignedVarint(bytes.length);
  if (bytes.length === 0) return Buffer.from([0]);
  const out = Buffer.allocUnsafe(sizeBytes + 5 + bytes.length);
  writeUnsignedVarint(out, 0, bytes.length);
  out[sizeBytes] = 63 << 2;
  out.writeUInt32LE(bytes.length - 1, sizeBytes + 1);
  bytes.copy(out, sizeBytes + 5);
  return out;
}

function broken(): Error {
  return corrupt('Record batch has a broken snappy block');
}
