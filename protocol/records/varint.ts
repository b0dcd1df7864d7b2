/**
 * Variable-length integers as records carry them: groups of seven bits, lowest first, the top bit of a byte saying that
 * another follows. `varint` and `varlong` are zig-zag (0, -1, 1, -2 … as 0, 1, 2, 3), `unsignedVarint` is not. At most five
 * bytes for 32 bits and ten for 64; bits beyond the width are dropped as Java drops them.
 */

import { invalidRecord } from './record-error.ts';

const twoTo27 = 2 ** 27;
const twoTo48 = 2 ** 48;
const twoTo63 = 2 ** 63;

/** A position in a buffer that moves as varints are read. Reading past `end` throws INVALID_RECORD. */
export class VarintReader {
  buffer: Buffer;
  position: number;
  end: number;

  constructor(buffer: Buffer, position: number, end: number) {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
  }

  /**
   * A signed 32-bit integer. Short enough to be inlined: most varints of a record have one byte, and the lengths of 64 to 8191 bytes
   * have two.
   */
  readVarint(): number {
    const { buffer, position: at } = this;
    const first = buffer[at]!;
    if (first < 0x80 && at < this.end) {
      this.position = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const second = buffer[at + 1]!;
    if (second < 0x80 && at + 1 < this.end) {
      this.position = at + 2;
      const raw = (first & 0x7f) | (second << 7);
      return (raw >>> 1) ^ -(raw & 1);
    }
    const raw = this.#readLong32();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** Thirty-two bits; as Java shows them, so 2^32 - 1 is -1. */
  readUnsignedVarint(): number {
    return this.#readLong32();
  }

  /** A signed 64-bit integer as a number; beyond ±2^53 the nearest one. */
  readVarlong(): number {
    const { buffer, position: at } = this;
    const first = buffer[at]!;
    if (first < 0x80 && at < this.end) {
      this.position = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const second = buffer[at + 1]!;
    if (second < 0x80 && at + 1 < this.end) {
      this.position = at + 2;
      const raw = (first & 0x7f) | (second << 7);
      return (raw >>> 1) ^ -(raw & 1);
    }
    return this.#readLong64();
  }

  #readLong32(): number {
    const { buffer, end } = this;
    let at = this.position;
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      if (at >= end) throw underflow();
      const byte = buffer[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = at;
        return value;
      }
    }
    throw tooLong();
  }

  /**
   * The sign is the lowest bit, so the first byte has six bits of the number and the others follow from 2^6 on: assembled
   * in two parts of at most 27 bits and a rest, every number within ±2^53 is exact without BigInt.
   */
  #readLong64(): number {
    const { buffer, end, position: start } = this;
    let low = 0;
    let middle = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      const at = start + index;
      if (at >= end) throw underflow();
      const byte = buffer[at]!;
      if (index === 0) low = (byte & 0x7f) >> 1;
      else if (index < 4) low |= (byte & 0x7f) << (index * 7 - 1);
      else if (index < 7) middle |= (byte & 0x7f) << ((index - 4) * 7);
      else high |= (index === 9 ? byte & 1 : byte & 0x7f) << ((index - 7) * 7);
      if (byte < 0x80) {
        this.position = at + 1;
        const value = low + middle * twoTo27 + high * twoTo48;
        return buffer[start]! & 1 ? -value - 1 : value;
      }
    }
    throw tooLong();
  }
}

function underflow(): Error {
  return invalidRecord('Record ends inside a variable-length integer');
}

function tooLong(): Error {
  return invalidRecord('Variable-length integer has more bytes than its width allows');
}

/** Bytes that `writeVarint` will take. */
export function sizeOfVarint(value: number): number {
  return sizeOfUnsignedVarint((value << 1) ^ (value >> 31));
}

/** Bytes of the low 32 bits of `value`. */
export function sizeOfUnsignedVarint(value: number): number {
  const bits = 32 - Math.clz32(value);
  return bits <= 7 ? 1 : Math.ceil(bits / 7);
}

/** Bytes that `writeVarlong` will take. */
export function sizeOfVarlong(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return sizeOfVarint(value);
  let rest = zigZag(value);
  let bytes = 1;
  for (; rest > 0x7fn; bytes++) rest >>= 7n;
  return bytes;
}

/** A number of 64 bits, saturating, as an unsigned one. */
function zigZag(value: number): bigint {
  const whole = BigInt.asIntN(
    64,
    value >= twoTo63 ? 0x7fff_ffff_ffff_ffffn : BigInt(Math.max(value, -twoTo63)),
  );
  return BigInt.asUintN(64, (whole << 1n) ^ (whole >> 63n));
}

/** Writes a signed 32-bit integer and returns the position after it. */
export function writeVarint(buffer: Buffer, position: number, value: number): number {
  return writeUnsignedVarint(buffer, position, (value << 1) ^ (value >> 31));
}

/** Writes the low 32 bits of `value` and returns the position after them. */
export function writeUnsignedVarint(buffer: Buffer, position: number, value: number): number {
  let at = position;
  let rest = value;
  while ((rest & ~0x7f) !== 0) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

/** Writes a signed 64-bit integer, saturating, and returns the position after it. */
export function writeVarlong(buffer: Buffer, position: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return writeVarint(buffer, position, value);
  let rest = zigZag(value);
  let at = position;
  while (rest > 0x7fn) {
    buffer[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  buffer[at++] = Number(rest);
  return at;
}
