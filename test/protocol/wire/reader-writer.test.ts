import { expect, test } from 'vitest';
import { greatestLong, zeroUuid } from '../../../protocol/schema/field.ts';
import { BrokenFrame, Reader, TooManyElements } from '../../../protocol/wire/reader.ts';
import { MessageTooLarge, UnwritableValue, Writer } from '../../../protocol/wire/writer.ts';

function bytesOf(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return writer.finishBuffer();
}

function hexOf(write: (writer: Writer) => void): string {
  return bytesOf(write).toString('hex');
}

function reader(hex: string): Reader {
  return new Reader(Buffer.from(hex, 'hex'));
}

test.each([
  [0, '0000000000000000'],
  [-1, 'ffffffffffffffff'],
  [Number.MAX_SAFE_INTEGER, '001fffffffffffff'],
  [Number.MIN_SAFE_INTEGER, 'ffe0000000000001'],
  [2 ** 32, '0000000100000000'],
  [-(2 ** 32) - 1, 'fffffffeffffffff'],
  [greatestLong, '7fffffffffffffff'],
  [-(2 ** 63), '8000000000000000'],
])('the long %d', (value, hex) => {
  expect(hexOf((writer) => writer.int64(value))).toBe(hex);
  expect(reader(hex).int64()).toBe(value);
});

test('longs beyond the range are written as the least and the greatest', () => {
  expect(hexOf((writer) => writer.int64(Number.POSITIVE_INFINITY))).toBe('7fffffffffffffff');
  expect(hexOf((writer) => writer.int64(-(2 ** 80)))).toBe('8000000000000000');
});

test.each([
  [0, '00'],
  [127, '7f'],
  [128, '8001'],
  [16_383, 'ff7f'],
  [0x7fffffff, 'ffffffff07'],
  [0xffffffff, 'ffffffff0f'],
])('the unsigned varint %d', (value, hex) => {
  expect(hexOf((writer) => writer.uvarint(value))).toBe(hex);
  expect(reader(hex).uvarint()).toBe(value);
});

test('a varint that does not end is refused', () => {
  expect(() => reader('808080808001').uvarint()).toThrow('more than 5 bytes');
  expect(() => reader('8080').uvarint()).toThrow('ends inside a varint');
  expect(() => reader('').uvarint()).toThrow(BrokenFrame);
});

test.each([
  '',
  'orders',
  'a string of more than twenty-four letters',
  'Zoë',
  'Žluťoučký kůň úpěl ďábelské ódy',
  '🦊',
  'a\u0000b',
])('the string %j', (text) => {
  const plain = bytesOf((writer) => writer.string(text));
  expect(plain.readInt16BE(0)).toBe(Buffer.byteLength(text));
  expect(new Reader(plain).string()).toBe(text);
  expect(new Reader(bytesOf((writer) => writer.compactString(text))).compactString()).toBe(text);
});

test('a string may have 32,767 bytes', () => {
  const longest = 'é'.repeat(0x3fff);
  expect(new Reader(bytesOf((writer) => writer.compactString(longest))).compactString()).toBe(longest);
  expect(() => bytesOf((writer) => writer.compactString(`${longest}é`))).toThrow(UnwritableValue);
  const tooLong = bytesOf((writer) => writer.compactBytes(Buffer.alloc(0x8000)));
  expect(() => new Reader(tooLong).compactString()).toThrow(BrokenFrame);
});

test('a UUID is 22 characters', () => {
  expect(hexOf((writer) => writer.uuid(zeroUuid))).toBe('00'.repeat(16));
  expect(reader('00'.repeat(16)).uuid()).toBe(zeroUuid);
  const uuid = Buffer.from('0123456789abcdeffedcba9876540001', 'hex').toString('base64url');
  expect(reader(hexOf((writer) => writer.uuid(uuid))).uuid()).toBe(uuid);
  for (const wrong of [
    '',
    'orders',
    `${uuid}A`,
    `${uuid.slice(0, 21)} `,
    `Ł${uuid.slice(1)}`,
    `${uuid.slice(0, 21)}Ł`,
  ])
    expect(() => bytesOf((writer) => writer.uuid(wrong)), wrong).toThrow(UnwritableValue);
});

test('null where it must not be is a broken frame', () => {
  expect(() => reader('ffff').string()).toThrow(BrokenFrame);
  expect(() => reader('00').compactString()).toThrow(BrokenFrame);
  expect(() => reader('ffffffff').bytes()).toThrow(BrokenFrame);
  expect(() => reader('00').compactBytes()).toThrow(BrokenFrame);
  expect(() => reader('ffffffff').arrayCount(1)).toThrow(BrokenFrame);
  expect(reader('ffff').nullableString()).toBeNull();
  expect(reader('ffffffff').nullableBytes()).toBeNull();
  expect(reader('ffffffff').nullableArrayCount(1)).toBe(-1);
  expect(reader('00').compactNullableString()).toBeNull();
  expect(reader('00').compactNullableBytes()).toBeNull();
  expect(reader('00').compactNullableArrayCount(1)).toBe(-1);
});

test('a count is believed only when its elements can be there', () => {
  expect(reader('00000002aabbccdd').arrayCount(2)).toBe(2);
  expect(() => reader('00000003aabbccdd').arrayCount(2)).toThrow('3 elements in a frame with 4 bytes left');
  expect(() => reader('7fffffff').arrayCount(4)).toThrow(BrokenFrame);
  expect(() => reader('ffffffff0f').compactArrayCount(1)).toThrow(BrokenFrame);
});

