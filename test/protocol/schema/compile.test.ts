import { expect, test } from 'vitest';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { defineRecord, type RecordInit } from '../../../protocol/schema/api.ts';
import { decoderOf, encoderOf, recordDecoder, recordEncoder } from '../../../protocol/schema/compile.ts';
import { decoderSource } from '../../../protocol/schema/decoder-source.ts';
import { describeGrammar } from '../../../protocol/schema/describe.ts';
import { encoderSource } from '../../../protocol/schema/encoder-source.ts';
import {
  array,
  bigint64,
  bytes,
  int16,
  int32,
  string,
  struct,
  uuid,
} from '../../../protocol/schema/field.ts';
import { BrokenFrame, Reader, TooManyElements } from '../../../protocol/wire/reader.ts';
import { UnwritableValue, Writer } from '../../../protocol/wire/writer.ts';

const sample = defineRecord({
  name: 'Sample',
  versions: '0-2',
  flexible: '2+',
  fields: {
    id: int32,
    note: string.in('1+').default('none'),
    hint: string.nullable('1+').default('hint'),
    old: int16.in('0').ignorable(),
    list: array({ name: string, size: bigint64.in('1+') }).in('1+'),
    place: struct({ host: string, port: int32.default(9) }).in('1+'),
    extra: struct({ key: uuid, data: bytes.nullable() }).nullable().tag(3, '2+').default(null),
    late: int32.tag(1, '2+'),
    default: int32.in('2+').default(-1),
  },
});

function encode(version: number, value: RecordInit<typeof sample>): string {
  const writer = new Writer();
  recordEncoder(sample, version)(writer, value);
  return writer.finishBuffer().toString('hex');
}

function decode(version: number, hex: string) {
  return recordDecoder(sample, version)(new Reader(Buffer.from(hex, 'hex')));
}

const defaults = {
  note: 'none',
  hint: 'hint',
  old: 0,
  list: [],
  place: { host: '', port: 9 },
  extra: null,
  late: 0,
  default: -1,
};

test('what is left out is its default, and comes back as it', () => {
  expect(encode(0, { id: 7 })).toBe('00000007000468696e740000');
  expect(decode(0, encode(0, { id: 7 }))).toEqual({ ...defaults, id: 7 });
  expect(decode(1, encode(1, { id: 7 }))).toEqual({ ...defaults, id: 7 });
  expect(decode(2, encode(2, { id: 7, late: 5 }))).toEqual({ ...defaults, id: 7, late: 5 });
});

test.each([
  [{ id: 1, note: 'x' }, 'Sample.note cannot be expressed in version 0'],
  [{ id: 1, list: [{ name: 'a' }] }, 'Sample.list cannot be expressed in version 0'],
  [{ id: 1, place: { host: '', port: 10 } }, 'Sample.place cannot be expressed in version 0'],
  [{ id: 1, late: 1 }, 'Sample.late cannot be expressed in version 0'],
  [
    { id: 1, extra: { key: 'AAAAAAAAAAAAAAAAAAAAAA', data: null } },
    'Sample.extra cannot be expressed in version 0',
  ],
  [{ id: 1, hint: null }, 'Sample.hint must not be null in version 0'],
] as [RecordInit<typeof sample>, string][])('%j is refused in version 0', (value, message) => {
  expect(() => encode(0, value)).toThrow(UnwritableValue);
  expect(() => encode(0, value)).toThrow(message);
});

test('a default may be said in any version, and an ignorable value too', () => {
  const quiet = { id: 1, note: 'none', list: [], place: { host: '' }, late: 0, extra: null, default: -1 };
  expect(encode(0, quiet)).toBe(encode(0, { id: 1 }));
  expect(encode(1, { id: 1, old: 5 })).toBe(encode(1, { id: 1 }));
  expect(decode(0, encode(0, { id: 1, old: 5 })).old).toBe(5);
});

test('tags are written in order, with their sizes', () => {
  const value = { id: 1, late: 2, extra: { key: 'AAAAAAAAAAAAAAAAAAAAAA', data: null } };
  const hex = encode(2, value);
  // 2 tags: 1, of 4 bytes; 3, of 19: there, UUID, null, no tags
  expect(hex).toMatch(/02010400000002031301(00){16}0000$/);
  expect(decode(2, hex)).toMatchObject(value);
});

