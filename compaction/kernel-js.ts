import { sizeOfVarlong, VarintReader, writeVarint, writeVarlong } from '../protocol/records/varint.ts';
import {
  type BatchRecords,
  type Filtered,
  type KeepRules,
  type Kernel,
  type KernelArea,
  nothingFiltered,
  seedBytes,
  slotBytes,
} from './kernel.ts';
import { RecordFields, recordBytesMin } from './record-fields.ts';
import { hash128, result } from './sip-hash.ts';

/**
 * The kernel (kernel.ts) in JavaScript: what the WebAssembly one is compared with, and what runs where that cannot.
 * 120 MB/s of records of 64 bytes, against 250.
 */

const wordsPerSlot = slotBytes / 4;
const twoTo32 = 2 ** 32;
const noBytes = Buffer.alloc(0);

export class JsKernel implements Kernel {
  readonly kind = 'javascript';
  input: Buffer = noBytes;
  scratch: Buffer = noBytes;
  entries = 0;
  lastIndexedOffset = -1;
  readonly filtered: Filtered = { ...nothingFiltered };
  readonly #seed = new Uint32Array(seedBytes / 4);
  readonly #fields = new RecordFields();
  readonly #reader = new VarintReader(noBytes, 0, 0);
  #slots = 0;
  #entriesMax = 0;
  #map = new Uint32Array(0);
  #output: Buffer = noBytes;
  /** Where each record that the last `filter` kept begins. */
  #kept = new Uint32Array(1024);

  get memoryBytes(): number {
    const { input, scratch } = this;
    return this.#map.byteLength + input.length + scratch.length + this.#output.length + this.#kept.byteLength;
  }

