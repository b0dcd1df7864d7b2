import { createRequire } from 'node:module';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { batchHeaderBytes, codecOf, ensureValid } from '../../../protocol/records/batch.ts';
import { buildBatch, type NewRecord } from '../../../protocol/records/batch-builder.ts';
import { decodeLz4Block, measureLz4Block } from '../../../protocol/records/codecs/lz4-block.ts';
import { codecById, codecIds, ensureCodec } from '../../../protocol/records/compression.ts';
import { readLegacyBatch } from '../../../protocol/records/legacy.ts';
import { openRecords, readRecords } from '../../../protocol/records/record.ts';
import { RecordError } from '../../../protocol/records/record-error.ts';

const codec = fc.constantFrom(...Object.values(codecIds));
/** Text that repeats and text that does not, so that codecs find matches of all lengths. */
const bytes = fc
  .tuple(
    fc.uint8Array({ maxLength: 60 }),
    fc.integer({ min: 0, max: 3000 }),
    fc.uint8Array({ maxLength: 60 }),
  )
  .map(([unit, times, tail]) => Buffer.concat([Buffer.alloc(unit.length * times, unit), tail]));
const small = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));
const record: fc.Arbitrary<NewRecord> = fc.record({
  timestampMs: fc.oneof(fc.maxSafeNat(), fc.constant(-1)),
  key: fc.option(small),
  value: fc.option(small),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'binary' }), value: fc.option(small) }), {
    maxLength: 3,
  }),
});

beforeAll(() => ensureCodec(codecIds.zstd));

describe('codecs', () => {
  it('give back what they were given', () => {
    fc.assert(
      fc.property(codec, bytes, (id, plain) => {
        const compressed = codecById(id).compress(plain);
        expect(codecById(id).decompress(compressed, plain.length).equals(plain)).toBe(true);
      }),
    );
  });

  it('keep to their limit', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 4), bytes, fc.nat(5000), (id, plain, below) => {
        fc.pre(plain.length > 1);
        const limit = Math.max(1, plain.length - 1 - below);
        const compressed = codecById(id).compress(plain);
        expect(() => codecById(id).decompress(compressed, limit)).toThrow(
          /kompakt.records.decompressed.max.bytes/,
        );
      }),
    );
  });

  it('throw nothing but records errors on garbage', () => {
    fc.assert(
      fc.property(
        codec,
        bytes,
        fc.array(fc.tuple(fc.nat(), fc.nat(255))),
        fc.nat(),
        (id, plain, changes, cut) => {
          const broken = Buffer.from(codecById(id).compress(plain));
          for (const [at, value] of changes) if (broken.length > 0) broken[at % broken.length] = value;
          onlyRecordErrors(() =>
            codecById(id).decompress(broken.subarray(0, cut % (broken.length + 1)), 2 ** 20),
          );
          onlyRecordErrors(() => codecById(id).decompress(broken, 2 ** 20, 0));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('lz4 frames of any number of blocks, with what else they may have, give what went in', () => {
    const native = createRequire(import.meta.url)('lz4-napi') as {
      compressFrameSync(input: Buffer, options: object): Buffer;
    };
    // Blocks of 256 KiB are the binding's: some frames have two or three, some of them stored.
    const pieces = fc.array(fc.tuple(bytes, fc.integer({ min: 1, max: 1500 })), { maxLength: 3 });
    fc.assert(
      fc.property(pieces, fc.boolean(), fc.boolean(), (repeated, contentChecksum, blockChecksums) => {
        const plain = Buffer.concat(
          repeated.map(([piece, times]) => Buffer.alloc(piece.length * times, piece)),
        );
        const frame = native.compressFrameSync(plain, { contentChecksum, blockChecksums });
        const codec = codecById(codecIds.lz4);
        expect(codec.decompress(frame, plain.length).equals(plain)).toBe(true);
        // One block more than it claims.
        const parts = [frame.subarray(0, -4), Buffer.from('01000080ff00000000', 'hex')];
        if (!contentChecksum && !blockChecksums && plain.length > 0)
          expect(codec.decompress(Buffer.concat(parts), 2 * plain.length + 1).length).toBe(plain.length + 1);
      }),
      { numRuns: 15 },
    );
  });

  it('lz4 blocks decode in JavaScript as in the binding', () => {
    const native = createRequire(import.meta.url)('lz4-napi') as { compressSync(input: Buffer): Buffer };
    fc.assert(
      fc.property(bytes, (plain) => {
        // The binding puts the size before the block.
        const block = native.compressSync(plain).subarray(4);
        expect(measureLz4Block(block, 0, block.length)).toBe(plain.length);
        const out = Buffer.alloc(plain.length);
        expect(decodeLz4Block(block, 0, block.length, out, 0, out.length)).toBe(plain.length);
        expect(out.equals(plain)).toBe(true);
      }),
    );
  });
});

describe('batches', () => {
  it('are read as they were built', () => {
    fc.assert(
      fc.property(
        codec,
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.maxSafeNat(),
        (id, records, base) => {
          const baseOffset = Math.min(base, Number.MAX_SAFE_INTEGER - 100);
          const built = buildBatch({ baseOffset, codec: id, records });
          ensureValid(built, 0);
          expect(codecOf(built, 0)).toBe(id);
          const read = readRecords(built, 0);
          expect(read).toHaveLength(records.length);
          read.forEach((found, i) => {
            const { timestampMs, key, value, headers } = records[i]!;
            const sent = headers!.map((header) => ({ ...header, key: Buffer.from(header.key).toString() }));
            expect(found).toEqual({
              offset: baseOffset + i,
              timestamp: timestampMs,
              key,
              value,
              headers: sent,
            });
          });
        },
      ),
    );
  });

  it('that are damaged throw nothing but records errors', () => {
    fc.assert(
      fc.property(
        codec,
        fc.array(record, { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (id, records, changes, onlyRecords) => {
          const built = buildBatch({ codec: id, records });
          const from = onlyRecords ? batchHeaderBytes : 0;
          for (const [at, value] of changes) built[from + (at % (built.length - from))] = value;
          onlyRecordErrors(() => walk(built));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('of pure noise throw nothing but records errors', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 1, 2), (noise, magic) => {
        const buffer = Buffer.from(noise);
        if (buffer.length >= 17) {
          buffer.writeInt32BE(buffer.length - 12, 8);
          buffer[16] = magic;
        }
        onlyRecordErrors(() => walk(buffer));
      }),
      { numRuns: 500 },
    );
  });
});

function walk(buffer: Buffer): void {
  batch.forEachBatch(buffer, 0, buffer.length, (position, size) => {
    if (batch.magic(buffer, position) < batch.magicV2)
      readLegacyBatch(buffer, position, { maxDecompressedBytes: 2 ** 20 });
    else if (size >= batchHeaderBytes) {
      const cursor = openRecords(buffer, position, 2 ** 20);
      while (cursor.next()) cursor.record();
    }
  });
}

function onlyRecordErrors(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
  }
}
