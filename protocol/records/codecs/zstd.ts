/**
 * zstd: Node's own zlib where it has it (22.15 and later), else a WebAssembly build, which is read from disk at first use and
 * so must be awaited once. The two are used frame by frame with a bounded output; see zstd-frame.ts for the bound.
 */

import * as zlib from 'node:zlib';
import { errors } from '../../errors.ts';
import type { Codec } from '../compression.ts';
import { loadNative, nativeFailures } from '../native.ts';
import { corrupt, RecordError } from '../record-error.ts';
import { overLimit } from './limit.ts';
import { type ZstdFrame, zstdFrames } from './zstd-frame.ts';

/** What either gives us. `decompress` throws `tooSmall` when one frame needs more than `capacity`. */
interface Zstd {
  /** More than this is not asked of it, whatever limit the caller has. */
  readonly maxBytes: number;
  compress(bytes: Buffer, level: number): Buffer;
  decompress(frame: Buffer, capacity: number): Buffer;
}

/** Of node:zlib, not yet in the types of the oldest Node that we run on. */
interface ZlibWithZstd {
  zstdCompressSync(bytes: Buffer, options: { params: Record<number, number> }): Buffer;
  zstdDecompressSync(bytes: Buffer, options: { maxOutputLength: number }): Buffer;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

interface ZstdWasm {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level: number): Uint8Array;
  decompress(bytes: Uint8Array, options: { defaultHeapSize: number }): Uint8Array;
}

const packageName = '@bokuweb/zstd-wasm';
/** As `compression.zstd.level`. */
const defaultLevel = 3;
/** WebAssembly's memory is not given back, and the package does not notice when there is no more. */
const maxWasmBytes = 512 * 1024 * 1024;
/** The library's error for an output that does not fit, as the package words it. */
const wasmTooSmall = /code -70$/;
const tooSmall = new Error('output does not fit');

let zstd: Zstd | null = null;
let failure: string | null = null;
let loading: Promise<void> | null = null;

export const zstdCodec: Codec = {
  id: 4,
  name: 'zstd',
  compress: (bytes, level = defaultLevel) => loaded().compress(bytes, level),
  decompress(bytes, limitBytes) {
    const frames = zstdFrames(bytes);
    const parts: Buffer[] = [];
    let room = limitBytes;
    for (const frame of frames) {
      const part = decompressFrame(bytes, frame, room, limitBytes);
      room -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  },
};

/** Undefined when zstd can be used at once; see `ensureCodec`. */
export function loadZstd(): void | Promise<void> {
  if (zstd !== null) return undefined;
  if ('zstdCompressSync' in zlib) {
    zstd = fromZlib(zlib as unknown as ZlibWithZstd);
    return undefined;
  }
  loading ??= loadWasm();
  return loading;
}

function loaded(): Zstd {
  if (zstd === null) loadZstd();
  if (zstd !== null) return zstd;
  throw new RecordError(
    errors.unsupportedCompressionType,
    failure === null
      ? 'zstd is still being loaded'
      : `zstd cannot be used: this Node has none, and ${packageName} does not load (${failure})`,
  );
}

function decompressFrame(bytes: Buffer, frame: ZstdFrame, given: number, limitBytes: number): Buffer {
  const room = Math.min(given, loaded().maxBytes);
  if (frame.isExact && frame.boundBytes > room) throw overLimit('zstd', limitBytes);
  const capacity = Math.min(frame.boundBytes, room);
  try {
    return loaded().decompress(bytes.subarray(frame.start, frame.end), capacity);
  } catch (error) {
    if (error instanceof RecordError) throw error;
    if (error === tooSmall && frame.boundBytes > room) throw overLimit('zstd', limitBytes);
    throw corrupt(`Record batch has a broken zstd frame: ${(error as Error).message}`, error);
  }
}

function fromZlib({ zstdCompressSync, zstdDecompressSync, constants }: ZlibWithZstd): Zstd {
  return {
    maxBytes: Number.POSITIVE_INFINITY,
    compress: (bytes, level) =>
      zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } }),
    decompress(frame, capacity) {
      try {
        return zstdDecompressSync(frame, { maxOutputLength: Math.max(1, capacity) });
      } catch (error) {
        throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooSmall : error;
      }
    },
  };
}

/** Never rejects: a machine without zstd refuses what is compressed with it, and serves the rest. */
async function loadWasm(): Promise<void> {
  const wasm = loadNative<ZstdWasm>(packageName);
  try {
    await wasm?.init();
  } catch (error) {
    failure = (error as Error).message;
    return;
  }
  if (wasm === null) {
    failure = nativeFailures().get(packageName) ?? 'not installed';
    return;
  }
  zstd = {
    maxBytes: maxWasmBytes,
    compress: (bytes, level) => asBuffer(wasm.compress(bytes, level)),
    decompress(frame, capacity) {
      try {
        return asBuffer(wasm.decompress(frame, { defaultHeapSize: Math.max(1, capacity) }));
      } catch (error) {
        throw wasmTooSmall.test((error as Error).message) ? tooSmall : error;
      }
    },
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
