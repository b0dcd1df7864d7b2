import { describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { ensureValidMessage, readLegacyBatch } from '../../../protocol/records/legacy.ts';
import { codecNames } from './codec-names.ts';
import { expectBytes, readVectors, type VectorBatch, vectorNumber } from './vectors.ts';

interface LegacyVector {
  readonly case: string;
  readonly hex: string;
  readonly batches: readonly VectorBatch[];
}

const vectors = readVectors<LegacyVector>('records/v0_v1.jsonl', 36);

describe('a message set that an old Kafka wrote', () => {
  it.each(vectors)('decodes: $case', ({ hex, batches }) => {
    const buffer = Buffer.from(hex, 'hex');
    let index = 0;
    const end = batch.forEachBatch(buffer, 0, buffer.length, (position, bytes) => {
      const expected = batches[index++]!;
      ensureValidMessage(buffer, position);
      const message = readLegacyBatch(buffer, position);
      expect({
        baseOffset: message.baseOffset,
        lastOffset: message.lastOffset,
        magic: message.magic,
        sizeInBytes: bytes,
        crc: message.crc,
        compression: codecNames[message.codec],
        timestampType: message.timestampType ?? 'NoTimestampType',
        maxTimestamp: message.maxTimestamp,
      }).toEqual({ ...expected, records: undefined });
      expect(message.records).toHaveLength(expected.records!.length);
      message.records.forEach((record, i) => {
        const wanted = expected.records![i]!;
        expect(record.offset).toBe(vectorNumber(wanted.offset));
        expect(record.timestamp).toBe(vectorNumber(wanted.timestamp));
        expect(record.hasValidCrc).toBe(true);
        expectBytes(record.key, wanted.key);
        expectBytes(record.value, wanted.value);
      });
    });
    expect(end).toBe(buffer.length);
    expect(index).toBe(batches.length);
  });
});
