/** xxHash of 32 bits, seed 0: the checksum inside lz4 frames. Used for their headers; payloads are left to the decoder. */

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

/** xxh32 of `buffer[start, end)`, unsigned. */
export function xxh32(buffer: Buffer, start: number, end: number): number {
  let at = start;
  let hash: number;
  if (end - start >= 16) {
    const lane = [(prime1 + prime2) | 0, prime2 | 0, 0, -prime1 | 0];
    for (; at + 16 <= end; at += 16)
      for (let i = 0; i < 4; i++)
        lane[i] = Math.imul(rotate(lane[i]! + Math.imul(buffer.readInt32LE(at + i * 4), prime2), 13), prime1);
    hash = rotate(lane[0]!, 1) + rotate(lane[1]!, 7) + rotate(lane[2]!, 12) + rotate(lane[3]!, 18);
  } else {
    hash = prime5;
  }
  hash = (hash + end - start) | 0;
  for (; at + 4 <= end; at += 4)
    hash = Math.imul(rotate(hash + Math.imul(buffer.readInt32LE(at), prime3), 17), prime4);
  for (; at < end; at++) hash = Math.imul(rotate(hash + Math.imul(buffer[at]!, prime5), 11), prime1);
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
