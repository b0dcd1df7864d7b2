import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import {
  type CodecName,
  codecById,
  codecByName,
  codecIds,
  ensureCodec,
} from '../../../protocol/records/compression.ts';
import { crc32c } from '../../../protocol/records/crc32c.ts';
import { expectBytes, readVectors } from './vectors.ts';

// A machine on which no binary loads.
vi.mock('../../../protocol/records/native.ts', () => ({
  loadNative: () => null,
  nativeFailures: () => new Map([['@bokuweb/zstd-wasm', 'no such file']]),
}));

interface CodecVector {
  readonly kind: string;
  readonly codec: string;
  readonly magic?: number;
  readonly compressedHex: string;
  readonly length: number;
  readonly sha256: string;
}

const limit = 1024 * 1024;

describe('without native bindings', () => {
  it('snappy and lz4 read what Kafka wrote, and write what they read', () => {
    const vectors = readVectors<CodecVector>('hash.jsonl', 255).filter(
      ({ kind, codec }) => kind === 'codec' && /^(snappy|lz4)/.test(codec),
    );
    expect(vectors).toHaveLength(22);
    for (const vector of vectors) {
      const codec = codecByName(vector.codec.replace('-raw', '') as CodecName);
      const plain = codec.decompress(Buffer.from(vector.compressedHex, 'hex'), limit, vector.magic);
      expectBytes(plain, vector);
      expect(codec.decompress(codec.compress(plain), limit).equals(plain)).toBe(true);
    }
  });

  it('checksums are the same', () => {
    const native = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c(bytes: Buffer): number };
    const bytes = Buffer.alloc(1000, 'abc');
    expect(crc32c(bytes, 0, 1000)).toBe(native.crc32c(bytes));
  });

  it('zstd is that of Node itself, or says why it cannot be used', async () => {
    const zstd = codecById(codecIds.zstd);
    await ensureCodec(codecIds.zstd);
    if ('zstdCompressSync' in zlib)
      expect(zstd.decompress(zstd.compress(Buffer.alloc(9)), limit)).toHaveLength(9);
    else expect(() => zstd.compress(Buffer.alloc(9))).toThrow(/zstd cannot be used.*no such file/);
  });
});
