/**
 * The five codecs of a batch, one interface. Everything is synchronous once a codec is loaded, and none is loaded before it
 * is needed: native bindings by `loadNative`, zstd by Node's own zlib where it has it, else as WebAssembly, the only one
 * that must be awaited (`ensureCodec`).
 *
 * What comes from a client may claim any size. `decompress` learns the size first (from block headers, or by a bounded
 * inflate) and refuses with MESSAGE_TOO_LARGE above its limit, before the memory is taken.
 */

import { gzipCodec } from './codecs/gzip.ts';
import { lz4Codec } from './codecs/lz4.ts';
import { snappyCodec } from './codecs/snappy.ts';
import { loadZstd, zstdCodec } from './codecs/zstd.ts';
import { corrupt } from './record-error.ts';

/** One way to compress; `id` is the number in a batch's attributes, `name` the word of `compression.type`. */
export interface Codec {
  readonly id: number;
  readonly name: CodecName;
  /** `level` as in Kafka's `compression.<name>.level`; left out: that option's default. */
  compress(bytes: Buffer, level?: number): Buffer;
  /**
   * Throws CORRUPT_MESSAGE for what this codec cannot have written and MESSAGE_TOO_LARGE above `limitBytes`. `magic` is
   * that of the batch: lz4 in magic 0 has a header checksum that is wrong by design.
   */
  decompress(bytes: Buffer, limitBytes: number, magic?: number): Buffer;
}

export type CodecName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export const codecIds = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const satisfies Record<
  CodecName,
  number
>;

/**
 * What one batch may grow to when it is decompressed, unless the caller says otherwise. Kafka has no such limit: a batch of
 * 1 MiB, the default `max.message.bytes`, can be made to fill a gigabyte. 128 MiB is a hundred times that default.
 */
export const maxDecompressedBatchBytes = 128 * 1024 * 1024;

const noCodec: Codec = { id: 0, name: 'none', compress: (bytes) => bytes, decompress: (bytes) => bytes };
const codecs: readonly Codec[] = [noCodec, gzipCodec, snappyCodec, lz4Codec, zstdCodec];

/** The codec with this number; CORRUPT_MESSAGE for 5, 6 and 7, which do not exist. */
export function codecById(id: number): Codec {
  const codec = codecs[id];
  if (codec === undefined) throw corrupt(`Record batch names the unknown compression codec ${id}`);
  return codec;
}

/** The codec of a `compression.type`. */
export function codecByName(name: CodecName): Codec {
  return codecs[codecIds[name]]!;
}

/** Loads what `id` needs. Undefined: it can be used now. A promise: await it first, once in the life of the process. */
export function ensureCodec(id: number): void | Promise<void> {
  return id === codecIds.zstd ? loadZstd() : undefined;
}
