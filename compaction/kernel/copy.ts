/**
 * Copies of a few bytes, 16 at a time: up to 15 bytes behind the end are read and written too, so whoever lays out the memory
 * leaves as many behind each area. AssemblyScript.
 */

const step: u32 = 16;

/** From elsewhere. */
export function copyBytes(to: u32, from: u32, bytes: u32): void {
  const end = to + bytes;
  for (; to < end; to += step, from += step) v128.store(to, v128.load(from));
}

/** From `offset` bytes before `to`: where that is less than `bytes`, what this writes comes again. */
export function copyMatch(to: u32, offset: u32, bytes: u32): void {
  let distance = offset;
  if (offset < step) {
    const first = min(bytes, step);
    for (let i: u32 = 0; i < first; i++) store<u8>(to + i, load<u8>(to + i - offset));
    if (bytes <= step) return;
    to += step;
    bytes -= step;
    // As far back as a whole step, in whole patterns.
    distance = ((step - 1 + offset) / offset) * offset;
  }
  copyBytes(to, to - distance, bytes);
}
