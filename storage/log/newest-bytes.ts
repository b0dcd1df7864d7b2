/**
 * The bytes of the last append that somebody was waiting for: whoever is woken by it sends them without reading the file.
 *
 * There is one place for the whole process. A waiting fetch is answered right after the append that wakes it, before the next append, so that
 * one place is enough; where it holds another append by then, the file is read as ever. Nobody waits: nothing is copied.
 */

/** Reading a large one from the page cache costs little beside sending it. */
export const newestBytesMax = 16 * 1024;

const newest = { contentId: 0, position: 0, bytes: Buffer.alloc(0) };

/** Copies what was written at this position. `contentId` is the segment's: what has it never changes. */
export function keepNewest(contentId: number, position: number, bytes: Buffer): void {
  if (bytes.length > newestBytesMax) return;
  newest.contentId = contentId;
  newest.position = position;
  newest.bytes = Buffer.from(bytes);
}

/** A view on them, for all who ask; null where they are not these. */
export function newestBytes(contentId: number, position: number, byteLength: number): Buffer | null {
  const from = position - newest.position;
  if (newest.contentId !== contentId || from < 0 || from + byteLength > newest.bytes.length) return null;
  return newest.bytes.subarray(from, from + byteLength);
}
