/** What holds for every message at every version, whatever its values. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupRecords } from '../../../broker/groups/records/index.ts';
import { metadataRecords } from '../../../broker/metadata/records/index.ts';
import { messages } from '../../../protocol/messages/index.ts';
import type { AnyRecord, Schema } from '../../../protocol/schema/api.ts';
import { recordDecoder, recordEncoder } from '../../../protocol/schema/compile.ts';
import { BrokenFrame, Reader } from '../../../protocol/wire/reader.ts';
import { Writer } from '../../../protocol/wire/writer.ts';
import { vectorLines } from '../../conformance/kafka-json.ts';
import { messageOf } from './arbitrary.ts';

const bodies: [string, Schema[]][] = Object.values(messages).map((api) => [
  api.name,
  [api.request, api.response],
]);
const records: Schema[] = [
  ...Object.values(groupRecords).flatMap(({ key, value }): AnyRecord[] => [key, value]),
  ...Object.values(metadataRecords),
];

function encode(schema: Schema, version: number, value: object): Buffer {
  const writer = new Writer();
  recordEncoder(schema as AnyRecord, version)(writer, value as never);
  const { byteLength } = writer;
  const body = writer.finishBuffer();
  expect(body.length).toBe(byteLength);
  return body;
}

function decode(schema: Schema, version: number, body: Buffer): { value: object; left: number } {
  const reader = new Reader(body);
  const value = recordDecoder(schema as AnyRecord, version)(reader);
  return { value, left: reader.remaining };
}

function expectRoundTrip(schema: Schema, runs: number): void {
  for (let version = schema.versions.low; version <= schema.versions.high; version++)
    fc.assert(
      fc.property(messageOf(schema, version), (message) => {
        const body = encode(schema, version, message);
        const { value, left } = decode(schema, version, body);
        expect(left).toBe(0);
        expect(value).toMatchObject(message);
        // It has all fields; those of other versions are at their defaults, so it encodes again.
        expect(encode(schema, version, value).equals(body)).toBe(true);
      }),
      { numRuns: runs },
    );
}

test.each(bodies)('%s comes back as it went, at every version', (_name, schemas) => {
  for (const schema of schemas) expectRoundTrip(schema, 6);
});

test('records come back as they went', () => {
  for (const schema of records) expectRoundTrip(schema, 6);
});

test.each(bodies)('%s: all versions decode to the same properties in the same order', (_name, schemas) => {
  for (const schema of schemas) {
    const shapes = new Set<string>();
    for (let version = schema.versions.low; version <= schema.versions.high; version++)
      shapes.add(Object.keys(decode(schema, version, encode(schema, version, {})).value).join());
    expect(shapes).toEqual(new Set([Object.keys(schema.fields).join()]));
  }
});

/** Objects and array elements in a value: what a decoder has allocated. */
function nodes(value: unknown): number {
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + nodes(inner), 1);
}

/** Decodes what may be anything; the only error allowed is `BrokenFrame`. */
function tryDecode(schema: Schema, version: number, body: Buffer): object | undefined {
  try {
    return decode(schema, version, body).value;
  } catch (error) {
    expect(error).toBeInstanceOf(BrokenFrame);
    return undefined;
  }
}

test.each(bodies)('%s: garbage is a broken frame or a small message', (_name, schemas) => {
  for (const schema of schemas)
    for (let version = schema.versions.low; version <= schema.versions.high; version++) {
      const empty = nodes(decode(schema, version, encode(schema, version, {})).value);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
          const value = tryDecode(schema, version, Buffer.from(garbage));
          // A struct has at most 60 fields, and costs at least a byte.
          if (value !== undefined) expect(nodes(value)).toBeLessThan(empty + 60 * garbage.length + 1);
        }),
        { numRuns: 20 },
      );
    }
});

test.each(Object.values(messages).map((api) => [api.name, api] as const))(
  '%s: a cut frame is a broken frame',
  (name, api) => {
    for (const line of vectorLines(`api/${name}.jsonl`)) {
      const schema = line.kind === 'request' ? api.request : api.response;
      const body = Buffer.from(line.hex, 'hex');
      const step = Math.max(1, Math.floor(body.length / 8));
      for (let length = 0; length < body.length; length += step)
        expect(
          tryDecode(schema, line.version, body.subarray(0, length)),
          `${line.case} cut at ${length}`,
        ).toBeUndefined();
    }
  },
);

test.each(Object.values(messages).map((api) => [api.name, api] as const))(
  '%s: a changed byte never throws anything else',
  (name, api) => {
    for (const line of vectorLines(`api/${name}.jsonl`)) {
      const schema = line.kind === 'request' ? api.request : api.response;
      const body = Buffer.from(line.hex, 'hex');
      const step = Math.max(1, Math.floor(body.length / 8));
      for (let at = 0; at < body.length; at += step) {
        const whole = body[at]!;
        for (const byte of [0x00, 0x7f, 0x80, 0xff, whole ^ 1]) {
          body[at] = byte;
          tryDecode(schema, line.version, body);
        }
        body[at] = whole;
      }
    }
  },
);
