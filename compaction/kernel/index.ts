/**
 * The kernel (compaction/kernel.ts) in AssemblyScript: the same as compaction/kernel-js.ts, record by record. It becomes
 * compaction/kernel-wasm-code.ts by `npm run kernel`.
 *
 * The memory is laid out by compaction/kernel-wasm.ts, which passes addresses in; of its own the module has only these, at the
 * beginning. Numbers come and go as f64, for an i64 would be a BigInt to JavaScript; offsets are whole numbers below 2^53.
 *
 *    0      16                                                                                 88
 *    | seed | results, f64 each: lastIndexedOffset, entries, position, Filtered from `kept` on |
 */
import { locate, offsetIn, put, setMap } from './key-map.ts';
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
const positionAt: u32 = 16;
const keptAt: u32 = 24;
const tombstonesAt: u32 = 32;
const beyondMapAt: u32 = 40;
const supersededAt: u32 = 48;
const tombstonesExpiredAt: u32 = 56;
const nullKeysAt: u32 = 64;
const firstTimestampAt: u32 = 72;
const maxTimestampAt: u32 = 80;

/** What `index` and `filter` answer. */
const isDone: i32 = 0;
const isFull: i32 = 1;
/** A record cannot be read; `position` is where it begins. */
const isDamaged: i32 = 2;
/** There is more behind the last record, from `position` on. */
const hasRest: i32 = 3;

let entries: u32 = 0;
let entriesMax: u32 = 0;

export function begin(mapAt: u32, slots: u32, max: u32): void {
  setSeed(seedAt);
  setMap(mapAt, slots);
  entries = 0;
  entriesMax = max;
  store<f64>(resultsAt, 0, entriesAt);
  store<f64>(resultsAt, -1, lastIndexedOffsetAt);
}

export function index(start: u32, end: u32, count: u32, baseOffset: f64, fromOffset: f64): i32 {
  const base = <i64>baseOffset;
  const from = <i64>fromOffset;
  let last: i64 = -1;
  let at = start;
  let answer = isDone;
  for (let i: u32 = 0; i < count; i++) {
    const next = readRecord(at, end);
    if (next === damaged) {
      answer = isDamaged;
      break;
    }
    at = next;
    const offset = base + offsetDelta;
    if (keyBytes < 0 || offset < from) continue;
    if (entries >= entriesMax) {
      answer = isFull;
      break;
    }
    hash(keyAt, keyBytes);
    if (put(offset)) entries++;
    last = offset;
  }
  if (answer === isDone && at !== end) answer = hasRest;
  if (last >= 0) store<f64>(resultsAt, <f64>last, lastIndexedOffsetAt);
  store<f64>(resultsAt, <f64>entries, entriesAt);
  store<f64>(resultsAt, <f64>at, positionAt);
  return answer;
}

/** The newest offset of the key at `at`. */
export function find(at: u32, bytes: u32): f64 {
  hash(at, bytes);
  return <f64>offsetIn(locate());
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
  for (let i: u32 = 0; i < count; i++) {
    const next = readRecord(at, end);
    if (next === damaged) {
      answer = isDamaged;
      break;
    }
    const recordAt = at;
    at = next;
    const offset = base + offsetDelta;
    const timestampMs = appendTimeMs >= 0 ? appendTimeMs : baseTimestampMs + timestampDelta;
    if (offset > mapEnd) beyondMap++;
    else if (keyBytes < 0) {
      nullKeys++;
      continue;
    } else {
      hash(keyAt, keyBytes);
      if (offset < offsetIn(locate())) {
        superseded++;
        continue;
      }
      if (valueBytes < 0 && (dropTombstones || timestampMs <= tombstonesGoUpToMs)) {
        tombstonesExpired++;
        continue;
      }
    }
    if (kept === 0) firstTimestampMs = timestampMs;
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
    if (valueBytes < 0) tombstones++;
    store<u32>(listAt + (kept << 2), recordAt);
    kept++;
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
