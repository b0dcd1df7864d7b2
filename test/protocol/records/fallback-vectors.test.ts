/**
 * Every vector of records, codecs and checksums once more, as on a machine where no binary loads (musl, arm64, an install without
 * optional packages) and, whichever Node this is, without its zstd: on the JavaScript and WebAssembly that we have instead.
 */
import { expect, it, vi } from 'vitest';
import { loadNative } from '../../../protocol/records/native.ts';
import '../hash-vectors.test.ts';
import './legacy.test.ts';
import './negative.test.ts';
import './record.test.ts';

vi.mock('../../../protocol/records/native.ts', async (original) => {
  const { loadNative, nativeFailures } =
    await original<typeof import('../../../protocol/records/native.ts')>();
  const isWasm = (name: string) => name === '@bokuweb/zstd-wasm';
  return { loadNative: (name: string) => (isWasm(name) ? loadNative(name) : null), nativeFailures };
});
vi.mock('node:zlib', async (original) => {
  const { zstdCompressSync, zstdDecompressSync, ...older } = await original<
    typeof import('node:zlib') & Record<'zstdCompressSync' | 'zstdDecompressSync', unknown>
  >();
  return older;
});

it('has no binary', () => {
  for (const name of ['@node-rs/crc32', 'lz4-napi', 'snappy']) expect(loadNative(name)).toBeNull();
});
