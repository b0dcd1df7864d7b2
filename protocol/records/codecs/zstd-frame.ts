/**
 * How large a zstd stream can become and where its frames end, read off the headers (RFC 8878) without decoding anything.
 *
 *   fd2fb528 | descriptor | [window 1] | [dictionary id 0-4] | [content size 0-8] | blocks … | [checksum 4]
 *   block:     24 bits, lowest first: last 1, type 2 (raw, RLE, compressed, reserved), size 21 | its bytes
 *   184d2a5x | size 4 | bytes to be skipped
 *
 * A block makes at most 128 KiB, or the window if that is smaller; a raw or RLE block says what it makes. Their sum bounds
 * the content, whatever the content size in the header claims.
 */

import { corrupt } from '../record-error.ts';

/** One frame with content: `buffer[start, end)`. */
export interface ZstdFrame {
  readonly start: number;
  readonly end: number;
  /** The content is not larger than this. */
  readonly boundBytes: number;
  /** The header says that it is exactly this. */
  readonly isExact: boolean;
}

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const maxBlockBytes = 128 * 1024;
const dictionaryIdBytes = [0, 1, 2, 4];

/** The frames of a stream; CORRUPT_MESSAGE where it is cut short or is none. An empty stream has no frames. */
export function zstdFrames(bytes: Buffer): ZstdFrame[] {
  const frames: ZstdFrame[] = [];
  let at = 0;
  while (at < bytes.length) {
    need(bytes, at, 8);
    const magic = bytes.readUInt32LE(at);
    if (magic >>> 4 === skippableMagic >>> 4) {
      at += 8 + bytes.readUInt32LE(at + 4);
      need(bytes, at, 0);
    } else {
      if (magic !== frameMagic) throw corrupt('Record batch has no zstd frame where one should begin');
      const frame = readFrame(bytes, at);
      frames.push(frame);
      at = frame.end;
    }
  }
  return frames;
}

function readFrame(bytes: Buffer, start: number): ZstdFrame {
  const descriptor = bytes[start + 4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSizeCode = descriptor >> 6;
  const contentSizeBytes = contentSizeCode === 0 ? (isSingleSegment ? 1 : 0) : 1 << contentSizeCode;
  let at = start + 5;
  const headerBytes = (isSingleSegment ? 0 : 1) + dictionaryIdBytes[descriptor & 3]! + contentSizeBytes;
  need(bytes, at, headerBytes);
  let windowBytes = Number.POSITIVE_INFINITY;
  if (!isSingleSegment) {
    const base = 2 ** (10 + (bytes[at]! >> 3));
    windowBytes = base + (base / 8) * (bytes[at]! & 7);
    at += 1;
  }
  at += dictionaryIdBytes[descriptor & 3]!;
  const contentSize = contentSizeBytes === 0 ? null : readContentSize(bytes, at, contentSizeBytes);
  at += contentSizeBytes;
  const blockBytes = Math.min(
    maxBlockBytes,
    contentSize !== null && isSingleSegment ? contentSize : windowBytes,
  );
  const blocks = walkBlocks(bytes, at, blockBytes);
  const end = blocks.end + ((descriptor & 0x04) !== 0 ? 4 : 0);
  need(bytes, end, 0);
  if (contentSize !== null && contentSize > blocks.boundBytes)
    throw corrupt(
      `Record batch has a zstd frame that claims ${contentSize} bytes and can hold ${blocks.boundBytes}`,
    );
  return { start, end, boundBytes: contentSize ?? blocks.boundBytes, isExact: contentSize !== null };
}

function readContentSize(bytes: Buffer, at: number, length: number): number {
  if (length === 8) return Number(bytes.readBigUInt64LE(at));
  return bytes.readUIntLE(at, length) + (length === 2 ? 256 : 0);
}

function walkBlocks(bytes: Buffer, start: number, blockBytes: number): { end: number; boundBytes: number } {
  let at = start;
  let boundBytes = 0;
  for (let last = false; !last; ) {
    need(bytes, at, 3);
    const header = bytes.readUIntLE(at, 3);
    at += 3;
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > maxBlockBytes) throw corrupt('Record batch has a broken zstd block');
    boundBytes += type === 2 ? blockBytes : size;
    at += type === 1 ? 1 : size;
    need(bytes, at, 0);
  }
  return { end: at, boundBytes };
}

/** Throws unless `count` bytes follow `at`. The shortest frame has nine bytes, so eight may always be asked for. */
function need(bytes: Buffer, at: number, count: number): void {
  if (at + count > bytes.length) throw corrupt('Record batch has a zstd stream that ends too early');
}
