import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { encodeSnappyBlock } from '../../../protocol/records/codecs/snappy-block.ts';
import { codecById, codecIds, ensureCodec } from '../../../protocol/records/compression.ts';
import { crc32c } from '../../../protocol/records/crc32c.ts';

// A machine on which no binary loads.
vi.mock('../../../protocol/records/native.ts', () => ({
  loadNative: () => null,
  nativeFailures: () => new Map([['@bokuweb/zstd-wasm', 'no such file']]),
}));

const limit = 1024 * 1024;
/** The bindings, for comparison. */
const load = createRequire(import.meta.url);
const lz4 = load('lz4-napi') as Record<'compressFrameSync' | 'decompressFrameSync', (of: Buffer) => Buffer>;
const snappy = load('snappy') as { uncompressSync(of: Buffer, options: { asBuffer: true }): Buffer };
const crc = load('@node-rs/crc32') as { crc32c(bytes: Buffer): number };

/** Runs, noise and text, in pieces that may repeat and lie across the edges of blocks. */
const bytes = fc
  .array(
    fc.tuple(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 20, max: 2 })),
      fc.integer({ min: 1, max: 400 }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.concat(pieces.map(([piece, times]) => Buffer.alloc(piece.length * times, piece))));

describe('without native bindings', () => {
  it('lz4 is read by the binding as it was written', () => {
    const codec = codecById(codecIds.lz4);
    fc.assert(
      fc.property(bytes, (plain) => {
        const compressed = codec.compress(plain);
        expect(compressed.length).toBeLessThanOrEqual(
          plain.length + 11 + 4 * Math.ceil(plain.length / 65_536),
        );
        expect(lz4.decompressFrameSync(compressed).equals(plain)).toBe(true);
        expect(codec.decompress(compressed, plain.length).equals(plain)).toBe(true);
        expect(codec.decompress(lz4.compressFrameSync(plain), plain.length).equals(plain)).toBe(true);
      }),
    );
  });

  it('snappy is read by the binding as it was written, a block at a time', () => {
    fc.assert(
      fc.property(bytes, (plain) => {
        const block = plain.subarray(0, 64 * 1024);
        const compressed = encodeSnappyBlock(block);
        expect(snappy.uncompressSync(compressed, { asBuffer: true }).equals(block)).toBe(true);
        const codec = codecById(codecIds.snappy);
        expect(codec.decompress(codec.compress(plain), plain.length).equals(plain)).toBe(true);
      }),
    );
  });

  it('what repeats becomes small', () => {
    const orders = Array.from({ length: 2000 }, (_, i) =>
      JSON.stringify({ order: i, city: 'Berlin', pieces: i % 7 }),
    );
    const plain = Buffer.from(orders.join('\n'));
    for (const id of [codecIds.lz4, codecIds.snappy])
      expect(codecById(id).compress(plain).length).toBeLessThan(plain.length / 3);
  });

  it('checksums are the same', () => {
    fc.assert(
      fc.property(bytes, (plain) => {
        expect(crc32c(plain, 0, plain.length)).toBe(crc.crc32c(plain));
      }),
    );
  });

  it('zstd is that of Node itself, or says why it cannot be used', async () => {
    const zstd = codecById(codecIds.zstd);
    await ensureCodec(codecIds.zstd);
    if ('zstdCompressSync' in zlib)
      expect(zstd.decompress(zstd.compress(Buffer.alloc(9)), limit)).toHaveLength(9);
    else expect(() => zstd.compress(Buffer.alloc(9))).toThrow(/zstd cannot be used.*no such file/);
  });
});
