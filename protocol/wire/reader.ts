/**
 * A cursor over one frame. Every read is checked against the frame's end and throws `BrokenFrame` beyond it;
 * no length that a frame claims is believed before that many bytes are known to be there, so reading never
 * costs more memory than the frame itself justifies. Everything is big-endian.
 *
 * One byte of a frame may stand for an element of an array, which as an object costs fifty. So elements are
 * counted, nested ones and tagged fields with them, and a reader can be told how many are too many.
 *
 *    STRING          int16 length, UTF-8                  COMPACT_STRING   uvarint length + 1, UTF-8
 *    BYTES, RECORDS  int32 length, bytes                  COMPACT_…        uvarint length + 1, bytes
 *    ARRAY           int32 count, elements                COMPACT_ARRAY    uvarint count + 1, elements
 *    null            length −1                            null             0
 *    UUID            16 bytes                             uvarint          7 bits a byte, lowest first
 *
 * Bytes come as views on the frame: whoever keeps one longer than the frame copies it.
 *
 * A reader works in positions of the whole ArrayBuffer, because a DataView (70 ns) and a Buffer over it are
 * then made once per ArrayBuffer and not once per frame: a connection keeps one reader and calls `reset` for
 * each frame.
 */
import { readUuid, uuidBytes } from './uuid.ts';

/** Input that is not what its schema says. The only error that decoding throws. */
export class BrokenFrame extends Error {
  override readonly name = 'BrokenFrame';
}

/** More elements than the reader was told to allow. */
export class TooManyElements extends BrokenFrame {
  constructor(elementsMax: number) {
    super(`more than ${elementsMax} array elements`);
  }
}

/** Kafka refuses longer strings in either direction, whatever the length prefix could hold. */
export const maxStringBytes = 0x7fff;

/** A tagged field has a tag and a size. */
const taggedFieldBytes = 2;

/** Above this many bytes the runtime's UTF-8 decoder is faster than a loop over character codes. */
const shortString = 24;

export class Reader {
  #whole: Buffer;
  #view: DataView;
  #start: number;
  #at: number;
  #end: number;
  /** Small integers as long as frames are shorter than 1 GiB: an element has a byte at least. */
  #elements = 0;
  #elementsMax = Number.POSITIVE_INFINITY;

  /** Reads `frame` from `start` (inclusive) to `end` (exclusive). The bytes are borrowed, not copied. */
  constructor(frame: Uint8Array, start = 0, end = frame.length) {
    this.#whole = Buffer.from(frame.buffer);
    this.#view = new DataView(frame.buffer);
    this.#start = frame.byteOffset + start;
    this.#at = this.#start;
    this.#end = frame.byteOffset + end;
  }

  /** Starts over with another frame. */
  reset(frame: Uint8Array, start = 0, end = frame.length): this {
    if (frame.buffer !== this.#view.buffer) {
      this.#whole = Buffer.from(frame.buffer);
      this.#view = new DataView(frame.buffer);
    }
    this.#start = frame.byteOffset + start;
    this.#at = this.#start;
    this.#end = frame.byteOffset + end;
    this.#elements = 0;
    return this;
  }

  /** From here on a frame with more elements than that is refused with `TooManyElements`. */
  limitElements(elementsMax: number): this {
    this.#elementsMax = elementsMax;
    return this;
  }

  /** Elements of arrays read, or about to be read, so far. */
  get elements(): number {
    return this.#elements;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at - this.#start;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  int8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  bool(): boolean {
    return this.#view.getInt8(this.#take(1)) !== 0;
  }

