/**
 * Keys and values of the records in the coordinators' topics (`__consumer_offsets`, `__transaction_state`,
 * `__share_group_state`):
 *
 *    key     | record type int16 | fields of the key, at version 0 |
 *    value   | version int16     | fields of the value             |      null: a tombstone
 *
 * A topic's records are listed in a catalogue, from which decoding gives a union that a `switch` on `kind`
 * takes apart. What a catalogue does not know — a newer record type, a newer version — is told apart, not
 * refused: it was written by a broker that knew better, and is to be kept.
 */
import type { AnyRecord, RecordInit, RecordOf } from '../schema/api.ts';
import { recordDecoder, recordEncoder } from '../schema/compile.ts';
import { includes } from '../schema/versions.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

/** The schemas of one kind of record. */
export interface KeyedRecord {
  readonly key: AnyRecord;
  readonly value: AnyRecord;
}

/** The kinds of record that a topic holds, by name. */
export type Catalogue = { readonly [kind: string]: KeyedRecord };

export type UnknownRecord = {
  readonly kind: 'unknown';
  readonly type: number;
  /** The value's version; undefined for a tombstone, and where the type is not known. */
  readonly version: number | undefined;
};

/** A decoded record. Its byte fields are views on the key and the value. */
export type Keyed<C extends Catalogue> = {
  [Kind in keyof C & string]: {
    readonly kind: Kind;
    readonly key: RecordOf<C[Kind]['key']>;
    /** Null: the key is deleted. */
    readonly value: RecordOf<C[Kind]['value']> | null;
  };
}[keyof C & string];

const keyVersion = 0;

export function encodeKey<R extends AnyRecord>(schema: R, key: RecordInit<R>): Buffer {
  const writer = new Writer();
  writer.int16(schema.type!);
  recordEncoder(schema, keyVersion)(writer, key);
  return writer.finishBuffer();
}

export function encodeValue<R extends AnyRecord>(schema: R, version: number, value: RecordInit<R>): Buffer {
  const writer = new Writer();
  writer.int16(version);
  recordEncoder(schema, version)(writer, value);
  return writer.finishBuffer();
}

/**
 * Decodes records of one topic; made once from the topic's catalogue. Throws `BrokenFrame` on bytes that are
 * no record.
 */
export function recordReader<const C extends Catalogue>(
  catalogue: C,
): (key: Buffer, value: Buffer | null) => Keyed<C> | UnknownRecord {
  const kinds: ({ kind: string } & KeyedRecord)[] = [];
  for (const [kind, schemas] of Object.entries(catalogue)) kinds[schemas.key.type!] = { kind, ...schemas };
  return (keyBytes, valueBytes) => {
    const reader = new Reader(keyBytes);
    const type = reader.int16();
    const found = kinds[type];
    if (found === undefined) return { kind: 'unknown', type, version: undefined };
    const key = recordDecoder(found.key, keyVersion)(reader);
    if (valueBytes === null) return { kind: found.kind, key, value: null } as Keyed<C>;
    reader.reset(valueBytes);
    const version = reader.int16();
    if (!includes(found.value.versions, version)) return { kind: 'unknown', type, version };
    return { kind: found.kind, key, value: recordDecoder(found.value, version)(reader) } as Keyed<C>;
  };
}
