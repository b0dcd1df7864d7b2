/**
 * The map of keys (drawn in compaction/kernel.ts): hashes to newest offsets. It begins small and doubles where it is, so that
 * it takes memory for the keys that there are, and stays in the processor's cache while they are few. AssemblyScript.
 */

/** Of a slot. Where `hash` writes its result, the same two words stand first. */
const slotBytes: u32 = 24;
const hash1At: u32 = 8;
const offsetAt: u32 = 16;

let mapStart: u32 = 0;
let mapEnd: u32 = 0;
let slots: u32 = 0;
let slotsMax: u32 = 0;
/** For the entries of one run while the map grows. */
let runAt: u32 = 0;
let runEnd: u32 = 0;

export let entries: u32 = 0;

/** An empty map of `first` slots at `at`, with zeros behind them up to `max` slots. The run of a growing map goes to [run, runMax). */
export function setMap(at: u32, first: u32, max: u32, run: u32, runMax: u32): void {
  mapStart = at;
  slotsMax = max;
  resize(first);
  runAt = run;
  runEnd = runMax;
  entries = 0;
}

function resize(count: u32): void {
  slots = count;
  mapEnd = mapStart + count * slotBytes;
}

export function slotCount(): u32 {
  return slots;
}

/** Makes the map so large that it is half full at most with so many new keys, as far as it may. */
export function makeRoom(keys: u32): void {
  while ((entries + keys) * 2 > slots && slots < slotsMax) grow();
}

/** The slot that the hash at `hashAt` belongs to; it may have another, with its own one of the next behind it. */
export function homeOf(hashAt: u32): u32 {
  return mapStart + <u32>(((load<u64>(hashAt) & 0xffffffff) * slots) >> 32) * slotBytes;
}

/** The slot of the hash at `hashAt`, or the empty one where it would go; `home` is its first. */
export function locate(hashAt: u32, home: u32): u32 {
  const hash0 = load<u64>(hashAt);
  const hash1 = load<u64>(hashAt, hash1At);
  let at = home;
  while (load<u64>(at, offsetAt) !== 0 && (load<u64>(at) !== hash0 || load<u64>(at, hash1At) !== hash1)) {
    at += slotBytes;
    if (at === mapEnd) at = mapStart;
  }
  return at;
}

/** -1 in an empty slot. */
export function offsetIn(slot: u32): i64 {
  return load<i64>(slot, offsetAt) - 1;
}

export function put(hashAt: u32, home: u32, offset: i64): void {
  const slot = locate(hashAt, home);
  if (load<u64>(slot, offsetAt) === 0) {
    store<u64>(slot, load<u64>(hashAt));
    store<u64>(slot, load<u64>(hashAt, hash1At), hash1At);
    entries++;
  }
  store<i64>(slot, offset + 1, offsetAt);
}

/**
 * Doubles the map in its place. An entry's new home is never before its old one, and in a run of full slots no entry lies before
 * its home; so run by run from the end, each taken out and put in again, nothing is overwritten that is still to be moved. What
 * goes round the end, old or new, lies in the first run, which is the last to be moved.
 */
function grow(): void {
  let at = mapEnd - slotBytes;
  resize(min(slotsMax, slots * 2));
  let to = runAt;
  for (; at >= mapStart; at -= slotBytes) {
    if (load<u64>(at, offsetAt) !== 0) to = take(at, to);
    else if (to !== runAt) to = putRun(to);
  }
  putRun(to);
}

/** Moves the entry at `at` to the end of the run. At half load, one of a thousand comes once in 10^80 maps. */
function take(at: u32, to: u32): u32 {
  if (to === runEnd) unreachable();
  memory.copy(to, at, slotBytes);
  store<u64>(at, 0, offsetAt);
  return to + slotBytes;
}

function putRun(end: u32): u32 {
  for (let at = runAt; at < end; at += slotBytes) {
    memory.copy(locate(at, homeOf(at)), at, slotBytes);
  }
  return runAt;
}
