/** lz4 and snappy in the WebAssembly kernel: what it writes the codecs read, and what it reads is what they would have read. */
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { BatchRecords, Kernel } from '../../compaction/kernel.ts';
import { JsKernel } from '../../compaction/kernel-js.ts';
import { WasmKernel } from '../../compaction/kernel-wasm.ts';
import { codecByName } from '../../protocol/records/compression.ts';
import { readVectors } from '../protocol/records/vectors.ts';
import { encode } from './kernel-records.ts';

const limit = 16 * 1024 * 1024;
const scratchBytes = 4 * 1024 * 1024;

/** From noise to one byte over and over, with repeats near and far. */
const contents: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 400 })),
      fc.tuple(
        fc.constantFrom(...[1, 2, 3, 5, 8, 15, 16, 17].map((n) => Buffer.alloc(n, 'abcdefg'))),
        fc.nat(9000),
      ),
      fc.nat(200_000),
    ),
    { maxLength: 8 },
  )
  .map((parts) => {
    let all = Buffer.alloc(0);
    for (const part of parts) {
      let next: Uint8Array;
      if (part instanceof Uint8Array) next = part;
      else if (Array.isArray(part)) next = Buffer.concat(Array.from({ length: part[1] }, () => part[0]));
      else next = all.subarray(Math.max(0, all.length - part), Math.max(0, all.length - part) + 5000);
      all = Buffer.concat([all, next]);
    }
    return all.subarray(0, 300_000);
  });

/** What the kernel has in scratch after `unpack`, or what it threw. */
function unpack(kernel: Kernel, codec: number, packed: Buffer): string {
  kernel.reserve(packed.length + 3, scratchBytes);
  packed.copy(kernel.input, 3);
  try {
    const bytes = kernel.unpack(codec, 3, 3 + packed.length);
    return kernel.scratch.toString('latin1', 0, bytes);
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

/** The values of records, as `pack` leaves them: what it is given is what `rebuild` wrote. */
function pack(kernel: Kernel, codec: number, value: Buffer): { plain: Buffer; packed: Buffer } {
  const { bytes } = encode(
    [{ timestampDelta: 0n, offsetStep: 1, key: Buffer.from('key'), value, headers: [], padding: 0 }],
    null,
  );
  kernel.begin(64, 32, Buffer.alloc(16));
  kernel.reserve(bytes.length, 0);
  bytes.copy(kernel.input);
  const records: BatchRecords = {
    area: 'input',
    start: 0,
    end: bytes.length,
    count: 1,
    baseOffset: 0,
    baseTimestampMs: 0,
    appendTimeMs: -1,
  };
  kernel.filter(records, { mapEndOffset: 10, dropTombstones: false, tombstonesGoUpToMs: -1 });
  const plain = Buffer.from(kernel.rebuild(records, 0));
  return { plain, packed: Buffer.from(kernel.pack(codec)) };
}

describe.each(['lz4', 'snappy'] as const)('%s', (name) => {
  const codec = codecByName(name);
  const wasm = new WasmKernel();
  const javascript = new JsKernel();

  test('what it packs, the codec reads', () => {
    fc.assert(
      fc.property(contents, (value) => {
        const { plain, packed } = pack(wasm, codec.id, value);
        expect(codec.decompress(packed, limit).equals(plain)).toBe(true);
        expect(unpack(wasm, codec.id, packed)).toBe(plain.toString('latin1'));
      }),
      { numRuns: 150 },
    );
  });

  test('what the codec packs, it reads, without its help', () => {
    const asked = vi.spyOn(codec, 'decompress');
    fc.assert(
      fc.property(contents, (plain) => {
        fc.pre(plain.length > 0);
        expect(unpack(wasm, codec.id, codec.compress(plain))).toBe(plain.toString('latin1'));
      }),
      { numRuns: 150 },
    );
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
  });

  test('what is damaged, the codec judges', () => {
    const damage = fc.array(
      fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    fc.assert(
      fc.property(contents, damage, fc.option(fc.nat(50), { nil: 0 }), (plain, places, cut) => {
        const packed = Buffer.from(codec.compress(plain.subarray(0, 3000)));
        for (const [at, value] of places) packed[Math.floor(at * packed.length)] = value;
        const damaged = packed.subarray(0, Math.max(1, packed.length - cut));
        expect(unpack(wasm, codec.id, damaged)).toBe(unpack(javascript, codec.id, damaged));
      }),
      { numRuns: 600 },
    );
  });

  test('what Apache Kafka packed', () => {
    interface Vector {
      readonly kind: string;
      readonly codec: string;
      readonly magic?: number;
      readonly compressedHex: string;
    }
    const vectors = readVectors<Vector>('hash.jsonl', 255).filter(
      (vector) => vector.kind === 'codec' && vector.codec.startsWith(name) && vector.magic !== 0,
    );
    expect(vectors.length).toBeGreaterThan(5);
    for (const { compressedHex } of vectors) {
      const packed = Buffer.from(compressedHex, 'hex');
      const plain = codec.decompress(packed, limit).toString('latin1');
      expect(unpack(wasm, codec.id, packed)).toBe(plain);
    }
  });

  test('repeated bytes become few', () => {
    const { plain, packed } = pack(wasm, codec.id, Buffer.alloc(200_000, 'a value like many others; '));
    expect(packed.length).toBeLessThan(plain.length / (name === 'lz4' ? 100 : 15));
  });
});
