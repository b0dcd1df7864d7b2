/** Arbitrary messages of a schema at a version, with every field that the version carries. */
import * as fc from 'fast-check';
import type { Schema } from '../../../protocol/schema/api.ts';
import { type AnyField, greatestLong, type Kind, type Shape } from '../../../protocol/schema/field.ts';
import { includes } from '../../../protocol/schema/versions.ts';

export function messageOf(schema: Schema, version: number): fc.Arbitrary<object> {
  return structOf(schema.fields, version);
}

function structOf(fields: Shape, version: number): fc.Arbitrary<object> {
  const model: { [name: string]: fc.Arbitrary<unknown> } = {};
  for (const [name, field] of Object.entries(fields))
    if (includes(field.traits.versions, version)) model[name] = fieldOf(field, version);
  return fc.record(model);
}

function fieldOf(field: AnyField, version: number): fc.Arbitrary<unknown> {
  const value = valueIn(field.kind, version);
  return includes(field.traits.nullableIn, version) ? fc.option(value, { nil: null, freq: 4 }) : value;
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

const scalars = {
  int8: fc.integer({ min: -0x80, max: 0x7f }),
  int16: fc.integer({ min: -0x8000, max: 0x7fff }),
  int32: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  int64: fc.oneof(
    fc.maxSafeInteger(),
    fc.constantFrom(-1, -2, greatestLong, -greatestLong, 0x1_0000_0000, -0x1_0000_0000),
  ),
  bigint64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint16: fc.integer({ min: 0, max: 0xffff }),
  uint32: fc.integer({ min: 0, max: 0xffffffff }),
  float64: fc.double({ noNaN: true }).map((value) => value + 0),
  bool: fc.boolean(),
  uuid: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((array) => Buffer.from(array).toString('base64url')),
  string: text,
  bytes,
  records: bytes,
} as const;

function valueIn(kind: Kind, version: number): fc.Arbitrary<unknown> {
  if (kind.type === 'struct') return structOf(kind.fields, version);
  if (kind.type === 'array') return fc.array(fieldOf(kind.of, version), { maxLength: 3 });
  return scalars[kind.type];
}
