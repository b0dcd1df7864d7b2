/** Random records as bytes, whole and damaged, for kernels: more than a producer would send, less than memory could hold. */
import fc from 'fast-check';

export interface RecordSpec {
  readonly timestampDelta: bigint;
  readonly offsetStep: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [Uint8Array, Uint8Array | null])[];
  /** Bytes that say nothing, at the end of each varint where its width allows them. */
  readonly padding: number;
}

export interface Damage {
  readonly kind: 'byte' | 'cut' | 'long-varint' | 'record-length' | 'key-length' | 'value-length' | 'count';
  /** Where, as a part of the whole. */
  readonly at: number;
  readonly value: number;
}

const aFew = { maxLength: 12 };
/** So few that many records have the same. */
const commonKey = fc.nat(30).map((n) => Buffer.from(`key ${n}`));
const anyKey = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .constantFrom(0, 1, 7, 8, 9, 15, 16, 17, 255, 256, 4000)
    .map((length) => new Uint8Array(length).fill(length)),
);
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

const recordSpec: fc.Arbitrary<RecordSpec> = fc.record({
  timestampDelta: fc.oneof(
    { weight: 4, arbitrary: fc.bigInt({ min: -100n, max: 20_000n }) },
    { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }) },
    { weight: 1, arbitrary: int64 },
  ),
  offsetStep: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 100_000 })),
  key: fc.oneof(
    { weight: 6, arbitrary: commonKey },
    { weight: 2, arbitrary: anyKey },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  value: fc.oneof(
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 2, arbitrary: fc.constant(null) },
  ),
  headers: fc.array(fc.tuple(fc.uint8Array(aFew), fc.option(fc.uint8Array(aFew), { nil: null })), {
    maxLength: 3,
  }),
  padding: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.nat(3)),
});

export const recordSpecs: fc.Arbitrary<readonly RecordSpec[]> = fc.array(recordSpec, { maxLength: 40 });

export const damages: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('byte', 'cut', 'long-varint', 'record-length', 'key-length', 'value-length', 'count'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  value: fc.oneof(
    fc.integer({ min: -3, max: 300 }),
    fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 2 ** 24, 2 ** 30),
  ),
});

/** The records, one after the other, and how many the batch says there are. */
export function encode(
  specs: readonly RecordSpec[],
  damage: Damage | null,
): { bytes: Buffer; count: number } {
  const spoilt = damage ? Math.floor(damage.at * specs.length) : -1;
  let offsetDelta = -1;
  const records = specs.map((spec, i) => {
    offsetDelta += spec.offsetStep;
    return encodeRecord(spec, offsetDelta, i === spoilt ? damage : null);
  });
  let bytes = Buffer.concat(records);
  let count = specs.length;
  if (damage?.kind === 'byte' && bytes.length > 0) bytes[Math.floor(damage.at * bytes.length)] = damage.value;
  if (damage?.kind === 'cut') bytes = bytes.subarray(0, Math.floor(damage.at * bytes.length));
  if (damage?.kind === 'count') count = Math.max(0, damage.value);
  return { bytes, count };
}

function encodeRecord(spec: RecordSpec, offsetDelta: number, damage: Damage | null): Buffer {
  const { padding } = spec;
  const varint = (value: number): Buffer => varlong(BigInt.asIntN(32, BigInt(value)), padding, 5);
  const sized = (bytes: Uint8Array | null, kind?: Damage['kind']): Buffer[] => {
    const length = damage && damage.kind === kind ? damage.value : (bytes?.length ?? -1);
    return [varint(length), Buffer.from(bytes ?? [])];
  };
  const body = Buffer.concat([
    Buffer.from([0]),
    damage?.kind === 'long-varint' ? Buffer.alloc(11, 0x80) : varlong(spec.timestampDelta, padding, 10),
    varint(offsetDelta),
    ...sized(spec.key, 'key-length'),
    ...sized(spec.value, 'value-length'),
    varint(spec.headers.length),
    ...spec.headers.flatMap(([key, value]) => [...sized(key), ...sized(value)]),
  ]);
  const length = damage?.kind === 'record-length' ? damage.value : body.length;
  return Buffer.concat([varint(length), body]);
}

/** Zig-zag, with up to `padding` bytes more than it needs, `bytesMax` in all. */
function varlong(value: bigint, padding: number, bytesMax: number): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn));
  bytes.push(Number(rest));
  for (let i = 0; i < padding && bytes.length < bytesMax; i++) bytes.push(0);
  return Buffer.from(bytes.map((byte, i) => (i < bytes.length - 1 ? byte | 0x80 : byte)));
}
