/**
 * Snappy in the two ways that clients send it.
 *
 *   xerial (snappy-java, and what Kafka writes):   82 'SNAPPY' 00 | version int32 = 1 | compatible with int32 = 1
 *                                                  then chunks, each: size int32 | that many bytes of one raw block
 *   raw:                                           one raw block and nothing else
 *
 * A raw block begins with its uncompressed size as an unsigned varint. Three bytes of a block make 64 bytes at most, so a
 * claim beyond that ratio is refused as corrupt without asking for memory.
 */

import type { Codec } from '../compression.ts';
import { readInt32 } from '../int64.ts';
import { loadNative } from '../native.ts';
import { corrupt, RecordError } from '../record-error.ts';
import { VarintReader } from '../varint.ts';
import { overLimit } from './limit.ts';
import { decodeSnappyBlock, encodeSnappyBlock } from './snappy-block.ts';

interface NativeSnappy {
  compressSync(input: Uint8Array): Buffer;
  uncompressSync(input: Uint8Array, options: { asBuffer: true }): Buffer;
}

const xerialHeader = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex');
const xerialMagicBytes = 8;
/** The first four bytes of the header, where a chunk's size would be: another stream begins. */
const headerAsChunkSize = xerialHeader.readInt32BE(0);
/** As Kafka has it: 32 KiB of input a chunk. */
const chunkBytes = 32 * 1024;
const maxRatio = 22;

export const snappyCodec: Codec = {
  id: 2,
  name: 'snappy',
  compress(bytes) {
    const parts: Buffer[] = [xerialHeader];
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const block = compressBlock(bytes.subarray(at, at + chunkBytes));
      const size = Buffer.allocUnsafe(4);
      size.writeInt32BE(block.length);
      parts.push(size, block);
    }
    return Buffer.concat(parts);
  },
  decompress(bytes, limitBytes) {
    if (bytes.length === 0) throw corrupt('Record batch has an empty snappy stream');
    if (!startsXerial(bytes)) return uncompressBlock(bytes, limitBytes, limitBytes);
    const parts: Buffer[] = [];
    let room = limitBytes;
    forEachChunk(bytes, (start, end) => {
      const part = uncompressBlock(bytes.subarray(start, end), room, limitBytes);
      room -= part.length;
      parts.push(part);
    });
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  },
};

function startsXerial(bytes: Buffer): boolean {
  return (
    bytes.length >= xerialHeader.length &&
    bytes.compare(xerialHeader, 0, xerialMagicBytes, 0, xerialMagicBytes) === 0
  );
}

function forEachChunk(bytes: Buffer, visit: (start: number, end: number) => void): void {
  let at = xerialHeader.length;
  while (at < bytes.length) {
    if (bytes.length - at < 4)
      throw corrupt('Record batch has a snappy stream that ends inside a chunk size');
    const size = readInt32(bytes, at);
    if (size === headerAsChunkSize) {
      at += xerialHeader.length;
      continue;
    }
    at += 4;
    if (size < 0 || size > bytes.length - at)
      throw corrupt(`Record batch has a snappy chunk of ${size} bytes where ${bytes.length - at} are left`);
    visit(at, at + size);
    at += size;
  }
}

function uncompressBlock(block: Buffer, room: number, limitBytes: number): Buffer {
  const reader = new VarintReader(block, 0, block.length);
  let claimed: number;
  try {
    claimed = reader.readUnsignedVarint() >>> 0;
  } catch (error) {
    throw corrupt('Record batch has a snappy block without a size', error);
  }
  if (claimed > block.length * maxRatio)
    throw corrupt(`Record batch has a snappy block of ${block.length} bytes that claims to hold ${claimed}`);
  if (claimed > room) throw overLimit('snappy', limitBytes);
  const native = loadNative<NativeSnappy>('snappy');
  try {
    if (native === null) return decodeSnappyBlock(block, reader.position, claimed);
    return native.uncompressSync(block, { asBuffer: true });
  } catch (error) {
    if (error instanceof RecordError) throw error;
    throw corrupt(`Record batch has a broken snappy block: ${(error as Error).message}`, error);
  }
}

function compressBlock(bytes: Buffer): Buffer {
  const native = loadNative<NativeSnappy>('snappy');
  return native === null ? encodeSnappyBlock(bytes) : native.compressSync(bytes);
}
