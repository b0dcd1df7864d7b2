/** The hash of keys is SipHash-1-3 with 128 bits, in both kernels. */
import { expect, test } from 'vitest';
import { slotBytes } from '../../compaction/kernel.ts';
import { instantiate, newMemory } from '../../compaction/kernel-wasm.ts';
import { hash128, result } from '../../compaction/sip-hash.ts';

const seed = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
const ascending = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => i & 0xff));
const lengths = [...Array.from({ length: 66 }, (_, i) => i), 255, 256, 257, 1000];

/** Published with the reference implementation, for SipHash-2-4 of 0, 1, 2 … bytes that ascend from 0. */
const published24: Record<number, string> = {
  0: 'a3817f04ba25a8e66df67214c7550293',
  1: 'da87c1d86b99af44347659119b22fc45',
  7: 'a1f1ebbed8dbc153c0b84aa61ff08239',
  8: '3b62a9ba6258f5610f83e264f31497b4',
  9: '264499060ad9baabc47f8b02bb6d71ed',
  15: '5493e99933b0a8117e08ec0f97cfc3d9',
  16: '6ee2a4ca67b054bbfd3315bf85230577',
};
/** The same for SipHash-1-3, as the Rust library has it. */
const published13: Record<number, string> = { 0: 'e77ebcb22788a5befd62db6add303001' };

const mask = 2n ** 64n - 1n;
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & mask;

/** The paper's text, with any number of rounds. */
function sipHash(compression: number, finalization: number, bytes: Buffer): string {
  const k0 = seed.readBigUInt64LE(0);
  const k1 = seed.readBigUInt64LE(8);
  const v: [bigint, bigint, bigint, bigint] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn ^ 0xeen,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v[0] = (v[0] + v[1]) & mask;
      v[1] = rotate(v[1], 13n) ^ v[0];
      v[0] = rotate(v[0], 32n);
      v[2] = (v[2] + v[3]) & mask;
      v[3] = rotate(v[3], 16n) ^ v[2];
      v[0] = (v[0] + v[3]) & mask;
      v[3] = rotate(v[3], 21n) ^ v[0];
      v[2] = (v[2] + v[1]) & mask;
      v[1] = rotate(v[1], 17n) ^ v[2];
      v[2] = rotate(v[2], 32n);
    }
  };
  const padded = Buffer.alloc(Math.floor(bytes.length / 8) * 8 + 8);
  bytes.copy(padded);
  padded[padded.length - 1] = bytes.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v[3] ^= word;
    rounds(compression);
    v[0] ^= word;
  }
  const out = Buffer.alloc(16);
  v[2] ^= 0xeen;
  rounds(finalization);
  out.writeBigUInt64LE(v[0] ^ v[1] ^ v[2] ^ v[3], 0);
  v[1] ^= 0xddn;
  rounds(finalization);
  out.writeBigUInt64LE(v[0] ^ v[1] ^ v[2] ^ v[3], 8);
  return out.toString('hex');
}

const reference = (bytes: Buffer): string => sipHash(1, 3, bytes);

test('the reference here gives what is published', () => {
  for (const [length, hex] of Object.entries(published24)) {
    expect(sipHash(2, 4, ascending(Number(length)))).toBe(hex);
  }
  for (const [length, hex] of Object.entries(published13)) {
    expect(reference(ascending(Number(length)))).toBe(hex);
  }
});

test.each(lengths)('%i bytes in JavaScript', (length) => {
  const words = new Uint32Array(4).map((_, i) => seed.readUInt32LE(4 * i));
  // Wherever the key lies, and whatever lies behind it.
  const bytes = Buffer.concat([Buffer.from('xyz'), ascending(length), Buffer.from('more than a word')]);
  hash128(words, bytes, 3, 3 + length);
  expect(Buffer.from(result.buffer).toString('hex')).toBe(reference(ascending(length)));
});

test.each(lengths)('%i bytes in WebAssembly: what stands in the map, in its slot', (length) => {
  const mapAt = 32_768;
  const slots = 61;
  const recordAt = 40_003;
  const memory = newMemory(64 * 1024);
  const bytes = Buffer.from(memory.buffer);
  const module = instantiate(memory);
  seed.copy(bytes, 0);
  module.begin(mapAt, slots, slots, 10);
  const end = writeRecord(bytes, recordAt, ascending(length));
  bytes.write('more than a word', end);
  expect(module.index(recordAt, end, 1, 41, 0)).toBe(0);
  const hash = Buffer.from(reference(ascending(length)), 'hex');
  const slot = (BigInt(hash.readUInt32LE(0)) * BigInt(slots)) >> 32n;
  const entry = bytes.subarray(mapAt + Number(slot) * slotBytes, mapAt + (Number(slot) + 1) * slotBytes);
  expect(entry.subarray(0, 16)).toEqual(hash);
  expect(entry.readBigUInt64LE(16)).toBe(42n);
});

/** With every varint as wide as it may be, and no value; returns where it ends. */
function writeRecord(bytes: Buffer, at: number, key: Buffer): number {
  const varint = (value: number): number[] =>
    [0, 1, 2, 3, 4].map((i) => (Math.floor((2 * value) / 2 ** (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0));
  const body = [0, 0, ...varint(0), ...varint(key.length), ...key, 1, 0];
  const record = Buffer.from([...varint(body.length), ...body]);
  return at + record.copy(bytes, at);
}
