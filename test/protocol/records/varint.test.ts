import { expect, test } from 'vitest';
import { VarintReader, writeVarint, writeVarlong } from '../../../protocol/records/varint.ts';

/** Around the ends of one, two, three … bytes. */
const numbers = [0, 63, 64, 8191, 8192, 1_048_575, 1_048_576, 2 ** 31 - 1].flatMap((n) => [n, -n - 1]);

test.each(numbers)('%i is read as it was written, and nothing past the end', (number) => {
  const bytes = Buffer.alloc(10, 0x11);
  for (const [write, name] of [
    [writeVarint, 'readVarint'],
    [writeVarlong, 'readVarlong'],
  ] as const) {
    const length = write(bytes, 0, number);
    const reader = new VarintReader(bytes, 0, length);
    expect([reader[name](), reader.position]).toEqual([number, length]);
    for (let end = 0; end < length; end++)
      expect(() => new VarintReader(bytes, 0, end)[name]()).toThrow(/ends inside/);
    // A buffer of its own that stops there: what lies behind it is no byte at all.
    const cut = Buffer.from(bytes.subarray(0, length - 1));
    expect(() => new VarintReader(cut, 0, cut.length)[name]()).toThrow(/ends inside/);
  }
});
