/**
 * Builds one message as a list of chunks. Small fields are copied into blocks; record batches and opaque
 * bytes are linked in as they are, so a fetch answer of 50 MB costs a few hundred bytes here. The forms are
 * drawn in reader.ts.
 *
 *    blocks   | size … topic … partition |            | partition … |
 *    linked                              | file region |             | batch |
 *    chunks       0                          1             2             3        in this order on the wire
 *
 * Blocks are cut one after the other from slabs of 64 KiB, because a DataView per slab costs nothing and one
 * per message 70 ns. A place in a slab is used once: it lives as long as a chunk of it does. While a writer
 * is open it owns its slab; one opened meanwhile, for what is written aside, takes another. `finish` gives
 * the rest back, and the next writer takes what was given back last, so that messages lie in a row.
 */
import type { OpaqueBytes } from '../schema/field.ts';
import { maxStringBytes } from './reader.ts';
import { uuidBytes, writeUuid } from './uuid.ts';

/**
 * A value that its schema, or this version of it, cannot express: an error of the program, not of a client.
 */
export class UnwritableValue extends Error {
  override readonly name = 'UnwritableValue';
}

/** A message with more bytes in memory than its writer was told to allow. */
export class MessageTooLarge extends Error {
  override readonly name = 'MessageTooLarge';

  constructor(bytesMax: number) {
    super(`more than ${bytesMax} bytes`);
  }
}

export type Chunk = Buffer | OpaqueBytes;

interface Slab {
  readonly bytes: Buffer;
  readonly view: DataView;
  used: number;
}

const slabBytes = 64 * 1024;
/**
 * A message begins in a new slab when the current one has less room than this: most fit in it as one chunk.
 */
const leastRoom = 1024;
/** Linked buffers up to this size are copied instead: one more chunk costs the socket more than the copy. */
const copiedBytes = 512;
/** Up to this many characters a loop over character codes beats the runtime's UTF-8 encoder. */
const shortString = 24;
const twoTo32 = 0x1_0000_0000;
const twoTo63 = 2 ** 63;

/** As many as writers are open at a time: one, and one for each level of what is written aside. */
const sparesMax = 4;
const spares: Slab[] = [];

function giveBack(slab: Slab): void {
  if (slab.bytes.length - slab.used >= leastRoom && spares.length < sparesMax) spares.push(slab);
}

function newSlab(bytes: number): Slab {
  const buffer = Buffer.from(new ArrayBuffer(bytes));
  return { bytes: buffer, view: new DataView(buffer.buffer), used: 0 };
}

export class Writer {
  #slab: Slab;
  #bytes: Buffer;
  #view: DataView;
  /** Where the open block begins in its slab, and where the next byte goes. */
  #from: number;
  #at: number;
  readonly #chunks: Chunk[] = [];
  #closedBytes = 0;
  readonly #bytesMax: number;
  /** Without opaque bytes, which lie in files. */
  #memoryBytes = 0;

  /** Throws `MessageTooLarge` soon after there are more bytes than that in memory. */
  constructor(bytesMax = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax;
    this.#slab = spares.pop() ?? newSlab(slabBytes);
    this.#bytes = this.#slab.bytes;
    this.#view = this.#slab.view;
    this.#from = this.#slab.used;
    this.#at = this.#from;
  }

  /** Bytes written or linked so far. */
  get byteLength(): number {
    return this.#closedBytes + this.#at - this.#from;
  }

  /** Ends the message and gives its chunks; the writer is of no use afterwards. */
  finish(): Chunk[] {
    this.#closeBlock();
    giveBack(this.#slab);
    return this.#chunks;
  }

  /** Ends a message without opaque bytes and gives it as one buffer. */
  finishBuffer(): Buffer {
    const chunks = this.finish();
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks as Buffer[]);
  }

  /** Ends a message, and puts its length in front of it as an int32: the frame of a request or response. */
  finishFrame(): Chunk[] {
    const length = this.byteLength - 4;
    const chunks = this.finish();
    (chunks[0] as Buffer).writeInt32BE(length, 0);
    return chunks;
  }

  int8(value: number): void {
    const at = this.#room(1);
    this.#view.setInt8(at, value);
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#view.setInt16(at, value);
  }

  int32(value: number): void {
    const at = this.#room(4);
    this.#view.setInt32(at, value);
  }

