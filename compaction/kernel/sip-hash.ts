/** SipHash-1-3 with a result of 128 bits, as compaction/sip-hash.ts, in whole words. AssemblyScript. */

let k0: u64 = 0;
let k1: u64 = 0;

/** Sets the key to the 16 bytes at `at`. */
export function setSeed(at: u32): void {
  k0 = load<u64>(at);
  k1 = load<u64>(at, 8);
}

/**
 * Hashes `bytes` bytes at `at` into the 16 bytes at `to`, lowest bits first. The eight bytes behind are read too, and do not count. The round stands here three times: its
 * state is in registers only as long as it is in one function.
 */
export function hash(at: u32, bytes: u32, to: u32): void {
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d ^ 0xee;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  let left = bytes;
  for (;;) {
    let word = load<u64>(at);
    if (left < 8) word = (word & (((<u64>1) << (left << 3)) - 1)) | ((<u64>bytes) << 56);
    v3 ^= word;
    v0 += v1;
    v2 += v3;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 = rotl<u64>(v0, 32) + v3;
    v2 += v1;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
    v0 ^= word;
    if (left < 8) break;
    at += 8;
    left -= 8;
  }
  v2 ^= 0xee;
  for (let i = 0; i < 3; i++) {
    v0 += v1;
    v2 += v3;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 = rotl<u64>(v0, 32) + v3;
    v2 += v1;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
  }
  store<u64>(to, v0 ^ v1 ^ v2 ^ v3);
  v1 ^= 0xdd;
  for (let i = 0; i < 3; i++) {
    v0 += v1;
    v2 += v3;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 = rotl<u64>(v0, 32) + v3;
    v2 += v1;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
  }
  store<u64>(to, v0 ^ v1 ^ v2 ^ v3, 8);
}
