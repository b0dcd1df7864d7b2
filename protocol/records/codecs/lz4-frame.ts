/**
 * lz4 frames, without what is in their blocks (lz4-block.ts). Everything is little-endian.
 *
 *   184d2204 | FLG | BD | [content size 8] | HC |  blocks: size 4, bytes, [checksum 4] …  | 00000000 | [content checksum 4]
 *
 * - FLG: version 01, independent blocks, block checksums, content size, content checksum, 0, dictionary id.
 * - BD: bits 4-6 are 4-7 for blocks of up to 64 KiB, 256 KiB, 1 MiB, 4 MiB of content.
 * - HC: bits 8-15 of xxh32 over FLG, BD and content size; in a batch of magic 0 over the magic number too, a mistake of old
 *   Java clients that became the format. Kafka does not check it there, nor do we.
 * - A block size with the top bit set: its bytes are stored, not compressed. Size 0 ends the frame.
 *
 * One frame is read, what follows it is not looked at: so Kafka does.
 */

import { corrupt } from '../record-error.ts';
import { xxh32 } from './xxh32.ts';

export interface Lz4Frame {
  /** A block may repeat nothing from before itself. */
  readonly isIndependent: boolean;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
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
const storedBit = 0x80000000;
/** A compressed block of n bytes never makes more: every byte of a length adds 255. */
const maxRatio = 255;
/** Of the frames that we write: independent blocks of up to 64 KiB without checksums, what any reader takes. */
export const lz4FrameHead: Buffer = Buffer.from('04224d18604082', 'hex');
export const lz4BlockBytes: number = 64 * 1024;

/** Reads the head and looks at the size of each block; throws CORRUPT_MESSAGE for what is no frame. */
export function readLz4Frame(bytes: Buffer, anyHeaderChecksum = false): Lz4Frame {
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
  const hasBlockChecksums = (flags & 0x10) !== 0;
  const { end, boundBytes } = walkBlocks(bytes, checksumAt + 1, maxBlockBytes, hasBlockChecksums);
  const contentSize = hasContentSize ? Number(bytes.readBigUInt64LE(6)) : null;
  if (contentSize !== null && contentSize > boundBytes)
    throw corrupt(
      `Record batch has an lz4 frame that claims ${contentSize} bytes and can hold ${boundBytes}`,
    );
  const hasContentChecksum = (flags & 0x04) !== 0;
  return {
    isIndependent: (flags & 0x20) !== 0,
    hasBlockChecksums,
    hasContentChecksum,
    contentSize,
    maxBlockBytes,
    blocksStart: checksumAt + 1,
    end: end + (hasContentChecksum ? 4 : 0),
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

/** Calls `visit` with the place of each block's bytes. */
export function forEachLz4Block(
  bytes: Buffer,
  frame: Lz4Frame,
  visit: (start: number, size: number, stored: boolean) => void,
): void {
  let at = frame.blocksStart;
  for (let raw = bytes.readUInt32LE(at); raw !== 0; raw = bytes.readUInt32LE(at)) {
    const size = (raw & ~storedBit) >>> 0;
    visit(at + 4, size, raw >= storedBit);
    at += 4 + size + (frame.hasBlockChecksums ? 4 : 0);
  }
}

/** The size that stands before a block of so many bytes. */
export function lz4BlockSize(bytes: number, stored: boolean): number {
  return stored ? bytes + storedBit : bytes;
}
