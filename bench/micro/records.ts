/** Record batches: made, checked, walked over, compressed; and their checksum. */
import * as batch from '../../protocol/records/batch.ts';
import { buildBatch, type NewRecord } from '../../protocol/records/batch-builder.ts';
import { type CodecName, codecById, codecIds, ensureCodec } from '../../protocol/records/compression.ts';
import { crc32c, crc32cInJs } from '../../protocol/records/crc32c.ts';
import { openRecords, type RecordCursor } from '../../protocol/records/record.ts';
import { drawn, type MicroCase, type MicroGroup, mustBe } from './micro-case.ts';

const recordCount = 160;
const decompressedMax = 1024 * 1024;

/** About 16 KiB that compress about as well as JSON does. */
export function someRecords(): NewRecord[] {
  const random = drawn(90);
  return Array.from({ length: recordCount }, (_, i) => {
    const value = Buffer.alloc(80, 'the quick brown fox jumps over the lazy dog; ');
    for (let at = 0; at < value.length; at += 2) value[at] = 32 + random();
    return { timestampMs: 1_790_000_000_000 + i, key: Buffer.from(`key ${i}`.padEnd(16)), value };
  });
}

function walked(cursor: RecordCursor): number {
  let valueBytes = 0;
  while (cursor.next()) valueBytes += cursor.valueBytes;
  return valueBytes;
}

export const records: MicroGroup = {
  name: 'records',
  per: 'record',
  cases: async () => {
    const made = someRecords();
    const plain = buildBatch({ records: made });
    const size = { items: recordCount, bytes: plain.length };
    const cases: MicroCase[] = [
      {
        name: 'build a batch of 160 records of 100 B',
        ...size,
        run: () => buildBatch({ records: made }),
        check: (built: Buffer) => mustBe('batch built', built.equals(plain), true),
      },
      {
        name: 'walk over its records',
        ...size,
        run: () => walked(openRecords(plain, 0, decompressedMax)),
        check: (bytes: number) => mustBe('bytes of values', bytes, recordCount * 80),
      },
      {
        name: 'check its checksum',
        ...size,
        run: () => batch.isValidCrc(plain, 0),
        check: (isValid: boolean) => mustBe('checksum is right', isValid, true),
      },
    ];
    for (const name of ['gzip', 'snappy', 'lz4', 'zstd'] as const)
      cases.push(...(await codecCases(name, made)));
    return cases;
  },
};

async function codecCases(name: CodecName, made: NewRecord[]): Promise<MicroCase[]> {
  await ensureCodec(codecIds[name]);
  const packed = buildBatch({ records: made, codec: codecIds[name] });
  const plain = buildBatch({ records: made }).subarray(batch.batchHeaderBytes);
  const codec = codecById(codecIds[name]);
  return [
    {
      name: `${name}, compress 16 KiB of records`,
      items: recordCount,
      bytes: plain.length,
      run: () => codec.compress(plain),
      check: (bytes: Buffer) =>
        mustBe(`${name}, bytes compressed`, bytes.length, packed.length - batch.batchHeaderBytes),
    },
    {
      name: `${name}, decompress and walk over them`,
      items: recordCount,
      bytes: plain.length,
      run: () => walked(openRecords(packed, 0, decompressedMax)),
      check: (bytes: number) => mustBe(`${name}, bytes of values`, bytes, recordCount * 80),
    },
  ];
}

export const crc: MicroGroup = {
  name: 'crc',
  per: 'call',
  cases: () => {
    const random = drawn(256);
    const all = Buffer.from(Array.from({ length: 64 * 1024 }, random));
    // The native one is loaded only when so much was summed.
    for (let i = 0; i < 64; i++) crc32c(all, 0, all.length);
    return [100, 1024, 16 * 1024, 64 * 1024].flatMap((bytes): MicroCase[] => {
      const expected = crc32cInJs(all, 0, bytes);
      const check = (sum: number): void => mustBe('checksum', sum, expected);
      return [
        { name: `CRC-32C of ${bytes} B`, bytes, run: () => crc32c(all, 0, bytes), check },
        { name: `CRC-32C of ${bytes} B, in JavaScript`, bytes, run: () => crc32cInJs(all, 0, bytes), check },
      ];
    });
  },
};
