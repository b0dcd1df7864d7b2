import {
  forEachLz4Block,
  lz4BlockBytes,
  lz4BlockSize,
  lz4FrameHead,
  readLz4Frame,
} from '../protocol/records/codecs/lz4-frame.ts';
import {
  forEachSnappyChunk,
  snappyChunkBytes,
  startsXerial,
  xerialHeader,
} from '../protocol/records/codecs/snappy.ts';
import { codecIds, maxDecompressedBatchBytes } from '../protocol/records/compression.ts';
import { RecordError } from '../protocol/records/record-error.ts';
import { VarintReader, writeUnsignedVarint } from '../protocol/records/varint.ts';

/**
 * lz4 and snappy inside the memory of the WebAssembly kernel: its module reads and writes blocks, the frames around them are
 * the codecs' own. A batch of 16 KiB needs no buffer and no call of a binding, which together cost more than the decoding, and
 * whose memory comes back only at some later collection.
 *
 * What cannot be read here, for whatever reason, is left to the codec: it finds the words for what is broken.
 */

/** What the module has for it; addresses come back signed, 0 for what is no block or does not fit. */
export interface BlockModule {
  decodeLz4(at: number, end: number, to: number, limit: number, from: number): number;
  decodeSnappy(at: number, end: number, to: number, limit: number): number;
  compressLz4(start: number, end: number, to: number): number;
  compressSnappy(start: number, end: number, to: number): number;
}

/** Bytes that may be read and written behind what a block takes. */
export const blockMarginBytes = 16;

const broken = -1;
const sizeBytes = 4;
const frameEndBytes = 4;

/** Decompresses `memory[at, end)` to `to`, up to `limit`; the end of it, -1 when that has to be done by the codec. */
export function unpackBlocks(
  module: BlockModule,
  memory: Buffer,
  codec: number,
  place: { readonly at: number; readonly end: number; readonly to: number; readonly limit: number },
): number {
  try {
    const limit = Math.min(place.limit, place.to + maxDecompressedBatchBytes);
    if (codec === codecIds.lz4) return unpackLz4(module, memory, { ...place, limit });
    if (codec === codecIds.snappy) return unpackSnappy(module, memory, { ...place, limit });
    return broken;
  } catch (error) {
    if (error instanceof RecordError) return broken;
    throw error;
  }
}

interface Place {
  readonly at: number;
  readonly end: number;
  readonly to: number;
  readonly limit: number;
}

function unpackLz4(module: BlockModule, memory: Buffer, { at, end, to, limit }: Place): number {
  const bytes = memory.subarray(at, end);
  const frame = readLz4Frame(bytes);
  if (frame.hasBlockChecksums || frame.hasContentChecksum) return broken;
  let written = to;
  forEachLz4Block(bytes, frame, (start, size, stored) => {
    if (written === broken) return;
    const from = at + start;
    const room = Math.min(limit, written + frame.maxBlockBytes);
    if (!stored) {
      const history = frame.isIndependent ? written : to;
      written = module.decodeLz4(from, from + size, written, room, history) >>> 0 || broken;
    } else if (size <= room - written) written += memory.copy(memory, written, from, from + size);
    else written = broken;
  });
  return frame.contentSize === null || frame.contentSize === written - to ? written : broken;
}

function unpackSnappy(module: BlockModule, memory: Buffer, { at, end, to, limit }: Place): number {
  const bytes = memory.subarray(at, end);
  if (!startsXerial(bytes)) return unpackSnappyBlock(module, memory, { at, end, to, limit });
  let written = to;
  forEachSnappyChunk(bytes, (start, chunkEnd) => {
    if (written === broken) return;
    written = unpackSnappyBlock(module, memory, { at: at + start, end: at + chunkEnd, to: written, limit });
  });
  return written;
}

function unpackSnappyBlock(module: BlockModule, memory: Buffer, { at, end, to, limit }: Place): number {
  const reader = new VarintReader(memory, at, end);
  const blockEnd = to + (reader.readUnsignedVarint() >>> 0);
  if (blockEnd > limit) return broken;
  const written = module.decodeSnappy(reader.position, end, to, blockEnd) >>> 0;
  return written === blockEnd ? written : broken;
}

/** What `packBlocks` may take for so many bytes, at most. */
export function packedBytesMax(bytes: number): number {
  const blocks = Math.ceil(bytes / snappyChunkBytes);
  return bytes + Math.ceil(bytes / 6) + 64 * (blocks + 1);
}

/** Whether `packBlocks` knows it. */
export function packsBlocks(codec: number): boolean {
  return codec === codecIds.lz4 || codec === codecIds.snappy;
}

/** Compresses `memory[at, end)` to `to`; the end of it. */
export function packBlocks(
  module: BlockModule,
  memory: Buffer,
  codec: number,
  place: { readonly at: number; readonly end: number; readonly to: number },
): number {
  return codec === codecIds.lz4 ? packLz4(module, memory, place) : packSnappy(module, memory, place);
}

function packLz4(module: BlockModule, memory: Buffer, { at, end, to }: Omit<Place, 'limit'>): number {
  let written = to + lz4FrameHead.copy(memory, to);
  for (let from = at; from < end; from += lz4BlockBytes) {
    const blockEnd = Math.min(end, from + lz4BlockBytes);
    const start = written + sizeBytes;
    written = module.compressLz4(from, blockEnd, start) >>> 0;
    const isStored = written - start >= blockEnd - from;
    if (isStored) written = start + memory.copy(memory, start, from, blockEnd);
    memory.writeUInt32LE(lz4BlockSize(written - start, isStored), start - sizeBytes);
  }
  memory.writeUInt32LE(0, written);
  return written + frameEndBytes;
}

function packSnappy(module: BlockModule, memory: Buffer, { at, end, to }: Omit<Place, 'limit'>): number {
  let written = to + xerialHeader.copy(memory, to);
  for (let from = at; from < end; from += snappyChunkBytes) {
    const chunkEnd = Math.min(end, from + snappyChunkBytes);
    const start = written + sizeBytes;
    const elements = writeUnsignedVarint(memory, start, chunkEnd - from);
    written = module.compressSnappy(from, chunkEnd, elements) >>> 0;
    memory.writeInt32BE(written - start, start - sizeBytes);
  }
  return written;
}
