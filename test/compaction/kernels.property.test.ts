/** Both kernels do the same with the same records, whole or damaged: answers, bytes, errors. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BatchRecords, KeepRules, Kernel } from '../../compaction/kernel.ts';
import { areaOf, JsKernel } from '../../compaction/kernel-js.ts';
import { WasmKernel } from '../../compaction/kernel-wasm.ts';
import { type Damage, damages, encode, type RecordSpec, recordSpecs } from './kernel-records.ts';

interface PassSpec {
  readonly batches: readonly BatchSpec[];
  readonly seed: Uint8Array;
  readonly slots: number;
  /** Of the slots. */
  readonly fill: number;
  readonly fromOffset: number;
}

interface BatchSpec {
  readonly specs: readonly RecordSpec[];
  readonly damage: Damage | null;
  readonly area: 'input' | 'scratch';
  /** Of the first record in its area. */
  readonly start: number;
  readonly gap: number;
  readonly baseTimestampMs: number;
  readonly appendTimeMs: number;
  readonly rules: KeepRules;
  readonly rebuildsFromMs: number;
}

const timestampMs = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 2_000_000_000 }) },
  { weight: 1, arbitrary: fc.maxSafeInteger() },
);

const batches = (damage: fc.Arbitrary<Damage | null>): fc.Arbitrary<BatchSpec> =>
  fc.record({
    specs: recordSpecs,
    damage,
    area: fc.constantFrom('input', 'scratch'),
    start: fc.nat(70),
    gap: fc.oneof(fc.constant(0), fc.nat(2 ** 40)),
    baseTimestampMs: timestampMs,
    appendTimeMs: fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, timestampMs),
    rules: fc.record({
      mapEndOffset: fc.oneof(fc.maxSafeNat(), fc.nat(2000)),
      dropTombstones: fc.boolean(),
      tombstonesGoUpToMs: fc.oneof(fc.constant(-1), timestampMs),
    }),
    rebuildsFromMs: timestampMs,
  });

const passes = (damage: fc.Arbitrary<Damage | null>): fc.Arbitrary<PassSpec> =>
  fc.record({
    batches: fc.array(batches(damage), { maxLength: 6 }),
    seed: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    slots: fc.integer({ min: 64, max: 300 }),
    fill: fc.double({ min: 0.02, max: 1, noNaN: true }),
    fromOffset: fc.oneof(fc.constant(0), fc.nat(60)),
  });

/** All that a kernel has to say about a pass. */
function run(kernel: Kernel, pass: PassSpec): unknown[] {
  const said: unknown[] = [];
  kernel.begin(pass.slots, Math.ceil(pass.slots * pass.fill), Buffer.from(pass.seed));
  let nextOffset = 0;
  const described = pass.batches.map((spec) => {
    const { bytes, count } = encode(spec.specs, spec.damage);
    const { area, start, baseTimestampMs, appendTimeMs } = spec;
    const baseOffset = nextOffset + spec.gap;
    nextOffset = baseOffset + 100_000 * 40;
    const records: BatchRecords = {
      area,
      start,
      end: start + bytes.length,
      count,
      baseOffset,
      baseTimestampMs,
      appendTimeMs,
    };
    return { spec, bytes, records };
  });
  const place = (records: BatchRecords, bytes: Buffer): void => {
    kernel.reserve(records.end, records.end);
    bytes.copy(areaOf(kernel, records.area), records.start);
  };
  const failing = (call: () => unknown): boolean => {
    try {
      said.push(call());
      return false;
    } catch (error) {
      const { name, message } = error as Error;
      said.push({ name, message });
      return true;
    }
  };
  for (const { bytes, records } of described) {
    place(records, bytes);
    if (failing(() => kernel.index(records, pass.fromOffset))) break;
  }
  said.push(kernel.entries, kernel.lastIndexedOffset);
  for (const { spec, bytes, records } of described) {
    place(records, bytes);
    for (const { key } of spec.specs) if (key) said.push(kernel.find(key));
    if (failing(() => kernel.filter(records, spec.rules))) continue;
    said.push({ ...kernel.filtered });
    said.push(kernel.rebuild(records, spec.rebuildsFromMs).toString('hex'));
  }
  return said;
}

const whole = fc.constant(null);
const oftenWhole = fc.oneof({ weight: 4, arbitrary: whole }, { weight: 1, arbitrary: damages });

test('whole records', () => {
  fc.assert(
    fc.property(passes(whole), (pass) => {
      expect(run(new WasmKernel(), pass)).toEqual(run(new JsKernel(), pass));
    }),
    { numRuns: 400 },
  );
});

test('damaged records', () => {
  fc.assert(
    fc.property(passes(oftenWhole), (pass) => {
      expect(run(new WasmKernel(), pass)).toEqual(run(new JsKernel(), pass));
    }),
    { numRuns: 1000 },
  );
});

test('a kernel that has made a pass makes the next as if it was the first', () => {
  const used = { wasm: new WasmKernel(), javascript: new JsKernel() };
  fc.assert(
    fc.property(passes(oftenWhole), (pass) => {
      const fresh = run(new JsKernel(), pass);
      expect(run(used.wasm, pass)).toEqual(fresh);
      expect(run(used.javascript, pass)).toEqual(fresh);
    }),
    { numRuns: 100 },
  );
});
