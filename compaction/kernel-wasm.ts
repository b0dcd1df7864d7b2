import { Uncleanable } from './clean-job.ts';
import {
  type BatchRecords,
  type Filtered,
  type KeepRules,
  type Kernel,
  nothingFiltered,
  seedBytes,
  slotBytes,
} from './kernel.ts';
import { keptMax, rebuiltBytesMax } from './kernel-js.ts';
import { kernelCode } from './kernel-wasm-code.ts';
import { RecordFields } from './record-fields.ts';

/**
 * The kernel (kernel.ts) in WebAssembly; its code is compaction/kernel/index.ts, which this gives its memory:
 *
 *    0        16         128     24704
 *    | seed   | results  | block | map | input | scratch | list of records kept | output | 16 bytes that are only read |
 *
 * The map has the room that it may take from the beginning, but fills it from its start as keys come: what it has not reached
 * is addresses, not memory.
 * The memory grows where it is and never shrinks; it goes with the kernel, or at the next `begin`. Growing moves all areas
 * behind the one that grew, so those whose content must last come first. What the module cannot read it does not judge:
 * record-fields.ts reads it again and throws.
 */

/** What WebAssembly is here of the global of that name; Node has none with --jitless. */
interface WebAssemblyApi {
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
  Memory: new (options: { initial: number }) => WasmMemory;
}

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What compaction/kernel/index.ts exports; addresses come back signed. */
export interface KernelModule {
  begin(mapAt: number, slots: number, slotsMax: number, entriesMax: number): void;
  index(start: number, end: number, count: number, baseOffset: number, fromOffset: number): number;
  find(at: number, bytes: number): number;
  filter(
    start: number,
    end: number,
    count: number,
    baseOffset: number,
    baseTimestampMs: number,
    appendTimeMs: number,
    mapEndOffset: number,
    dropTombstones: boolean,
    tombstonesGoUpToMs: number,
    listAt: number,
  ): number;
  rebuild(
    listAt: number,
    kept: number,
    end: number,
    recordsBaseTimestampMs: number,
    appendTimeMs: number,
    baseTimestampMs: number,
    outputAt: number,
  ): number;
}

const pageBytes = 64 * 1024;
/** The addresses of WebAssembly have 32 bits. */
const memoryBytesMax = 65536 * pageBytes;
const seedAt = 0;
const resultsAt = 16;
/** Numbers from `resultsAt` on, in this order. */
const results = {
  lastIndexedOffset: 0,
  entries: 1,
  slots: 2,
  position: 3,
  kept: 4,
  tombstones: 5,
  beyondMap: 6,
  superseded: 7,
  tombstonesExpired: 8,
  nullKeys: 9,
  firstTimestampMs: 10,
  maxTimestampMs: 11,
} as const;
const resultCount = 12;
const mapAt = 24704;
/** 384 KiB: what the first thousands of keys take. */
const slotsAtFirst = 16 * 1024;
/** Whole words are read where bytes are wanted, also of the last area. */
const marginBytes = 16;
const answers = { isDone: 0, isFull: 1, isDamaged: 2, hasRest: 3 } as const;

const noBytes = Buffer.alloc(0);
let compiled: object | null = null;

export class WasmKernel implements Kernel {
  readonly kind = 'wasm';
  input: Buffer = noBytes;
  scratch: Buffer = noBytes;
  readonly filtered: Filtered = { ...nothingFiltered };
  #memory: WasmMemory;
  #module: KernelModule;
  #results = new Float64Array(resultCount);
  #slotsMax = 0;
  #mapEnd = mapAt;
  #hasBegun = false;
  // Bytes of the areas, in their order.
  #inputBytes = 0;
  #scratchBytes = 0;
  #listBytes = 0;
  #outputBytes = 0;

  /** Throws where WebAssembly is not to be had, or no address space for its memory. */
  constructor() {
    this.#memory = newMemory(mapAt);
    this.#module = instantiate(this.#memory);
    this.#view();
  }

  get entries(): number {
    return this.#results[results.entries]!;
  }

  get lastIndexedOffset(): number {
    return this.#results[results.lastIndexedOffset]!;
  }

  get memoryBytes(): number {
    const untouched = this.#slotsMax - this.#results[results.slots]!;
    return this.#memory.buffer.byteLength - untouched * slotBytes;
  }

