/**
 * lz4 frames. Everything is little-endian.
 *
 *   184d2204 | FLG | BD | [content size 8] | HC |  blocks: size 4, bytes, [checksum 4] …  | 00000000 | [content checksum 4]
 *
 * - FLG: version 01, independent blocks, block checksums, content size, content checksum, 0, dictionary id.
 * - BD: bits 4-6 are 4-7 for blocks of up to 64 KiB, 256 KiB, 1 MiB, 4 MiB of content.
 * - HC: bits 8-15 of xxh32 over FLG, BD and content size; in a batch of magic 0 over the magic number too, a mistake of old
 *   Java clients that became the format. Kafka does not check it there, nor do we.
 * - A block size with the top bit set: its bytes are stored, not compressed. Size 0 ends the frame.
 *
 * One frame is read, what follows it is not looked at: so Kafka does. We write what Kafka's FLG and BD allow any reader:
 * independent blocks without checksums. The binding has one level of effort, so `level` changes nothing.
 *
 * The binding is asked block by block: for a frame it takes half a megabyte of fresh memory each time, whatever the frame holds, and
 * the kernel's zeroing of that was up to nine tenths of the time (a batch of 64 KiB: 30 to 300 µs, and 25 by blocks). Frames with checksums or with
 * blocks that lean on each other are left to it whole.
 */

import type { Codec } from '../compression.ts';
import { loadNative } from '../native.ts';
import { corrupt, RecordError } from '../record-error.ts';
import { overLimit } from './limit.ts';
import { decodeLz4Block, encodeLz4Block, measureLz4Block } from './lz4-block.ts';
import { matchedBlockBytesMax } from './matches.ts';
import { xxh32 } from './xxh32.ts';

interface NativeLz4 {
  compressFrameSync(input: Buffer): Buffer;
  decompressFrameSync(input: Buffer): Buffer;
  /** A block behind 4 bytes that say how much it may become at most. */
  uncompressSync(input: Buffer): Buffer;
}

interface Frame {
  /** Nothing but its blocks decides what it holds, and each by itself. */
  readonly isPlain: boolean;
  readonly hasBlockChecksums: boolean;
  readonly contentSize: number | null;
  readonly maxBlockBytes: number;
  /** Where the first block's size lies. */
  readonly blocksStart: number;
  /** After the frame. */
  readonly end: number;
  /** The content is not larger than this. */
  readonly boundBytes: number;
}

const frameMagic = 0x184d2204;
/** In FLG. */
const independentBlocks = 0x20;
const blockChecksums = 0x10;
const contentChecksum = 0x04;
const storedBit = 0x80000000;
/** A compressed block of n bytes never makes more: every byte of a length adds 255. */
const maxRatio = 255;
/** Of a frame that we write: independent blocks of up to 64 KiB, no checksums. */
const frameHead = Buffer.from('04224d18604082', 'hex');
const blockBytes = matchedBlockBytesMax;

export const lz4Codec: Codec = {
  id: 3,
  name: 'lz4',
  compress(bytes) {
    const native = loadNative<NativeLz4>('lz4-napi');
    return native === null ? encodeFrame(bytes) : native.compressFrameSync(bytes);
  },
  decompress(bytes, limitBytes, magic = 2) {
    const frame = readFrame(bytes, magic === 0);
    let room = frame.boundBytes;
    if (room > limitBytes) room = measureFrame(bytes, frame);
    if (room > limitBytes) throw overLimit('lz4', limitBytes);
    const native = magic === 0 ? null : loadNative<NativeLz4>('lz4-napi');
    if (native === null) return decodeFrame(bytes, frame, room);
    try {
      return frame.isPlain
        ? decodeBlocks(native, bytes, frame)
        : native.decompressFrameSync(bytes.subarray(0, frame.end));
    } catch (error) {
      if (error instanceof RecordError) throw error;
      throw corrupt(`Record batch has a broken lz4 frame: ${(error as Error).message}`, error);
    }
  },
};

function readFrame(bytes: Buffer, anyHeaderChecksum: boolean): Frame {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== frameMagic)
    throw corrupt('Record batch has no lz4 frame where one should begin');
  const flags = bytes[4]!;
  if (flags >> 6 !== 1 || (flags & 0b11) !== 0)
    throw corrupt(`Record batch has an lz4 frame with unsupported flags ${flags}`);
  const blockSizeCode = bytes[5]! >> 4;
  if (blockSizeCode < 4 || blockSizeCode > 7 || (bytes[5]! & 0x0f) !== 0)
    throw corrupt(`Record batch has an lz4 frame with an unknown block size ${bytes[5]}`);
  const hasContentSize = (flags & 0x08) !== 0;
  const checksumAt = hasContentSize ? 14 : 6;
  if (bytes.length <= checksumAt) throw corrupt('Record batch has an lz4 frame that ends in its header');
  if (!anyHeaderChecksum && bytes[checksumAt] !== ((xxh32(bytes, 4, checksumAt) >>> 8) & 0xff))
    throw corrupt('Record batch has an lz4 frame with a wrong header checksum');
  const maxBlockBytes = 1 << (8 + 2 * blockSizeCode);
  const hasBlockChecksums = (flags & blockChecksums) !== 0;
  const { end, boundBytes } = walkBlocks(bytes, checksumAt + 1, maxBlockBytes, hasBlockChecksums);
  const contentSize = hasContentSize ? Number(bytes.readBigUInt64LE(6)) : null;
  if (contentSize !== null && contentSize > boundBytes)
    throw corrupt(
      `Record batch has an lz4 frame that claims ${contentSize} bytes and can hold ${boundBytes}`,
    );
  return {
    isPlain: (flags & independentBlocks) !== 0 && (flags & (blockChecksums | contentChecksum)) === 0,
    hasBlockChecksums,
    contentSize,
    maxBlockBytes,
    blocksStart: checksumAt + 1,
    end: end + ((flags & contentChecksum) !== 0 ? 4 : 0),
    boundBytes,
  };
}

