/**
 * The lz4 codec: frames (lz4-frame.ts) whose blocks a native binding reads and writes; where it does not load, JavaScript reads
 * and stores. The binding has one level of effort, so `level` changes nothing.
 */

import type { Codec } from '../compression.ts';
import { loadNative } from '../native.ts';
import { corrupt } from '../record-error.ts';
import { overLimit } from './limit.ts';
import { decodeLz4Block, measureLz4Block } from './lz4-block.ts';
import {
  forEachLz4Block,
  type Lz4Frame,
  lz4BlockBytes,
  lz4BlockSize,
  lz4FrameHead,
  readLz4Frame,
} from './lz4-frame.ts';

interface NativeLz4 {
  compressFrameSync(input: Buffer): Buffer;
  decompressFrameSync(input: Buffer): Buffer;
}

export const lz4Codec: Codec = {
  id: 3,
  name: 'lz4',
  compress(bytes) {
    const native = loadNative<NativeLz4>('lz4-napi');
    return native === null ? storeFrame(bytes) : native.compressFrameSync(bytes);
  },
  decompress(bytes, limitBytes, magic = 2) {
    const frame = readLz4Frame(bytes, magic === 0);
    let room = frame.boundBytes;
    if (room > limitBytes) room = measureFrame(bytes, frame);
    if (room > limitBytes) throw overLimit('lz4', limitBytes);
    const native = magic === 0 ? null : loadNative<NativeLz4>('lz4-napi');
    if (native === null) return decodeFrame(bytes, frame, room);
    try {
      return native.decompressFrameSync(bytes.subarray(0, frame.end));
    } catch (error) {
      throw corrupt(`Record batch has a broken lz4 frame: ${(error as Error).message}`, error);
    }
  },
};

/** The exact size of the content, for frames whose bound is over the limit though they may not be. */
function measureFrame(bytes: Buffer, frame: Lz4Frame): number {
  let total = 0;
  forEachLz4Block(bytes, frame, (start, size, stored) => {
    total += stored ? size : measureLz4Block(bytes, start, start + size);
  });
  return total;
}

function decodeFrame(bytes: Buffer, frame: Lz4Frame, room: number): Buffer {
  const out = Buffer.allocUnsafe(room);
  let to = 0;
  forEachLz4Block(bytes, frame, (start, size, stored) => {
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
  if (frame.contentSize !== null && frame.contentSize !== to)
    throw corrupt(`Record batch has an lz4 frame that claims ${frame.contentSize} bytes and holds ${to}`);
  return out.subarray(0, to);
}

/** A frame of stored blocks: what we write where the binding does not load. */
function storeFrame(bytes: Buffer): Buffer {
  const parts: Buffer[] = [lz4FrameHead];
  for (let at = 0; at < bytes.length; at += lz4BlockBytes) {
    const block = bytes.subarray(at, at + lz4BlockBytes);
    const size = Buffer.allocUnsafe(4);
    size.writeUInt32LE(lz4BlockSize(block.length, true));
    parts.push(size, block);
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}