  begin(slots: number, entriesMax: number, seed: Buffer): void {
    if (this.#hasBegun) {
      this.#memory = newMemory(mapAt);
      this.#module = instantiate(this.#memory);
    }
    this.#hasBegun = true;
    this.#slotsMax = slots;
    this.#mapEnd = mapAt + slots * slotBytes;
    this.#grow();
    seed.copy(new Uint8Array(this.#memory.buffer, seedAt, seedBytes));
    this.#module.begin(mapAt, Math.min(slots, slotsAtFirst), slots, Math.min(entriesMax, slots - 1));
  }

  reserve(inputBytes: number, scratchBytes: number): void {
    if (inputBytes <= this.#inputBytes && scratchBytes <= this.#scratchBytes) return;
    this.#inputBytes = Math.max(this.#inputBytes, aligned(inputBytes));
    this.#scratchBytes = Math.max(this.#scratchBytes, aligned(scratchBytes));
    this.#grow();
  }

  index(records: BatchRecords, fromOffset: number): boolean {
    const { count, baseOffset } = records;
    const at = this.#addressOf(records);
    const answer = this.#module.index(at + records.start, at + records.end, count, baseOffset, fromOffset);
    if (answer >= answers.isDamaged) throw this.#damage(records, answer);
    return answer === answers.isDone;
  }

  find(key: Uint8Array): number {
    this.#makeRoom(this.#listBytes, key.length);
    new Uint8Array(this.#memory.buffer, this.#outputAt, key.length).set(key);
    return this.#module.find(this.#outputAt, key.length);
  }

  filter(records: BatchRecords, rules: KeepRules): void {
    const { filtered } = this;
    this.#makeRoom(4 * keptMax(records), this.#outputBytes);
    const at = this.#addressOf(records);
    const answer = this.#module.filter(
      at + records.start,
      at + records.end,
      records.count,
      records.baseOffset,
      records.baseTimestampMs,
      records.appendTimeMs,
      rules.mapEndOffset,
      rules.dropTombstones,
      rules.tombstonesGoUpToMs,
      this.#listAt,
    );
    const found = this.#results;
    filtered.kept = found[results.kept]!;
    filtered.tombstones = found[results.tombstones]!;
    filtered.beyondMap = found[results.beyondMap]!;
    filtered.superseded = found[results.superseded]!;
    filtered.tombstonesExpired = found[results.tombstonesExpired]!;
    filtered.nullKeys = found[results.nullKeys]!;
    filtered.firstTimestampMs = found[results.firstTimestampMs]!;
    filtered.maxTimestampMs = found[results.maxTimestampMs]!;
    if (answer !== answers.isDone) throw this.#damage(records, answer);
  }

  rebuild(records: BatchRecords, baseTimestampMs: number): Buffer {
    const { kept } = this.filtered;
    this.#makeRoom(this.#listBytes, rebuiltBytesMax(records, kept));
    const outputAt = this.#outputAt;
    const end = this.#module.rebuild(
      this.#listAt,
      kept,
      this.#addressOf(records) + records.end,
      records.baseTimestampMs,
      records.appendTimeMs,
      baseTimestampMs,
      outputAt,
    );
    return Buffer.from(this.#memory.buffer, outputAt, (end >>> 0) - outputAt);
  }

  get #scratchAt(): number {
    return aligned(this.#mapEnd) + this.#inputBytes;
  }

  get #listAt(): number {
    return this.#scratchAt + this.#scratchBytes;
  }

  get #outputAt(): number {
    return this.#listAt + this.#listBytes;
  }

  get #end(): number {
    return this.#outputAt + this.#outputBytes + marginBytes;
  }

  #addressOf({ area }: BatchRecords): number {
    return area === 'input' ? aligned(this.#mapEnd) : this.#scratchAt;
  }

  /** For what comes behind input and scratch, which keep their content. */
  #makeRoom(listBytes: number, outputBytes: number): void {
    if (listBytes <= this.#listBytes && outputBytes <= this.#outputBytes) return;
    this.#listBytes = Math.max(this.#listBytes, aligned(listBytes));
    this.#outputBytes = Math.max(this.#outputBytes, aligned(outputBytes));
    this.#grow();
  }

  #grow(): void {
    const missing = this.#end - this.#memory.buffer.byteLength;
    if (missing > 0) {
      if (this.#end > memoryBytesMax)
        throw new Uncleanable(
          `a batch needs more than the ${memoryBytesMax} bytes that the cleaner can address`,
        );
      this.#memory.grow(Math.ceil(missing / pageBytes));
    }
    this.#view();
  }

  /** Growing has detached all views from before. */
  #view(): void {
    const { buffer } = this.#memory;
    this.#results = new Float64Array(buffer, resultsAt, resultCount);
    this.input = Buffer.from(buffer, aligned(this.#mapEnd), this.#inputBytes);
    this.scratch = Buffer.from(buffer, this.#scratchAt, this.#scratchBytes);
  }

  /** What is wrong with the records, as the other kernel says it. */
  #damage(records: BatchRecords, answer: number): Error {
    const at = this.#addressOf(records);
    const bytes = Buffer.from(this.#memory.buffer, 0, at + records.end);
    const fields = new RecordFields();
    fields.open(bytes, this.#results[results.position]!, at + records.end);
    try {
      if (answer === answers.hasRest) fields.ended();
      else fields.next();
    } catch (error) {
      return error as Error;
    }
    return new Error('the kernel found a record damaged that is not');
  }
}

/** The module on a memory, compiled at the first call of the process. */
export function instantiate(memory: WasmMemory): KernelModule {
  const { Instance, Module } = webAssembly();
  compiled ??= new Module(Buffer.from(kernelCode, 'base64'));
  return new Instance(compiled, { env: { memory } }).exports as KernelModule;
}

/** A memory of zeros, of at least so many bytes. */
export function newMemory(bytes: number): WasmMemory {
  return new (webAssembly().Memory)({ initial: Math.ceil(bytes / pageBytes) });
}

function webAssembly(): WebAssemblyApi {
  const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
  if (api === undefined) throw new Error('this Node runs no WebAssembly');
  return api;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
