/**
 * Raw snappy blocks in JavaScript, for machines where the native binding does not load. After the size come elements; the
 * low two bits of the first byte (tag) say which:
 *
 *   00  literal: length - 1 in the upper six bits, or 60-63 for a length - 1 in the next 1-4 bytes, lowest first
 *   01  copy: length - 4 in bits 2-4, offset = bits 5-7 and the next byte
 *   10  copy: length - 1 in bits 2-7, offset in the next two bytes, lowest first
 *   11  copy: the same with four bytes of offset
 */

import { corrupt } from '../record-error.ts';
import { sizeOfUnsignedVarint, writeUnsignedVarint } from '../varint.ts';
import { forEachMatch } from './matches.ts';

const copyBytesMax = 64;
/** The least length of a copy. */
const copyBytesMin = 4;
/** What a copy of two bytes, the first kind, can say. */
const shortCopy = { lengthMax: 11, offsetMax: 2047 } as const;
/** A literal of more has its length in bytes of its own. */
const shortLiteral = 60;

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

/** `bytes`, 64 KiB at most, as a block. */
export function encodeSnappyBlock(bytes: Buffer): Buffer {
  // Before every copy of three bytes at least there may be a literal with three bytes of length, for four bytes of input.
  const out = Buffer.allocUnsafe(sizeOfUnsignedVarint(bytes.length) + 8 + bytes.length * 2);
  let to = writeUnsignedVarint(out, 0, bytes.length);
  const literal = (from: number, end: number): void => {
    const last = end - from - 1;
    if (last < 0) return;
    if (last < shortLiteral) out[to++] = last << 2;
    else {
      out[to++] = (shortLiteral + 1) << 2;
      out[to++] = last & 0xff;
      out[to++] = last >> 8;
    }
    to += bytes.copy(out, to, from, end);
  };
  const copy = (offset: number, length: number): void => {
    if (length <= shortCopy.lengthMax && offset <= shortCopy.offsetMax) {
      out[to++] = 0b01 | ((length - copyBytesMin) << 2) | ((offset >> 8) << 5);
      out[to++] = offset & 0xff;
      return;
    }
    out[to++] = 0b10 | ((length - 1) << 2);
    out[to++] = offset & 0xff;
    out[to++] = offset >> 8;
  };
  const literals = forEachMatch(bytes, bytes.length, bytes.length, (from, at, offset, length) => {
    literal(from, at);
    let rest = length;
    // What is left after a full copy is never too short for one.
    for (; rest >= copyBytesMax + copyBytesMin; rest -= copyBytesMax) copy(offset, copyBytesMax);
    if (rest > copyBytesMax) {
      copy(offset, copyBytesMax - copyBytesMin);
      rest -= copyBytesMax - copyBytesMin;
    }
    copy(offset, rest);
  });
  literal(literals, bytes.length);
  return out.subarray(0, to);
}

function broken(): Error {
  return corrupt('Record batch has a broken snappy block');
}
