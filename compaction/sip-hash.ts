/**
 * SipHash-1-3 with a result of 128 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), in 32-bit halves: what the
 * map of keys is hashed by where WebAssembly is not to be had. One state for all calls: `hash128` leaves its result in
 * `result`, lowest 32 bits first.
 */

const mask = 0xff;

/** The result of the last call. */
export const result = new Uint32Array(4);

/** Eight halves: v0 low, v0 high, v1 low, … */
const v = new Int32Array(8);

/** Hashes `bytes[start, end)`; `k` holds the 128-bit key as four 32-bit words, lowest first. */
export function hash128(k: Uint32Array, bytes: Uint8Array, start: number, end: number): void {
  v[0] = k[0]! ^ 0x70736575;
  v[1] = k[1]! ^ 0x736f6d65;
  v[2] = k[2]! ^ 0x6e646f6d ^ 0xee;
  v[3] = k[3]! ^ 0x646f7261;
  v[4] = k[0]! ^ 0x6e657261;
  v[5] = k[1]! ^ 0x6c796765;
  v[6] = k[2]! ^ 0x79746573;
  v[7] = k[3]! ^ 0x74656462;
  const length = end - start;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    absorb(wordAt(bytes, at), wordAt(bytes, at + 4));
  }
  let low = 0;
  let high = (length & mask) << 24;
  for (let i = 0; at + i < end; i++) {
    if (i < 4) low |= bytes[at + i]! << (8 * i);
    else high |= bytes[at + i]! << (8 * (i - 4));
  }
  absorb(low, high);
  v[4]! ^= 0xee;
  for (let i = 0; i < 3; i++) round();
  result[0] = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
  result[1] = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!;
  v[2]! ^= 0xdd;
  for (let i = 0; i < 3; i++) round();
  result[2] = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
  result[3] = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function absorb(low: number, high: number): void {
  v[6]! ^= low;
  v[7]! ^= high;
  round();
  v[0]! ^= low;
  v[1]! ^= high;
}

/** One SipRound over the halves of four 64-bit words: additions carry, rotations cross. */
function round(): void {
  let a0 = v[0]!;
  let a1 = v[1]!;
  let b0 = v[2]!;
  let b1 = v[3]!;
  let c0 = v[4]!;
  let c1 = v[5]!;
  let d0 = v[6]!;
  let d1 = v[7]!;
  let sum = (a0 >>> 0) + (b0 >>> 0);
  a1 = (a1 + b1 + (sum > 0xffffffff ? 1 : 0)) | 0;
  a0 = sum | 0;
  let t = (b0 << 13) | (b1 >>> 19);
  b1 = ((b1 << 13) | (b0 >>> 19)) ^ a1;
  b0 = t ^ a0;
  t = a0;
  a0 = a1;
  a1 = t;
  sum = (c0 >>> 0) + (d0 >>> 0);
  c1 = (c1 + d1 + (sum > 0xffffffff ? 1 : 0)) | 0;
  c0 = sum | 0;
  t = (d0 << 16) | (d1 >>> 16);
  d1 = ((d1 << 16) | (d0 >>> 16)) ^ c1;
  d0 = t ^ c0;
  sum = (a0 >>> 0) + (d0 >>> 0);
  a1 = (a1 + d1 + (sum > 0xffffffff ? 1 : 0)) | 0;
  a0 = sum | 0;
  t = (d0 << 21) | (d1 >>> 11);
  d1 = ((d1 << 21) | (d0 >>> 11)) ^ a1;
  d0 = t ^ a0;
  sum = (c0 >>> 0) + (b0 >>> 0);
  c1 = (c1 + b1 + (sum > 0xffffffff ? 1 : 0)) | 0;
  c0 = sum | 0;
  t = (b0 << 17) | (b1 >>> 15);
  b1 = ((b1 << 17) | (b0 >>> 15)) ^ c1;
  b0 = t ^ c0;
  t = c0;
  c0 = c1;
  c1 = t;
  v[0] = a0;
  v[1] = a1;
  v[2] = b0;
  v[3] = b1;
  v[4] = c0;
  v[5] = c1;
  v[6] = d0;
  v[7] = d1;
}