test('a tag that is not as long as it says is a broken frame', () => {
  const hex = encode(2, { id: 1, late: 2 });
  expect(hex).toMatch(/01010400000002$/);
  expect(() => decode(2, hex.replace(/010400000002$/, '01050000000200'))).toThrow(BrokenFrame);
  expect(() => decode(2, hex.replace(/010400000002$/, '010300000002'))).toThrow(BrokenFrame);
  expect(() => decode(2, hex.replace(/010400000002$/, '01ff0f00000002'))).toThrow(BrokenFrame);
});

test('nested arrays and tagged fields count together', () => {
  const topics = [1, 2].map((n) => ({
    topic: `t${n}`,
    partitions: [0, 1, 2].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 })),
  }));
  const writer = new Writer();
  encoderOf(
    fetch,
    'request',
    12,
  )(writer, { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, topics, clusterId: 'c' });
  const frame = writer.finishBuffer();
  const decode = decoderOf(fetch, 'request', 12);
  // Two topics of three partitions each, and the cluster id, which is tagged.
  expect(decode(new Reader(frame).limitElements(9)).topics).toHaveLength(2);
  expect(() => decode(new Reader(frame).limitElements(8))).toThrow(TooManyElements);
});

test('a codec is compiled once', () => {
  expect(decoderOf(heartbeat, 'request', 4)).toBe(decoderOf(heartbeat, 'request', 4));
  expect(encoderOf(heartbeat, 'response', 0)).toBe(encoderOf(heartbeat, 'response', 0));
  expect(() => decoderOf(heartbeat, 'request', 5)).toThrow('HeartbeatRequest has no version 5');
  expect(() => encoderOf(fetch, 'response', 3)).toThrow(RangeError);
});

test('decoded containers belong to the caller', () => {
  const decoder = decoderOf(findCoordinator, 'response', 0);
  const body = Buffer.from('00000000000100017800002384', 'hex');
  decoder(new Reader(body)).coordinators.push({
    key: '',
    nodeId: 1,
    host: '',
    port: 1,
    errorCode: 0,
    errorMessage: null,
  });
  expect(decoder(new Reader(body)).coordinators).toEqual([]);
});

test('generated code reads like this', () => {
  expect(decoderSource(heartbeat.request, 4)).toBe(`function read$HeartbeatRequest($in) {
  const groupId = $in.compactString();
  const generationId = $in.int32();
  const memberId = $in.compactString();
  const groupInstanceId = $in.compactNullableString();
  $in.skipTaggedFields();
  return { groupId, generationId, memberId, groupInstanceId };
}
return read$HeartbeatRequest;
`);
  expect(encoderSource(heartbeat.response, 1)).toBe(`function write$HeartbeatResponse($out, $value) {
  let throttleTimeMs = $value.throttleTimeMs;
  if (throttleTimeMs === undefined) throttleTimeMs = 0;
  $out.int32(throttleTimeMs);
  let errorCode = $value.errorCode;
  if (errorCode === undefined) errorCode = 0;
  $out.int16(errorCode);
}
return write$HeartbeatResponse;
`);
});

test('a schema as grammar', () => {
  expect(
    describeGrammar(sample, 2),
  ).toBe(`Sample (Version: 2) => id note hint [list] place default _tagged_fields
  id => INT32
  note => COMPACT_STRING
  hint => COMPACT_NULLABLE_STRING
  list => name size _tagged_fields
    name => COMPACT_STRING
    size => INT64
  place => host port _tagged_fields
    host => COMPACT_STRING
    port => INT32
  <tag 3> extra => key data _tagged_fields
    key => UUID
    data => COMPACT_NULLABLE_BYTES
  <tag 1> late => INT32
  default => INT32
`);
  expect(describeGrammar(sample, 0)).toBe(`Sample (Version: 0) => id hint old
  id => INT32
  hint => STRING
  old => INT16
`);
});
