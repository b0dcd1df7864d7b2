import { describe, expect, it } from 'vitest';
import { crc32c, crc32cInJs } from '../../../protocol/records/crc32c.ts';

describe('crc32c', () => {
  it('gives the check value of the algorithm', () => {
    expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  });

  it('is one function, whichever side of the native threshold a length falls', () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7 + (i >> 3)) & 255));
    for (const [start, end] of [
      [0, 0],
      [3, 4],
      [1, 150],
      [1, 151],
      [0, 149],
      [7, 160],
      [13, 5000],
    ] as const)
      expect(crc32c(bytes, start, end)).toBe(crc32cInJs(bytes, start, end));
  });
});