  begin(slots: number, entriesMax: number, seed: Buffer): void {
    for (let i = 0; i < this.#seed.length; i++) this.#seed[i] = seed.readUInt32LE(i * 4);
    this.#map = new Uint32Array(slots * wordsPerSlot);
    this.#slots = slots;
    this.#entriesMax = Math.min(entriesMax, slots - 1);
    this.entries = 0;
    this.lastIndexedOffset = -1;
  }

  reserve(inputBytes: number, scratchBytes: number): void {
    if (this.input.length < inputBytes) this.input = Buffer.allocUnsafeSlow(inputBytes);
    if (this.scratch.length < scratchBytes) this.scratch = Buffer.allocUnsafeSlow(scratchBytes);
  }

  index(records: BatchRecords, fromOffset: number): boolean {
    const bytes = this.#open(records);
    const fields = this.#fields;
    for (let i = 0; i < records.count; i++) {
      fields.next();
      const offset = records.baseOffset + fields.offsetDelta;
      if (fields.keyBytes < 0 || offset < fromOffset) continue;
      if (this.entries >= this.#entriesMax) return false;
      this.#put(bytes, offset);
      this.lastIndexedOffset = offset;
    }
    fields.ended();
    return true;
  }

  find(key: Uint8Array): number {
    hash128(this.#seed, key, 0, key.length);
    const at = this.#locate();
    return this.#offsetAt(at);
  }

  filter(records: BatchRecords, rules: KeepRules): void {
    const { filtered } = this;
    const bytes = this.#open(records);
    const fields = this.#fields;
    const room = keptMax(records);
    if (this.#kept.length < room) this.#kept = new Uint32Array(room);
    reset(filtered);
    for (let i = 0; i < records.count; i++) {
      const start = fields.position;
      fields.next();
      const offset = records.baseOffset + fields.offsetDelta;
      const timestampMs = timestampOf(records, fields.timestampDelta);
      if (!this.#isKept(bytes, offset, timestampMs, rules)) continue;
      if (filtered.kept === 0) filtered.firstTimestampMs = timestampMs;
      if (timestampMs > filtered.maxTimestampMs) filtered.maxTimestampMs = timestampMs;
      if (fields.valueBytes < 0) filtered.tombstones++;
      this.#kept[filtered.kept++] = start;
    }
    fields.ended();
  }

  rebuild(records: BatchRecords, baseTimestampMs: number): Buffer {
    const room = rebuiltBytesMax(records, this.filtered.kept);
    if (this.#output.length < room) this.#output = Buffer.allocUnsafeSlow(room);
    const output = this.#output;
    const reader = this.#reader;
    const bytes = areaOf(this, records.area);
    reader.buffer = bytes;
    reader.end = records.end;
    let to = 0;
    for (let i = 0; i < this.filtered.kept; i++) {
      reader.position = this.#kept[i]!;
      const length = reader.readVarint();
      const end = reader.position + length;
      reader.position += 1;
      const timestampMs = timestampOf(records, reader.readVarlong());
      const rest = reader.position;
      const delta = timestampMs - baseTimestampMs;
      to = writeVarint(output, to, 1 + sizeOfVarlong(delta) + end - rest);
      output[to++] = 0;
      to = writeVarlong(output, to, delta);
      to += bytes.copy(output, to, rest, end);
    }
    return output.subarray(0, to);
  }

  #isKept(bytes: Buffer, offset: number, timestampMs: number, rules: KeepRules): boolean {
    const { filtered } = this;
    const { keyStart, keyBytes, valueBytes } = this.#fields;
    if (offset > rules.mapEndOffset) {
      filtered.beyondMap++;
      return true;
    }
    if (keyBytes < 0) {
      filtered.nullKeys++;
      return false;
    }
    hash128(this.#seed, bytes, keyStart, keyStart + keyBytes);
    if (offset < this.#offsetAt(this.#locate())) {
      filtered.superseded++;
      return false;
    }
    if (valueBytes < 0 && (rules.dropTombstones || timestampMs <= rules.tombstonesGoUpToMs)) {
      filtered.tombstonesExpired++;
      return false;
    }
    return true;
  }

  /** The slot of the hash in `result`, or the empty one where it would go, as a place in `#map`. */
  #locate(): number {
    const map = this.#map;
    const end = map.length;
    let at = highWord(result[0]!, this.#slots) * wordsPerSlot;
    while (
      (map[at + 4]! | map[at + 5]!) !== 0 &&
      (map[at]! !== result[0]! ||
        map[at + 1]! !== result[1]! ||
        map[at + 2]! !== result[2]! ||
        map[at + 3]! !== result[3]!)
    ) {
      at += wordsPerSlot;
      if (at === end) at = 0;
    }
    return at;
  }

  /** -1 in an empty slot. */
  #offsetAt(at: number): number {
    return this.#map[at + 5]! * twoTo32 + this.#map[at + 4]! - 1;
  }

  #put(bytes: Buffer, offset: number): void {
    const map = this.#map;
    const { keyStart, keyBytes } = this.#fields;
    hash128(this.#seed, bytes, keyStart, keyStart + keyBytes);
    const at = this.#locate();
    if ((map[at + 4]! | map[at + 5]!) === 0) {
      this.entries++;
      for (let i = 0; i < 4; i++) map[at + i] = result[i]!;
    }
    map[at + 4] = (offset + 1) % twoTo32;
    map[at + 5] = (offset + 1) / twoTo32;
  }

  #open(records: BatchRecords): Buffer {
    const bytes = areaOf(this, records.area);
    this.#fields.open(bytes, records.start, records.end);
    return bytes;
  }
}

/** The memory of an area. */
export function areaOf(kernel: Pick<Kernel, 'input' | 'scratch'>, area: KernelArea): Buffer {
  return area === 'input' ? kernel.input : kernel.scratch;
}

/** Records that `filter` may keep, at most: the count that a batch gives is not to be believed. */
export function keptMax({ start, end, count }: BatchRecords): number {
  return Math.min(count, Math.floor((end - start) / recordBytesMin));
}

/** Bytes of records once they are rebuilt, at most: a timestamp's delta may grow by nine, its record's length by one. */
export function rebuiltBytesMax({ start, end }: BatchRecords, kept: number): number {
  return end - start + 10 * kept;
}

/** floor(a × b / 2^32), exactly: the product may have more bits than a number holds. */
function highWord(a: number, b: number): number {
  return Math.floor(((a >>> 16) * b + Math.floor(((a & 0xffff) * b) / 0x10000)) / 0x10000);
}

/** As `RecordCursor.timestamp`. */
function timestampOf(records: BatchRecords, delta: number): number {
  return records.appendTimeMs >= 0 ? records.appendTimeMs : records.baseTimestampMs + delta;
}

function reset(filtered: Filtered): void {
  filtered.kept = 0;
  filtered.tombstones = 0;
  filtered.beyondMap = 0;
  filtered.superseded = 0;
  filtered.tombstonesExpired = 0;
  filtered.nullKeys = 0;
  filtered.firstTimestampMs = -1;
  filtered.maxTimestampMs = -1;
}
