import { describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { readInt64, writeInt64 } from '../../../protocol/records/int64.ts';
import { RecordError } from '../../../protocol/records/record-error.ts';

/** One record, key "key", value "value", as Kafka's builder writes it. */
const one = Buffer.from(
  '000000000000000000000040ffffffff02db5e9cdd0000000000000000018bcfe568000000018bcfe56800ffffffffffffffffffffffffffff000000011c000000066b65790a76616c756500',
  'hex',
);

describe('the fields of a batch', () => {
  it('are read at any position', () => {
    const buffer = Buffer.concat([Buffer.alloc(5), one]);
    expect(batch.batchBytesAt(buffer, 5, buffer.length)).toBe(76);
    expect(batch.baseTimestamp(buffer, 5)).toBe(1_700_000_000_000);
    expect(batch.producerId(buffer, 5)).toBe(-1);
    expect(batch.lastSequence(buffer, 5)).toBe(-1);
    expect(batch.recordCount(buffer, 5)).toBe(1);
    expect(batch.isValidCrc(buffer, 5)).toBe(true);
  });

  it('that a broker stamps lie outside the checksum', () => {
    const buffer = Buffer.from(one);
    batch.setBaseOffset(buffer, 0, 9_007_199_254_740_991);
    batch.setPartitionLeaderEpoch(buffer, 0, 77);
    expect(batch.isValidCrc(buffer, 0)).toBe(true);
    expect(batch.baseOffset(buffer, 0)).toBe(9_007_199_254_740_991);
    expect(batch.partitionLeaderEpoch(buffer, 0)).toBe(77);
  });

  it('are restamped with log append time and a new checksum', () => {
    const buffer = Buffer.from(one);
    batch.restamp(buffer, 0, 'LogAppendTime', 1_700_000_001_234);
    expect(batch.timestampType(buffer, 0)).toBe('LogAppendTime');
    expect(batch.maxTimestamp(buffer, 0)).toBe(1_700_000_001_234);
    expect(batch.baseTimestamp(buffer, 0)).toBe(1_700_000_000_000);
    expect(batch.isValidCrc(buffer, 0)).toBe(true);
    batch.restamp(buffer, 0, 'CreateTime', 1_700_000_000_000);
    expect(buffer.equals(one)).toBe(true);
  });

  it('wrap their sequence at 2^31', () => {
    expect(batch.incrementSequence(0x7fffffff, 1)).toBe(0);
    expect(batch.incrementSequence(0x7ffffffe, 5)).toBe(3);
  });
});

describe('walking over batches', () => {
  it('visits whole batches and says where the part one begins', () => {
    const buffer = Buffer.concat([one, one, one.subarray(0, 40)]);
    const seen: number[] = [];
    expect(batch.forEachBatch(buffer, 0, buffer.length, (position) => seen.push(position))).toBe(152);
    expect(seen).toEqual([0, 76]);
  });

  it('refuses what cannot be a batch', () => {
    for (const [at, bytes] of [
      [8, 'ffffffff'],
      [8, '0000000d'],
      [8, '7fffffff'],
      [16, '03'],
      [16, 'ff'],
    ] as const) {
      const buffer = Buffer.from(one);
      buffer.write(bytes, at, 'hex');
      expect(() => batch.batchBytesAt(buffer, 0, buffer.length)).toThrow(RecordError);
    }
  });
});

describe('int64', () => {
  it('keeps whole numbers up to 2^53 and saturates beyond 2^63', () => {
    const buffer = Buffer.alloc(8);
    for (const value of [0, -1, 1, 2 ** 32, -(2 ** 32), 2 ** 53, -(2 ** 53), 1_700_000_000_000, -(2 ** 63)]) {
      writeInt64(buffer, 0, value);
      expect(buffer.readBigInt64BE()).toBe(BigInt(value));
      expect(readInt64(buffer, 0)).toBe(value);
    }
    writeInt64(buffer, 0, 2 ** 63);
    expect(buffer.toString('hex')).toBe('7fffffffffffffff');
    writeInt64(buffer, 0, -(2 ** 64));
    expect(buffer.toString('hex')).toBe('8000000000000000');
  });
});
