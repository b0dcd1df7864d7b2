/**
 * Messages in the form of Kafka's JSON converters, in which the vectors are written: only the fields of the
 * version, a tagged field only when it is not its default, bytes in base64, longs beyond ±(2^53 − 1) as
 * decimal strings. Longs are bigints on our side here, so that all 64 bits are compared.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { AnyRecord, Schema } from '../../protocol/schema/api.ts';
import {
  type Decoder,
  type Encoder,
  exactCodec,
  recordDecoder,
  recordEncoder,
} from '../../protocol/schema/compile.ts';
import type { AnyField, Kind, Shape } from '../../protocol/schema/field.ts';
import { greatestLong, zeroUuid } from '../../protocol/schema/field.ts';
import { includes } from '../../protocol/schema/versions.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import { Writer } from '../../protocol/wire/writer.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

// biome-ignore lint/suspicious/noExplicitAny: decoded messages of any schema
type Value = any;

/** One line of a vector file; which properties it has depends on the file. */
export interface VectorLine {
  api: string;
  key: number;
  version: number;
  kind: 'request' | 'response' | 'header' | 'key' | 'value' | 'data';
  case: string;
  hex: string;
  json: Json;
  header: Json;
  headerVersion: number;
  topic: string;
  type: string;
  recordType: number;
}

export function vectorLines(path: string): VectorLine[] {
  const text = readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** A decoded message as Kafka's JSON converter prints it. */
export function toJson(schema: Schema, version: number, message: Value): Json {
  return structToJson(schema.fields, version, message);
}

function structToJson(fields: Shape, version: number, value: Value): Json {
  const json: { [key: string]: Json } = {};
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.traits.versions, version)) continue;
    if (field.traits.tagNumber !== undefined && isDefault(field, value[name])) continue;
    json[name] = valueToJson(field.kind, version, value[name]);
  }
  return json;
}

function valueToJson(kind: Kind, version: number, value: Value): Json {
  if (value === null) return null;
  switch (kind.type) {
    case 'struct':
      return structToJson(kind.fields, version, value);
    case 'array':
      return value.map((item: Value) => valueToJson(kind.of.kind, version, item));
    case 'bytes':
    case 'records':
      return value.toString('base64');
    case 'int64':
      return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
        ? Number(value)
        : String(value);
    default:
      return value;
  }
}

/** A value to encode, from Kafka's JSON. */
export function fromJson(schema: Schema, json: Json): Value {
  return structFromJson(schema.fields, json as { [key: string]: Json });
}

function structFromJson(fields: Shape, json: { [key: string]: Json }): Value {
  const value: Value = {};
  for (const [name, inner] of Object.entries(json)) {
    const field = fields[name];
    if (field === undefined) throw new Error(`no field ${name}`);
    value[name] = valueFromJson(field.kind, inner);
  }
  return value;
}

function valueFromJson(kind: Kind, json: Json): Value {
  if (json === null) return null;
  switch (kind.type) {
    case 'struct':
      return structFromJson(kind.fields, json as { [key: string]: Json });
    case 'array':
      return (json as Json[]).map((item) => valueFromJson(kind.of.kind, item));
    case 'bytes':
    case 'records':
      return Buffer.from(json as string, 'base64');
    case 'int64':
      return BigInt(json as string | number);
    default:
      return json;
  }
}

/** Whether a decoded value is its field's default. */
function isDefault(field: AnyField, value: Value): boolean {
  const { defaultValue } = field.traits;
  if (defaultValue === greatestLong) return value === greatest;
  if (typeof value === 'bigint') return value === BigInt((defaultValue as number) ?? 0);
  if (defaultValue !== undefined) return value === defaultValue;
  if (value === null) return false;
  const { kind } = field;
  switch (kind.type) {
    case 'struct':
      return Object.entries(kind.fields).every(([name, inner]) => isDefault(inner, value[name]));
    case 'array':
    case 'bytes':
    case 'records':
      return value.length === 0;
    case 'uuid':
      return value === zeroUuid;
    case 'string':
      return value === '';
    case 'bool':
      return value === false;
    default:
      return value === 0;
  }
}

/** Every bigint replaced by the bigint that its nearest JavaScript number stands for. */
function roundLongs(value: Value): Value {
  if (typeof value === 'bigint') return BigInt.asIntN(64, clamp(BigInt(Number(value))));
  if (Array.isArray(value)) return value.map(roundLongs);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, roundLongs(inner)]));
}

function clamp(value: bigint): bigint {
  return value > greatest ? greatest : value;
}

const greatest = 2n ** 63n - 1n;

/**
 * Checks one body against its JSON, both ways, with two codecs. The exact one, in which longs are bigints,
 * must give the vector's bytes again. The one that the broker uses must give them too, except that longs
 * beyond ±2^53 are rounded to the nearest number: the least and the greatest long come back, their neighbours
 * become them.
 */
export function checkBody(schema: Schema, line: VectorLine, body: Buffer, what: string): void {
  const { version } = line;
  const exact = exactCodec(schema, version);
  const exactly = decode(exact.decode, body, what);
  expect(toJson(schema, version, exactly), what).toEqual(line.json);
  const rounded = encode(exact.encode, roundLongs(exactly));

  const decoded = decode(recordDecoder(schema as AnyRecord, version), body, what);
  expect(encode(recordEncoder(schema as AnyRecord, version), decoded), `${what}: encoded`).toBe(rounded);
  // A reader skips unknown tags, so they are not written again.
  if (line.case === 'unknownTags') return;
  expect(encode(exact.encode, exactly), `${what}: encoded exactly`).toBe(body.toString('hex'));
  expect(encode(exact.encode, fromJson(schema, line.json)), `${what}: JSON encoded`).toBe(
    body.toString('hex'),
  );
}

function decode(decoder: Decoder<unknown>, body: Buffer, what: string): unknown {
  const reader = new Reader(body);
  const value = decoder(reader);
  expect(reader.remaining, `${what}: bytes left`).toBe(0);
  return value;
}

function encode(encoder: Encoder<never>, value: unknown): string {
  const writer = new Writer();
  encoder(writer, value as never);
  return writer.finishBuffer().toString('hex');
}