  uint16(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value);
  }

  uint32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
  }

  float64(value: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, value);
  }

  bool(value: boolean): void {
    const at = this.#room(1);
    this.#view.setInt8(at, value ? 1 : 0);
  }

  /** Saturates: 2^63, which is how the greatest long reads, writes as the greatest long. */
  int64(value: number): void {
    const at = this.#room(8);
    if (value >= twoTo63) {
      this.#view.setInt32(at, 0x7fffffff);
      this.#view.setUint32(at + 4, 0xffffffff);
    } else if (value < -twoTo63) {
      this.#view.setInt32(at, -0x80000000);
      this.#view.setUint32(at + 4, 0);
    } else {
      const high = Math.floor(value / twoTo32);
      this.#view.setInt32(at, high);
      this.#view.setUint32(at + 4, value - high * twoTo32);
    }
  }

  bigint64(value: bigint): void {
    const at = this.#room(8);
    this.#view.setBigInt64(at, value);
  }

  uuid(value: string): void {
    const at = this.#room(uuidBytes);
    if (!writeUuid(this.#bytes, at, value))
      throw new UnwritableValue(`not a UUID of 22 characters: '${value}'`);
  }

  uvarint(value: number): void {
    let at = this.#room(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[at++] = rest;
    this.#at = at;
  }

  string(value: string): void {
    const length = stringBytes(value);
    this.int16(length);
    this.#text(value, length);
  }

  compactString(value: string): void {
    const length = stringBytes(value);
    this.uvarint(length + 1);
    this.#text(value, length);
  }

  bytes(value: Uint8Array): void {
    this.int32(value.length);
    this.append(value);
  }

  compactBytes(value: Uint8Array): void {
    this.uvarint(value.length + 1);
    this.append(value);
  }

  records(value: Uint8Array | OpaqueBytes): void {
    this.int32(value.byteLength);
    this.link(value);
  }

  compactRecords(value: Uint8Array | OpaqueBytes): void {
    this.uvarint(value.byteLength + 1);
    this.link(value);
  }

  /** Copies bytes in. */
  append(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  /** Makes `value` part of the message without a copy: it must not change until the message is sent. */
  link(value: Uint8Array | OpaqueBytes): void {
    if (value instanceof Uint8Array) {
      if (value.length <= copiedBytes) {
        this.append(value);
        return;
      }
      this.#closeBlock();
      this.#chunks.push(
        Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.length),
      );
      this.#count(value.length);
    } else {
      if (value.byteLength === 0) return;
      this.#closeBlock();
      this.#chunks.push(value);
    }
    this.#closedBytes += value.byteLength;
  }

  /** A second writer, for a part whose size must be known before it is written; see `sized`. */
  aside(): Writer {
    return new Writer(this.#bytesMax);
  }

  /** Writes the size of what was written aside as an unsigned varint, then that. */
  sized(aside: Writer): void {
    this.uvarint(aside.byteLength);
    if (aside.byteLength > copiedBytes || aside.#chunks.length > 0) {
      for (const chunk of aside.finish()) this.link(chunk);
      return;
    }
    // Copied, so that its place is free again.
    this.append(aside.#bytes.subarray(aside.#from, aside.#at));
    giveBack(aside.#slab);
  }

  /**
   * Room for `length` bytes in the open block; gives their place and moves past them. It may change `#bytes`
   * and `#view`, so it is called before they are read.
   */
  #room(length: number): number {
    const at = this.#at;
    if (length <= this.#bytes.length - at) {
      this.#at = at + length;
      return at;
    }
    this.#closeBlock();
    this.#slab = newSlab(Math.max(slabBytes, length));
    this.#bytes = this.#slab.bytes;
    this.#view = this.#slab.view;
    this.#from = 0;
    this.#at = length;
    return 0;
  }

  #closeBlock(): void {
    if (this.#at > this.#from) {
      this.#chunks.push(this.#bytes.subarray(this.#from, this.#at));
      this.#closedBytes += this.#at - this.#from;
      this.#count(this.#at - this.#from);
      this.#from = this.#at;
    }
    this.#slab.used = this.#at;
  }

  #count(bytes: number): void {
    this.#memoryBytes += bytes;
    if (this.#memoryBytes > this.#bytesMax) throw new MessageTooLarge(this.#bytesMax);
  }

  #text(value: string, length: number): void {
    const at = this.#room(length);
    if (length > shortString || length !== value.length) {
      this.#bytes.write(value, at, length, 'utf8');
      return;
    }
    // As many bytes as UTF-16 units: ASCII alone.
    for (let index = 0; index < length; index++) this.#bytes[at + index] = value.charCodeAt(index);
  }
}

function stringBytes(value: string): number {
  let length = value.length;
  if (length > shortString || !isAscii(value)) length = Buffer.byteLength(value);
  if (length > maxStringBytes)
    throw new UnwritableValue(`a string of ${length} bytes: ${maxStringBytes} are allowed`);
  return length;
}

function isAscii(value: string): boolean {
  for (let index = 0; index < value.length; index++) if (value.charCodeAt(index) >= 0x80) return false;
  return true;
}
