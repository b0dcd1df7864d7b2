import { VarintReader } from '../protocol/records/varint.ts';
import { Uncleanable } from './clean-job.ts';

/**
 * Reads of each record (drawn in protocol/records/record.ts) what a pass looks at; headers are passed over by its length. What
 * is not a record throws: the JavaScript kernel reads by this, and the one in WebAssembly lets it say what it has met.
 */

const noBytes = Buffer.alloc(0);

/** A length, one byte of attributes, five fields of at least one byte: no record is shorter, whatever a batch says of its count. */
export const recordBytesMin = 7;

export class RecordFields {
  // Of the record that `next` read; lengths below 0: none.
  timestampDelta = 0;
  offsetDelta = 0;
  keyStart = 0;
  keyBytes = 0;
  valueBytes = 0;
  readonly #reader = new VarintReader(noBytes, 0, 0);

  /** Begins with the records in `bytes[start, end)`. */
  open(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader;
    reader.buffer = bytes;
    reader.position = start;
    reader.end = end;
  }

  /** Of the next record. */
  get position(): number {
    return this.#reader.position;
  }

  next(): void {
    const reader = this.#reader;
    const length = reader.readVarint();
    const end = reader.position + length;
    if (length <= 0 || end > reader.end) throw damaged(`a record of ${length} bytes`);
    reader.position += 1;
    this.timestampDelta = reader.readVarlong();
    this.offsetDelta = reader.readVarint();
    this.keyBytes = reader.readVarint();
    this.keyStart = reader.position;
    if (this.keyBytes > 0) reader.position += this.keyBytes;
    if (reader.position >= end) throw damaged(`a key of ${this.keyBytes} bytes`);
    this.valueBytes = reader.readVarint();
    if (this.valueBytes > 0) reader.position += this.valueBytes;
    if (reader.position >= end) throw damaged(`a value of ${this.valueBytes} bytes`);
    reader.position = end;
  }

  /** The last record must have ended where the batch does. */
  ended(): void {
    const rest = this.#reader.end - this.#reader.position;
    if (rest !== 0) throw damaged(`${rest} bytes after its last record`);
  }
}

/** What a record cannot be. */
function damaged(what: string): Uncleanable {
  return new Uncleanable(`a batch holds ${what}`);
}