  /** Two 32-bit reads cost 1 ns, one BigInt read 10: exact within ±2^53, rounded beyond. */
  int64(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  bigint64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  uuid(): string {
    return readUuid(this.#whole, this.#take(uuidBytes));
  }

  /** An unsigned 32-bit varint, five bytes at most. */
  uvarint(): number {
    const at = this.#at;
    const byte = at < this.#end ? this.#whole[at]! : 0x80;
    if (byte >= 0x80) return this.#longVarint();
    // Most lengths, tags and counts have one byte.
    this.#at = at + 1;
    return byte;
  }

  #longVarint(): number {
    let at = this.#at;
    const end = Math.min(this.#end, at + 5);
    let value = 0;
    for (let shift = 0; at < end; shift += 7) {
      const byte = this.#whole[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at;
        return value >>> 0;
      }
    }
    if (at === this.#end) throw new BrokenFrame('the frame ends inside a varint');
    throw new BrokenFrame('a varint of more than 5 bytes');
  }

  string(): string {
    return this.#text(this.int16());
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.#text(length);
  }

  compactString(): string {
    return this.#text(this.uvarint() - 1);
  }

  compactNullableString(): string | null {
    const length = this.uvarint() - 1;
    return length < 0 ? null : this.#text(length);
  }

  bytes(): Buffer {
    return this.#slice(this.int32());
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    return length < 0 ? null : this.#slice(length);
  }

  compactBytes(): Buffer {
    return this.#slice(this.uvarint() - 1);
  }

  compactNullableBytes(): Buffer | null {
    const length = this.uvarint() - 1;
    return length < 0 ? null : this.#slice(length);
  }

  /** The count of an array whose elements have at least `elementBytes` bytes each; null is refused. */
  arrayCount(elementBytes: number): number {
    return this.#count(this.int32(), elementBytes);
  }

  /** As `arrayCount`, with −1 for null. */
  nullableArrayCount(elementBytes: number): number {
    const count = this.int32();
    return count < 0 ? -1 : this.#count(count, elementBytes);
  }

  compactArrayCount(elementBytes: number): number {
    return this.#count(this.uvarint() - 1, elementBytes);
  }

  compactNullableArrayCount(elementBytes: number): number {
    const count = this.uvarint() - 1;
    return count < 0 ? -1 : this.#count(count, elementBytes);
  }

  /** The next `length` bytes, as a view. */
  view(length: number): Buffer {
    return this.#slice(length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** How many tagged fields follow. */
  taggedFieldCount(): number {
    const count = this.uvarint();
    return count === 0 ? 0 : this.#count(count, taggedFieldBytes);
  }

  /** Passes over tagged fields that no schema names. */
  skipTaggedFields(): void {
    for (let count = this.taggedFieldCount(); count > 0; count--) {
      this.uvarint();
      this.#take(this.uvarint());
    }
  }

  /** The position at which a tagged field of `size` bytes must end. */
  taggedEnd(size: number): number {
    if (size > this.#end - this.#at)
      throw new BrokenFrame(`a tagged field of ${size} bytes in a frame with ${this.remaining} left`);
    return this.#at - this.#start + size;
  }

  /** Refuses a tagged field whose value is not as long as its size says. */
  endTagged(end: number): void {
    if (this.#at - this.#start !== end) throw new BrokenFrame('a tagged field is not as long as it says');
  }

  #take(length: number): number {
    const at = this.#at;
    if (length < 0 || length > this.#end - at) throw shortFrame(length, this.#end - at);
    this.#at = at + length;
    return at;
  }

  #count(count: number, elementBytes: number): number {
    if (count < 0) throw new BrokenFrame('null where an array must be');
    if (count * elementBytes > this.#end - this.#at)
      throw new BrokenFrame(`${count} elements in a frame with ${this.remaining} bytes left`);
    this.#elements += count;
    if (this.#elements > this.#elementsMax) throw new TooManyElements(this.#elementsMax);
    return count;
  }

  #slice(length: number): Buffer {
    if (length < 0) throw new BrokenFrame('null where bytes must be');
    const at = this.#take(length);
    return this.#whole.subarray(at, at + length);
  }

  #text(length: number): string {
    if (length < 0) throw new BrokenFrame('null where a string must be');
    if (length > maxStringBytes) throw new BrokenFrame(`a string of ${length} bytes`);
    const at = this.#take(length);
    const end = at + length;
    if (length > shortString) return this.#whole.toString('utf8', at, end);
    let text = '';
    for (let index = at; index < end; index++) {
      const byte = this.#whole[index]!;
      if (byte >= 0x80) return this.#whole.toString('utf8', at, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }
}

function shortFrame(wanted: number, left: number): BrokenFrame {
  return new BrokenFrame(
    wanted < 0 ? `a length of ${wanted}` : `${wanted} bytes wanted, ${left} left in the frame`,
  );
}
