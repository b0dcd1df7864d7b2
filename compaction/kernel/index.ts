/**
 * The kernel (compaction/kernel.ts) in AssemblyScript: the same as compaction/kernel-js.ts, record by record. It becomes
 * compaction/kernel-wasm-code.ts by `npm run kernel`.
 *
 * Records are taken in blocks, and each block three times: all are read and hashed, then all their slots are loaded, then each
 * is decided. One by one a record would wait for its slot, which is rarely in a cache; so the processor fetches many at a time.
 * (5 million records over 500,000 keys: 135 ns a record for both halves, against 600.)
 *
 * The memory is laid out by compaction/kernel-wasm.ts, which passes addresses in; of its own the module has only these, at the
 * beginning. Numbers come and go as f64, for an i64 would be a BigInt to JavaScript; offsets are whole numbers below 2^53.
 *
 *    0      16                                     128                           24704
 *    | seed | results, f64 each: the names below | | the block, or a run of slots |
 */
import { entries, homeOf, locate, makeRoom, offsetIn, put, setMap, slotCount } from './key-map.ts';
import {
  bodyEnd,
  damaged,
  keyAt,
  keyBytes,
  offsetDelta,
  openBody,
  readRecord,
  readVarlong,
  timestampDelta,
  valueBytes,
} from './record.ts';
import { hash, setSeed } from './sip-hash.ts';

const seedAt: u32 = 0;
const resultsAt: u32 = 16;
/** Eight bytes each from `resultsAt` on. */
const lastIndexedOffsetAt: u32 = 0;
const entriesAt: u32 = 8;
const slotsAt: u32 = 16;
const positionAt: u32 = 24;
const keptAt: u32 = 32;
const tombstonesAt: u32 = 40;
const beyondMapAt: u32 = 48;
const supersededAt: u32 = 56;
const tombstonesExpiredAt: u32 = 64;
const nullKeysAt: u32 = 72;
const firstTimestampAt: u32 = 80;
const maxTimestampAt: u32 = 88;

const blockAt: u32 = 128;
const blockEnd: u32 = 24704;
/** An item of the block; the hash comes first, as in a slot. */
const itemBytes: u32 = 48;
const offsetAt: u32 = 16;
const timestampAt: u32 = 24;
const recordAt: u32 = 32;
const homeAt: u32 = 36;
/** Below 0: none. */
const keyBytesAt: u32 = 40;
const valueBytesAt: u32 = 44;
const blockRecords: u32 = 64;

/** What `index` and `filter` answer. */
const isDone: i32 = 0;
const isFull: i32 = 1;
/** A record cannot be read; `position` is where it begins. */
const isDamaged: i32 = 2;
/** There is more behind the last record, from `position` on. */
const hasRest: i32 = 3;

let entriesMax: u32 = 0;

/** The map begins with `slots` slots at `mapAt` and may grow to `slotsMax`. */
export function begin(mapAt: u32, slots: u32, slotsMax: u32, max: u32): void {
  setSeed(seedAt);
  setMap(mapAt, slots, slotsMax, blockAt, blockEnd);
  entriesMax = max;
  store<f64>(resultsAt, 0, entriesAt);
  store<f64>(resultsAt, <f64>slots, slotsAt);
  store<f64>(resultsAt, -1, lastIndexedOffsetAt);
}

export function index(start: u32, end: u32, count: u32, baseOffset: f64, fromOffset: f64): i32 {
  const base = <i64>baseOffset;
  const from = <i64>fromOffset;
  let last: i64 = -1;
  let at = start;
  let answer = isDone;
  for (let left = count; left > 0 && answer === isDone; ) {
    const records = min(left, blockRecords);
    left -= records;
    makeRoom(records);
    let item = blockAt;
    for (let i: u32 = 0; i < records; i++) {
      const next = readRecord(at, end);
      if (next === damaged) {
        answer = isDamaged;
        break;
      }
      at = next;
      const offset = base + offsetDelta;
      if (keyBytes < 0 || offset < from) continue;
      hash(keyAt, keyBytes, item);
      store<i64>(item, offset, offsetAt);
      item += itemBytes;
    }
    fetchSlots(item);
    for (let one = blockAt; one < item; one += itemBytes) {
      if (entries >= entriesMax) {
        answer = isFull;
        break;
      }
      last = load<i64>(one, offsetAt);
      put(one, load<u32>(one, homeAt), last);
    }
  }
  if (answer === isDone && at !== end) answer = hasRest;
  if (last >= 0) store<f64>(resultsAt, <f64>last, lastIndexedOffsetAt);
  store<f64>(resultsAt, <f64>entries, entriesAt);
  store<f64>(resultsAt, <f64>slotCount(), slotsAt);
  store<f64>(resultsAt, <f64>at, positionAt);
  return answer;
}

/** Finds the home slot of each item up to `end`, and has all of them on their way before anybody needs one. */
function fetchSlots(end: u32): void {
  let sum: u64 = 0;
  for (let item = blockAt; item < end; item += itemBytes) {
    const home = homeOf(item);
    store<u32>(item, home, homeAt);
    // A slot may lie across two lines of the cache.
    sum += load<u64>(home) + load<u64>(home, 16);
  }
  store<u64>(end, sum);
}

