import { beforeAll, describe, expect, it } from 'vitest';
import { errorName } from '../../../protocol/errors.ts';
import * as batch from '../../../protocol/records/batch.ts';
import { codecById, codecIds, ensureCodec } from '../../../protocol/records/compression.ts';
import { ensureValidMessage, readLegacyBatch } from '../../../protocol/records/legacy.ts';
import { openRecords } from '../../../protocol/records/record.ts';
import { RecordError } from '../../../protocol/records/record-error.ts';
import { readVectors } from './vectors.ts';

interface KafkaError {
  readonly exception: string;
  readonly error: string;
}

interface NegativeVector {
  readonly case: string;
  readonly hex: string;
  readonly read: {
    readonly batches: number;
    readonly validBytes?: number;
    readonly batchIteration?: KafkaError;
    readonly ensureValid?: 'ok' | KafkaError;
    readonly records?: number;
    readonly recordIteration?: KafkaError;
  };
}

const vectors = readVectors<NegativeVector>('records/negative.jsonl', 130);
/** Kafka reads keys and values of old messages only when asked; we say at once that they do not fit. */
const refusedEarlier = ['v0/key-length-beyond', 'v1/key-length-beyond'];

beforeAll(() => ensureCodec(codecIds.zstd));

describe("what Kafka's reader makes of bad bytes", () => {
  it.each(vectors)('$case', ({ case: name, hex, read }) => {
    const buffer = Buffer.from(hex, 'hex');
    const positions: number[] = [];
    const iteration = attempt(() => batch.forEachBatch(buffer, 0, buffer.length, (at) => positions.push(at)));
    expect(positions).toHaveLength(read.batches);
    expectOutcome(iteration.error, read.batchIteration);
    if (read.batchIteration === undefined) expect(iteration.value).toBe(read.validBytes);
    if (read.batches === 0) return;

    const isLegacy = batch.magic(buffer, 0) < batch.magicV2;
    const checked = attempt(() => (isLegacy ? ensureValidMessage : batch.ensureValid)(buffer, 0));
    expectOutcome(checked.error, read.ensureValid === 'ok' ? undefined : read.ensureValid);
    if (batch.batchSizeInBytes(buffer, 0) < batch.batchHeaderBytes && !isLegacy) return;

    const walked = isLegacy ? readOld(buffer) : walk(buffer);
    if (refusedEarlier.includes(name)) return expect(walked.error).toBeInstanceOf(RecordError);
    expectOutcome(walked.error, read.recordIteration);
    // Kafka decompresses as it goes: it may have given records before it meets the break.
    if (read.recordIteration?.error !== 'UNKNOWN_SERVER_ERROR') expect(walked.count).toBe(read.records);
  });
});

describe('a bomb', () => {
  const limit = 100_000;
  const bombs = vectors.filter(({ case: name }) => /^bomb\/.*\/(record-of|declared-20-then)/.test(name));

  it('is refused by name of the limit, in every codec', () => {
    expect(bombs).toHaveLength(8);
    for (const { hex } of bombs) {
      const buffer = Buffer.from(hex, 'hex');
      const { error } = attempt(() => openRecords(buffer, 0, limit));
      expect(errorName(error!.code)).toBe('MESSAGE_TOO_LARGE');
      expect(error!.message).toContain('kompakt.records.decompressed.max.bytes');
      expect(error!.message).toContain(String(limit));
    }
  });

  it('that only claims to be large is refused without its memory being taken', () => {
    for (const name of ['bomb/snappy/block-claims-2g', 'codec/zstd/frame-claims-huge']) {
      const buffer = Buffer.from(vectors.find((vector) => vector.case === name)!.hex, 'hex');
      const { error } = attempt(() => openRecords(buffer, 0, Number.MAX_SAFE_INTEGER));
      expect(errorName(error!.code)).toBe('CORRUPT_MESSAGE');
    }
  });

  it('just under the limit is read', () => {
    for (const { hex } of bombs.filter(({ case: name }) => name.includes('record-of'))) {
      const buffer = Buffer.from(hex, 'hex');
      const payload = buffer.subarray(batch.batchHeaderBytes);
      const size = codecById(batch.codecOf(buffer, 0)).decompress(payload, 2 ** 24).length;
      expect(attempt(() => openRecords(buffer, 0, size)).error).toBeUndefined();
      expect(attempt(() => openRecords(buffer, 0, size - 1)).error).toBeInstanceOf(RecordError);
    }
  });
});

function walk(buffer: Buffer): { count: number; error?: RecordError } {
  let count = 0;
  const { error } = attempt(() => {
    const cursor = openRecords(buffer, 0);
    while (cursor.next()) {
      cursor.record();
      count++;
    }
  });
  return error === undefined ? { count } : { count, error };
}

function readOld(buffer: Buffer): { count: number; error?: RecordError } {
  const { value, error } = attempt(() => readLegacyBatch(buffer, 0).records.length);
  return error === undefined ? { count: value! } : { count: 0, error };
}

/** Only records errors are caught: anything else fails the test. */
function attempt<T>(action: () => T): { value?: T; error?: RecordError } {
  try {
    return { value: action() };
  } catch (error) {
    if (error instanceof RecordError) return { error };
    throw error;
  }
}

/** Where Kafka fails in a way that it did not foresee, any refusal of records will do, but a refusal it must be. */
function expectOutcome(error: RecordError | undefined, expected: KafkaError | undefined): void {
  if (expected === undefined) {
    expect(error).toBeUndefined();
    return;
  }
  expect(error).toBeInstanceOf(RecordError);
  if (expected.error !== 'UNKNOWN_SERVER_ERROR') expect(errorName(error!.code)).toBe(expected.error);
}
