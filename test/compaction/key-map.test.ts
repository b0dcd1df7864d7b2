/** The map of keys in WebAssembly grows in its place and forgets nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kernel, slotBytes } from '../../compaction/kernel.ts';
import { JsKernel } from '../../compaction/kernel-js.ts';
import { instantiate, newMemory, WasmKernel } from '../../compaction/kernel-wasm.ts';
import { encode } from './kernel-records.ts';

const mapAt = 32_768;
const recordAt = 64 * 1024;

test('from four slots on, key by key, with any seed', () => {
  const memory = newMemory(2 * 64 * 1024);
  const bytes = Buffer.from(memory.buffer);
  const module = instantiate(memory);
  const grown = fc.record({
    seed: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    first: fc.integer({ min: 2, max: 40 }),
    slots: fc.integer({ min: 40, max: 700 }),
    keys: fc.array(fc.nat(2000), { maxLength: 600 }),
  });
  fc.assert(
    fc.property(grown, ({ seed, first, slots, keys }) => {
      bytes.fill(0);
      bytes.set(seed);
      module.begin(mapAt, first, slots, slots - 1);
      const newest = new Map<number, number>();
      keys.forEach((key, offset) => {
        const end = writeRecord(bytes, key);
        const isFull = newest.size === slots - 1;
        expect(module.index(recordAt, end, 1, offset, 0)).toBe(isFull ? 1 : 0);
        if (!isFull) newest.set(key, offset);
      });
      for (let key = 0; key <= 2000; key += newest.has(key) ? 1 : 7) {
        const keyBytes = bytes.write(String(key), recordAt);
        expect(module.find(recordAt, keyBytes)).toBe(newest.get(key) ?? -1);
      }
      expect(entriesIn(bytes, slots)).toBe(newest.size);
    }),
    { numRuns: 150 },
  );
});

test('200,000 keys, and memory only for what it has reached', () => {
  const count = 200_000;
  const kernels: Kernel[] = [new WasmKernel(), new JsKernel()];
  const slots = 5_000_000;
  for (const kernel of kernels) {
    kernel.begin(slots, 4_000_000, Buffer.alloc(16, 9));
    for (let offset = 0; offset < count; offset += 1000) {
      const records = Array.from({ length: 1000 }, (_, i) => recordOf(offset + i));
      const { bytes } = encode(records, null);
      kernel.reserve(bytes.length, 0);
      bytes.copy(kernel.input);
      const place = { area: 'input', start: 0, end: bytes.length, baseOffset: offset } as const;
      const times = { baseTimestampMs: 0, appendTimeMs: -1 };
      expect(kernel.index({ ...place, ...times, count: 1000 }, 0)).toBe(true);
    }
    expect(kernel.entries).toBe(count);
    expect(kernel.lastIndexedOffset).toBe(count - 1);
    for (let n = 0; n < count; n += 17) expect(kernel.find(keyOf(n))).toBe(n);
    for (let n = count; n < count + 10_000; n += 17) expect(kernel.find(keyOf(n))).toBe(-1);
  }
  expect(kernels[0]!.memoryBytes).toBeLessThan(600_000 * slotBytes);
});

const keyOf = (n: number): Buffer => Buffer.from(`key ${n}`);

function recordOf(n: number) {
  return { timestampDelta: 0n, offsetStep: 1, key: keyOf(n), value: null, headers: [], padding: 0 };
}

function writeRecord(bytes: Buffer, key: number): number {
  const record = { ...recordOf(0), key: Buffer.from(String(key)) };
  return recordAt + encode([record], null).bytes.copy(bytes, recordAt);
}

function entriesIn(bytes: Buffer, slots: number): number {
  let count = 0;
  for (let i = 0; i < slots; i++) if (bytes.readBigUInt64LE(mapAt + i * slotBytes + 16) !== 0n) count++;
  return count;
}