function walkBlocks(
  bytes: Buffer,
  start: number,
  maxBlockBytes: number,
  hasChecksums: boolean,
): { end: number; boundBytes: number } {
  let at = start;
  let boundBytes = 0;
  for (;;) {
    if (bytes.length - at < 4) throw corrupt('Record batch has an lz4 frame without an end mark');
    const raw = bytes.readUInt32LE(at);
    at += 4;
    if (raw === 0) return { end: at, boundBytes };
    const size = (raw & ~storedBit) >>> 0;
    const stored = raw >= storedBit;
    if (size > maxBlockBytes)
      throw corrupt(`Record batch has an lz4 block of ${size} bytes, over its frame's limit`);
    if (bytes.length - at < size) throw corrupt('Record batch has an lz4 frame that ends inside a block');
    boundBytes += stored ? size : Math.min(maxBlockBytes, size * maxRatio);
    at += size + (hasChecksums ? 4 : 0);
  }
}

/** The exact size of the content, for frames whose bound is over the limit though they may not be. */
function measureFrame(bytes: Buffer, frame: Frame): number {
  let total = 0;
  forEachBlock(bytes, frame, (start, size, stored) => {
    total += stored ? size : measureLz4Block(bytes, start, start + size);
  });
  return total;
}

function decodeFrame(bytes: Buffer, frame: Frame, room: number): Buffer {
  const out = Buffer.allocUnsafe(room);
  let to = 0;
  forEachBlock(bytes, frame, (start, size, stored) => {
    if (stored) to += bytes.copy(out, to, start, start + size);
    else
      to = decodeLz4Block(
        bytes,
        start,
        start + size,
        out,
        to,
        Math.min(out.length, to + frame.maxBlockBytes),
      );
  });
  if (frame.contentSize !== null) mustHold(frame.contentSize, to);
  return out.subarray(0, to);
}

/** The binding's copy of a block, with what it may become in front; larger blocks get memory of their own. */
const blockInput = Buffer.allocUnsafeSlow(64 * 1024);

function decodeBlocks(native: NativeLz4, bytes: Buffer, frame: Frame): Buffer {
  const parts: Buffer[] = [];
  let total = 0;
  forEachBlock(bytes, frame, (start, size, stored) => {
    const block = bytes.subarray(start, start + size);
    const part = stored ? Buffer.from(block) : decodeBlock(native, block, frame.maxBlockBytes);
    parts.push(part);
    total += part.length;
  });
  if (frame.contentSize !== null) mustHold(frame.contentSize, total);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
}

function decodeBlock(native: NativeLz4, block: Buffer, maxBlockBytes: number): Buffer {
  const inputBytes = 4 + block.length;
  const input =
    inputBytes <= blockInput.length ? blockInput.subarray(0, inputBytes) : Buffer.allocUnsafe(inputBytes);
  input.writeUInt32LE(Math.min(maxBlockBytes, block.length * maxRatio), 0);
  block.copy(input, 4);
  return native.uncompressSync(input);
}

function mustHold(claimed: number, held: number): void {
  if (claimed !== held)
    throw corrupt(`Record batch has an lz4 frame that claims ${claimed} bytes and holds ${held}`);
}

function forEachBlock(
  bytes: Buffer,
  frame: Frame,
  visit: (start: number, size: number, stored: boolean) => void,
): void {
  let at = frame.blocksStart;
  for (let raw = bytes.readUInt32LE(at); raw !== 0; raw = bytes.readUInt32LE(at)) {
    const size = (raw & ~storedBit) >>> 0;
    visit(at + 4, size, raw >= storedBit);
    at += 4 + size + (frame.hasBlockChecksums ? 4 : 0);
  }
}

/** What we write where the binding does not load. */
function encodeFrame(bytes: Buffer): Buffer {
  const parts: Buffer[] = [frameHead];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const plain = bytes.subarray(at, at + blockBytes);
    const block = encodeLz4Block(plain);
    const size = Buffer.allocUnsafe(4);
    size.writeUInt32LE(block === null ? plain.length + storedBit : block.length);
    parts.push(size, block ?? plain);
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}
