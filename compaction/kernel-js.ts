import { sizeOfVarlong, VarintReader, writeVarint, writeVarlong } from '../protocol/records/varint.ts';
import { Uncleanable } from './clean-job.ts';
import {
  type BatchRecords,
  type Filtered,
  type KeepRules,
  type Kernel,
  type KernelArea,
  seedBytes,
  slotBytes,
} from './kernel.ts';
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
  readonly filtered: Filtered = {
    kept: 0,
    tombstones: 0,
    beyondMap: 0,
    superseded: 0,
    tombstonesExpired: 0,
    nullKeys: 0,
    firstTimestampMs: -1,
    maxTimestampMs: -1,
  };
  readonly #seed = new Uint32Array(seedBytes / 4);
  readonly #reader = new VarintReader(noBytes, 0, 0);
  #slots = 0;
  #entriesMax = 0;
  #map = new Uint32Array(0);
  #output: Buffer = noBytes;
  /** Where each record that the last `filter` kept begins. */
  #kept = new Uint32Array(1024);
  // Of the record that `#next` read.
  #timestampDelta = 0;
  #offsetDelta = 0;
  #keyStart = 0;
  #keyBytes = 0;
  #valueBytes = 0;

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
    for (let i = 0; i < records.count; i++) {
      this.#next(bytes);
      const offset = records.baseOffset + this.#offsetDelta;
      if (this.#keyBytes < 0 || offset < fromOffset) continue;
      if (this.entries >= this.#entriesMax) return false;
      this.#put(bytes, offset);
      this.lastIndexedOffset = offset;
    }
    this.#ended(records);
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
    if (this.#kept.length < records.count) this.#kept = new Uint32Array(records.count * 2);
    reset(filtered);
    for (let i = 0; i < records.count; i++) {
      const start = this.#reader.position;
      this.#next(bytes);
      const offset = records.baseOffset + this.#offsetDelta;
      const timestampMs = timestampOf(records, this.#timestampDelta);
      if (!this.#isKept(bytes, offset, timestampMs, rules)) continue;
      if (filtered.kept === 0) filtered.firstTimestampMs = timestampMs;
      if (timestampMs > filtered.maxTimestampMs) filtered.maxTimestampMs = timestampMs;
      if (this.#valueBytes < 0) filtered.tombstones++;
      this.#kept[filtered.kept++] = start;
    }
    this.#ended(records);
  }

  rebuild(records: BatchRecords, baseTimestampMs: number): Buffer {
    const bytes = this.#open(records);
    const growth = 10 * this.filtered.kept;
    const room = records.end - records.start + growth;
    if (this.#output.length < room) this.#output = Buffer.allocUnsafeSlow(room);
    const output = this.#output;
    let to = 0;
    for (let i = 0; i < this.filtered.kept; i++) {
      this.#reader.position = this.#kept[i]!;
      const length = this.#reader.readVarint();
      const end = this.#reader.position + length;
      this.#reader.position += 1;
      const timestampMs = timestampOf(records, this.#reader.readVarlong());
      const rest = this.#reader.position;
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
    if (offset > rules.mapEndOffset) {
      filtered.beyondMap++;
      return true;
    }
    if (this.#keyBytes < 0) {
      filtered.nullKeys++;
      return false;
    }
    hash128(this.#seed, bytes, this.#keyStart, this.#keyStart + this.#keyBytes);
    if (offset < this.#offsetAt(this.#locate())) {
      filtered.superseded++;
      return false;
    }
    if (this.#valueBytes < 0 && (rules.dropTombstones || timestampMs <= rules.tombstonesGoUpToMs)) {
      filtered.tombstonesExpired++;
      return false;
    }
    return true;
  }

  /** The slot of the hash in `result`, or the empty one where it would go, as a place in `#map`. */
  #locate(): number {
    const map = this.#map;
    const end = map.length;
    let at = Math.floor((result[0]! * this.#slots) / twoTo32) * wordsPerSlot;
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
    hash128(this.#seed, bytes, this.#keyStart, this.#keyStart + this.#keyBytes);
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
    const reader = this.#reader;
    reader.buffer = bytes;
    reader.position = records.start;
    reader.end = records.end;
    return bytes;
  }

  /** Reads the fields of a record that matter here; headers are passed over by its length. */
  #next(bytes: Buffer): void {
    const reader = this.#reader;
    const length = reader.readVarint();
    const end = reader.position + length;
    if (length <= 0 || end > reader.end) throw damaged(`a record of ${length} bytes`);
    reader.position += 1;
    this.#timestampDelta = reader.readVarlong();
    this.#offsetDelta = reader.readVarint();
    this.#keyBytes = reader.readVarint();
    this.#keyStart = reader.position;
    if (this.#keyBytes > 0) reader.position += this.#keyBytes;
    if (reader.position >= end) throw damaged(`a key of ${this.#keyBytes} bytes`);
    this.#valueBytes = reader.readVarint();
    if (this.#valueBytes > 0) reader.position += this.#valueBytes;
    if (reader.position >= end || bytes.length < end) throw damaged(`a value of ${this.#valueBytes} bytes`);
    reader.position = end;
  }

  #ended(records: BatchRecords): void {
    if (this.#reader.position !== records.end)
      throw damaged(`${records.end - this.#reader.position} bytes after its last record`);
  }
}

/** The memory of an area. */
export function areaOf(kernel: Pick<Kernel, 'input' | 'scratch'>, area: KernelArea): Buffer {
  return area === 'input' ? kernel.input : kernel.scratch;
}

/** What a record cannot be. */
export function damaged(what: string): Uncleanable {
  return new Uncleanable(`a batch holds ${what}`);
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