/** The newest offset of the key at `at`. */
export function find(at: u32, bytes: u32): f64 {
  hash(at, bytes, blockAt);
  return <f64>offsetIn(locate(blockAt, homeOf(blockAt)));
}

/** Where each record that stays begins goes to `listAt`, 4 bytes each. */
export function filter(
  start: u32,
  end: u32,
  count: u32,
  baseOffset: f64,
  baseTimestampMs: f64,
  appendTimeMs: f64,
  mapEndOffset: f64,
  dropTombstones: bool,
  tombstonesGoUpToMs: f64,
  listAt: u32,
): i32 {
  const base = <i64>baseOffset;
  const mapEnd = <i64>mapEndOffset;
  let kept: u32 = 0;
  let tombstones: u32 = 0;
  let beyondMap: u32 = 0;
  let superseded: u32 = 0;
  let tombstonesExpired: u32 = 0;
  let nullKeys: u32 = 0;
  let firstTimestampMs: f64 = -1;
  let maxTimestampMs: f64 = -1;
  let at = start;
  let answer = isDone;
  for (let left = count; left > 0 && answer === isDone; ) {
    const records = min(left, blockRecords);
    left -= records;
    let item = blockAt;
    for (let i: u32 = 0; i < records; i++) {
      const next = readRecord(at, end);
      if (next === damaged) {
        answer = isDamaged;
        break;
      }
      const offset = base + offsetDelta;
      if (keyBytes >= 0 && offset <= mapEnd) hash(keyAt, keyBytes, item);
      else store<u64>(item, 0);
      store<i64>(item, offset, offsetAt);
      store<f64>(item, appendTimeMs >= 0 ? appendTimeMs : baseTimestampMs + timestampDelta, timestampAt);
      store<u32>(item, at, recordAt);
      store<i32>(item, keyBytes, keyBytesAt);
      store<i32>(item, valueBytes, valueBytesAt);
      item += itemBytes;
      at = next;
    }
    fetchSlots(item);
    for (let one = blockAt; one < item; one += itemBytes) {
      const offset = load<i64>(one, offsetAt);
      const timestampMs = load<f64>(one, timestampAt);
      const isTombstone = load<i32>(one, valueBytesAt) < 0;
      if (offset > mapEnd) beyondMap++;
      else if (load<i32>(one, keyBytesAt) < 0) {
        nullKeys++;
        continue;
      } else if (offset < offsetIn(locate(one, load<u32>(one, homeAt)))) {
        superseded++;
        continue;
      } else if (isTombstone && (dropTombstones || timestampMs <= tombstonesGoUpToMs)) {
        tombstonesExpired++;
        continue;
      }
      if (kept === 0) firstTimestampMs = timestampMs;
      if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
      if (isTombstone) tombstones++;
      store<u32>(listAt + (kept << 2), load<u32>(one, recordAt));
      kept++;
    }
  }
  if (answer === isDone && at !== end) answer = hasRest;
  store<f64>(resultsAt, <f64>at, positionAt);
  store<f64>(resultsAt, <f64>kept, keptAt);
  store<f64>(resultsAt, <f64>tombstones, tombstonesAt);
  store<f64>(resultsAt, <f64>beyondMap, beyondMapAt);
  store<f64>(resultsAt, <f64>superseded, supersededAt);
  store<f64>(resultsAt, <f64>tombstonesExpired, tombstonesExpiredAt);
  store<f64>(resultsAt, <f64>nullKeys, nullKeysAt);
  store<f64>(resultsAt, firstTimestampMs, firstTimestampAt);
  store<f64>(resultsAt, maxTimestampMs, maxTimestampAt);
  return answer;
}

/** Writes the `kept` records listed at `listAt` to `outputAt`; the position behind the last. */
export function rebuild(
  listAt: u32,
  kept: u32,
  end: u32,
  recordsBaseTimestampMs: f64,
  appendTimeMs: f64,
  baseTimestampMs: f64,
  outputAt: u32,
): u32 {
  let to = outputAt;
  for (let i: u32 = 0; i < kept; i++) {
    const rest = readVarlong(openBody(load<u32>(listAt + (i << 2)), end), end);
    const restBytes = bodyEnd - rest;
    const timestampMs = appendTimeMs >= 0 ? appendTimeMs : recordsBaseTimestampMs + timestampDelta;
    const delta = <i64>(timestampMs - baseTimestampMs);
    const zigzag = <u64>((delta << 1) ^ (delta >> 63));
    to = writeVarint(to, (1 + sizeOfVarint(zigzag) + restBytes) << 1);
    store<u8>(to++, 0);
    to = writeVarint(to, zigzag);
    memory.copy(to, rest, restBytes);
    to += restBytes;
  }
  return to;
}

function sizeOfVarint(raw: u64): u32 {
  return <u32>((70 - clz<u64>(raw | 1)) / 7);
}

function writeVarint(to: u32, raw: u64): u32 {
  while (raw >= 0x80) {
    store<u8>(to++, raw | 0x80);
    raw >>= 7;
  }
  store<u8>(to, raw);
  return to + 1;
}