test('a reader keeps to its part of the buffer', () => {
  const whole = Buffer.from('aabbccddeeff', 'hex');
  const part = new Reader(whole.subarray(1, 5), 1, 3);
  expect(part.remaining).toBe(2);
  expect(part.uint16()).toBe(0xccdd);
  expect(part.position).toBe(2);
  expect(() => part.int8()).toThrow(BrokenFrame);
  part.reset(whole, 4);
  expect(part.view(2).toString('hex')).toBe('eeff');
  part.reset(Buffer.from(new Uint8Array([1, 2]).buffer));
  expect(part.uint16()).toBe(0x0102);
  expect(() => part.skip(-1)).toThrow(BrokenFrame);
});

test('bytes are views on the frame', () => {
  const frame = Buffer.from('00000002aabb', 'hex');
  const view = new Reader(frame).bytes();
  frame[5] = 0xcc;
  expect(view.toString('hex')).toBe('aacc');
});

test('a large buffer and opaque bytes are linked, not copied', () => {
  const batch = Buffer.alloc(1000, 7);
  const region = { byteLength: 5_000_000, file: 'somewhere' };
  const writer = new Writer();
  writer.int32(0);
  writer.records(batch);
  writer.compactRecords(region);
  writer.int8(1);
  expect(writer.byteLength).toBe(4 + 4 + 1000 + 4 + 5_000_000 + 1);
  const chunks = writer.finishFrame();
  expect(chunks[1]).toBe(batch);
  expect(chunks[3]).toBe(region);
  expect(chunks.length).toBe(5);
  expect((chunks[0] as Buffer).readInt32BE(0)).toBe(4 + 1000 + 4 + 5_000_000 + 1);
  expect(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)).toBe(writer.byteLength);
});

test('small records are copied, and no opaque bytes are no chunk', () => {
  const writer = new Writer();
  writer.records(Buffer.from('abc'));
  writer.records({ byteLength: 0 });
  expect(writer.finish().length).toBe(1);
});

test('two writers that are open at once do not share bytes', () => {
  const first = new Writer();
  first.int32(1);
  const second = new Writer();
  second.int32(2);
  first.int32(3);
  const ended = second.finishBuffer();
  const third = new Writer();
  third.int32(4);
  first.int32(5);
  expect(first.finishBuffer().toString('hex')).toBe('000000010000000300000005');
  expect(ended.toString('hex')).toBe('00000002');
  expect(third.finishBuffer().toString('hex')).toBe('00000004');
});

test('a message longer than a slab comes out whole', () => {
  const numbers = Array.from({ length: 100_000 }, (_, index) => index);
  const body = bytesOf((writer) => {
    for (const number of numbers) writer.int32(number);
    writer.append(Buffer.alloc(200_000, 9));
    writer.string('end');
  });
  const back = new Reader(body);
  for (const number of numbers) expect(back.int32()).toBe(number);
  expect(back.view(200_000).every((byte) => byte === 9)).toBe(true);
  expect(back.string()).toBe('end');
});

test('finished messages stay as they are while others are written', () => {
  const messages = Array.from({ length: 2000 }, (_, index) =>
    bytesOf((writer) => writer.string(`message ${index}`)),
  );
  for (const [index, message] of messages.entries())
    expect(new Reader(message).string()).toBe(`message ${index}`);
});

test('elements are counted over all arrays of a frame, and the next frame begins anew', () => {
  const counts = reader('030200000002aabb').limitElements(5);
  expect([counts.compactArrayCount(1), counts.elements]).toEqual([2, 2]);
  expect([counts.compactArrayCount(1), counts.elements]).toEqual([1, 3]);
  expect([counts.arrayCount(1), counts.elements]).toEqual([2, 5]);
  expect(counts.reset(Buffer.from('02aa', 'hex')).elements).toBe(0);
  expect(() => reader('06aaaaaaaaaa').limitElements(4).compactArrayCount(1)).toThrow(TooManyElements);
  expect(() => reader('06aaaaaaaaaa').limitElements(4).compactArrayCount(1)).toThrow('more than 4 array');
  expect(reader('05aaaaaaaaaa').limitElements(4).compactArrayCount(1)).toBe(4);
});

test('tagged fields that no schema names count as elements', () => {
  expect(() => reader('03000001000200').limitElements(2).skipTaggedFields()).toThrow(TooManyElements);
  const allowed = reader('03000001000200').limitElements(3);
  allowed.skipTaggedFields();
  expect([allowed.elements, allowed.remaining]).toEqual([3, 0]);
  expect(() => reader('ffffffff0f0000').skipTaggedFields()).toThrow(BrokenFrame);
});

test('a message ends at the bytes that it may have, those linked in among them, those in files not', () => {
  const letters = Buffer.alloc(100_000);
  const link = (count: number, bytesMax: number) => {
    const writer = new Writer(bytesMax);
    for (let n = 0; n < count; n++) writer.link(letters);
    return writer.byteLength;
  };
  expect(link(3, 300_000)).toBe(300_000);
  expect(() => link(4, 300_000)).toThrow(MessageTooLarge);
  const many = new Writer(300_000);
  expect(() => {
    for (let n = 0; n < 300_000; n++) many.int64(n);
  }).toThrow('more than 300000 bytes');
  const inFile = new Writer(1000);
  inFile.link({ byteLength: 2 ** 30 });
  inFile.int8(1);
  expect(inFile.finish()).toHaveLength(2);
});
