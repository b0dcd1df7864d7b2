/** The map of keys (drawn in compaction/kernel.ts): hashes to newest offsets. AssemblyScript. */
import { hash0, hash1 } from './sip-hash.ts';

const slotBytes: u32 = 24;
/** Of a slot. */
const hash1At: u32 = 8;
const offsetAt: u32 = 16;

let mapStart: u32 = 0;
let mapEnd: u32 = 0;
let slots: u32 = 0;

/** The map is the `count` slots at `at`, all zeros. */
export function setMap(at: u32, count: u32): void {
  mapStart = at;
  slots = count;
  mapEnd = at + count * slotBytes;
}

/** The slot of the last key hashed, or the empty one where it would go. */
export function locate(): u32 {
  const low = hash0;
  const high = hash1;
  let at = mapStart + <u32>(((low & 0xffffffff) * slots) >> 32) * slotBytes;
  while (load<u64>(at, offsetAt) !== 0 && (load<u64>(at) !== low || load<u64>(at, hash1At) !== high)) {
    at += slotBytes;
    if (at === mapEnd) at = mapStart;
  }
  return at;
}

/** -1 in an empty slot. */
export function offsetIn(slot: u32): i64 {
  return load<i64>(slot, offsetAt) - 1;
}

/** Puts the last key hashed with its offset; true when it was not there. */
export function put(offset: i64): bool {
  const slot = locate();
  const isNew = load<u64>(slot, offsetAt) === 0;
  if (isNew) {
    store<u64>(slot, hash0);
    store<u64>(slot, hash1, hash1At);
  }
  store<i64>(slot, offset + 1, offsetAt);
  return isNew;
}
