/**
 * Reads records (drawn in protocol/records/record.ts) as compaction/record-fields.ts does, up to the same damage. AssemblyScript.
 * Positions are addresses in the one memory; fields of the current record are globals, its position is not: what is next
 * must not wait for memory.
 */

/** Where `readRecord` and the varints end, as their answer, when it is no record: the caller then asks JavaScript what it is. */
export const damaged: u32 = 0xffffffff;

/** Of the record that `readRecord` read; below 0: none. */
export let timestampDelta: f64 = 0;
export let offsetDelta: i32 = 0;
export let keyAt: u32 = 0;
export let keyBytes: i32 = 0;
export let valueBytes: i32 = 0;

/** Of the last varint. */
let value: i32 = 0;

/** Reads the record at `at`, which must end before `end`; the position behind it. */
export function readRecord(at: u32, end: u32): u32 {
  let from = readVarint(at, end);
  const length = value;
  if (from === damaged || length <= 0 || <u32>length > end - from) return damaged;
  const recordEnd = from + length;
  from = readVarlong(from + 1, end);
  if (from === damaged) return damaged;
  from = readVarint(from, end);
  if (from === damaged) return damaged;
  offsetDelta = value;
  from = readVarint(from, end);
  if (from === damaged || from >= recordEnd) return damaged;
  keyAt = from;
  keyBytes = value;
  if (value > 0) {
    if (<u32>value >= recordEnd - from) return damaged;
    from += value;
  }
  from = readVarint(from, end);
  if (from === damaged || from >= recordEnd) return damaged;
  valueBytes = value;
  if (value > 0 && <u32>value >= recordEnd - from) return damaged;
  return recordEnd;
}

/** The place of a record's timestamp delta, and the end of the record: for one that `readRecord` has accepted. */
export let bodyEnd: u32 = 0;
export function openBody(at: u32, end: u32): u32 {
  const body = readVarint(at, end);
  bodyEnd = body + value;
  return body + 1;
}

/** Puts 32 bits into `value`, zig-zag; bits beyond are dropped. */
function readVarint(at: u32, end: u32): u32 {
  if (at >= end) return damaged;
  let raw: u32 = load<u8>(at);
  if (raw >= 0x80) {
    raw &= 0x7f;
    let shift: u32 = 7;
    for (;;) {
      if (++at >= end || shift > 28) return damaged;
      const byte: u32 = load<u8>(at);
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
    }
  }
  value = <i32>(raw >> 1) ^ -(<i32>(raw & 1));
  return at + 1;
}

/** Puts 64 bits into `timestampDelta`, as the nearest number. */
export function readVarlong(at: u32, end: u32): u32 {
  if (at >= end) return damaged;
  let raw: u64 = load<u8>(at);
  if (raw >= 0x80) {
    raw &= 0x7f;
    let shift: u64 = 7;
    for (;;) {
      if (++at >= end || shift > 63) return damaged;
      const byte: u64 = load<u8>(at);
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
    }
  }
  const half = <f64>(raw >> 1);
  timestampDelta = (raw & 1) !== 0 ? -half - 1 : half;
  return at + 1;
}
