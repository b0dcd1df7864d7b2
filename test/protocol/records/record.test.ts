import { beforeAll, describe, expect, it } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { buildBatch, type NewBatch, type NewRecord } from '../../../protocol/records/batch-builder.ts';
import { codecIds, ensureCodec } from '../../../protocol/records/compression.ts';
import {
  buildControlBatch,
  buildEndTransactionMarker,
  controlTypeOf,
  controlTypes,
  readEndTransactionMarker,
} from '../../../protocol/records/control.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import {
  expectBytes,
  expectHeader,
  readVectors,
  type VectorBatch,
  type VectorRecord,
  vectorNumber,
} from './vectors.ts';

interface GoodVector {
  readonly case: string;
  readonly hex: string;
  readonly batches: readonly VectorBatch[];
}

const controlTypeNames: Record<string, number> = {
  ABORT: controlTypes.abort,
  COMMIT: controlTypes.commit,
  LEADER_CHANGE: controlTypes.leaderChange,
  SNAPSHOT_HEADER: controlTypes.snapshotHeader,
  SNAPSHOT_FOOTER: controlTypes.snapshotFooter,
  KRAFT_VERSION: controlTypes.kraftVersion,
  KRAFT_VOTERS: controlTypes.kraftVoters,
};
const vectors = readVectors<GoodVector>('records/v2.jsonl', 79);
beforeAll(() => ensureCodec(codecIds.zstd));

describe('a batch that Kafka wrote', () => {
  it.each(vectors)('decodes: $case', ({ hex, batches }) => {
    const buffer = Buffer.from(hex, 'hex');
    let index = 0;
    const end = batch.forEachBatch(buffer, 0, buffer.length, (position) => {
      const expected = batches[index++]!;
      batch.ensureValid(buffer, position);
      expectHeader(buffer, position, expected);
      expectRecords(buffer, position, expected);
    });
    expect(end).toBe(buffer.length);
    expect(index).toBe(batches.length);
  });

  /** At 2^63 neighbouring offsets are one number: what this design gives up. */
  const inexact = ['offsets/near-max'];
  it.each(vectors.filter(({ case: name }) => !inexact.includes(name)))(
    'is built again from its records: $case',
    ({ hex, batches }) => {
      const buffer = Buffer.from(hex, 'hex');
      let index = 0;
      batch.forEachBatch(buffer, 0, buffer.length, (position, bytes) => {
        const original = buffer.subarray(position, position + bytes);
        const expected = batches[index++]!;
        const codec = batch.codecOf(buffer, position);
        const plain = rebuild(buffer, position, 0);
        if (codec === 0) return expect(plain.toString('hex')).toBe(original.toString('hex'));
        const compressed = rebuild(buffer, position, codec);
        batch.ensureValid(compressed, 0);
        expectRecords(compressed, 0, expected);
      });
    },
  );
});

describe('control batches', () => {
  it("are Kafka's, byte for byte", () => {
    const commit = buildEndTransactionMarker({
      committed: true,
      coordinatorEpoch: 12,
      producerId: 9000,
      producerEpoch: 6,
      timestampMs: 1_700_000_000_000,
      baseOffset: 7,
      leaderEpoch: 4,
    });
    expect(commit.toString('hex')).toBe(hexOf('control/commit'));
    const footer = buildControlBatch({
      type: controlTypes.snapshotFooter,
      value: Buffer.from('000000', 'hex'),
      baseOffset: 9,
      timestampMs: 1_700_000_000_000,
      leaderEpoch: 1,
    });
    expect(footer.toString('hex')).toBe(hexOf('control/snapshotFooter'));
  });
});

function hexOf(name: string): string {
  return vectors.find((vector) => vector.case === name)!.hex;
}

function expectRecords(buffer: Buffer, position: number, expected: VectorBatch): void {
  const baseSequence = batch.baseSequence(buffer, position);
  const baseOffset = batch.baseOffset(buffer, position);
  const records = readRecords(buffer, position);
  expect(records).toHaveLength(expected.records!.length);
  records.forEach((record, i) => {
    const wanted: VectorRecord = expected.records![i]!;
    expect(record.offset).toBe(vectorNumber(wanted.offset));
    expect(record.timestamp).toBe(vectorNumber(wanted.timestamp));
    const sequence =
      baseSequence < 0 ? -1 : batch.incrementSequence(baseSequence, record.offset - baseOffset);
    expect(sequence).toBe(wanted.sequence);
    expectBytes(record.key, wanted.key);
    expectBytes(record.value, wanted.value);
    expect(record.headers.map(({ key, value }) => [key, value?.toString('hex') ?? null])).toEqual(
      wanted.headers,
    );
    if (wanted.controlType !== undefined)
      expect(controlTypeOf(record)).toBe(controlTypeNames[wanted.controlType]);
    if (wanted.coordinatorEpoch !== undefined)
      expect(readEndTransactionMarker(record)).toEqual({
        committed: wanted.controlType === 'COMMIT',
        coordinatorEpoch: wanted.coordinatorEpoch,
      });
  });
}

/** The same records through our builder. Their own timestamps are in the deltas, even where the append time hides them. */
function rebuild(buffer: Buffer, position: number, codec: number): Buffer {
  const createTime = Buffer.from(
    buffer.subarray(position, position + batch.batchSizeInBytes(buffer, position)),
  );
  batch.restamp(createTime, 0, 'CreateTime', batch.maxTimestamp(createTime, 0));
  const baseOffset = batch.baseOffset(buffer, position);
  const records = readRecords(createTime, 0).map(
    (record): NewRecord => ({
      offsetDelta: record.offset - baseOffset,
      timestampMs: record.timestamp,
      key: record.key,
      value: record.value,
      headers: record.headers,
    }),
  );
  const options: NewBatch = {
    baseOffset,
    leaderEpoch: batch.partitionLeaderEpoch(buffer, position),
    codec,
    timestampType: batch.timestampType(buffer, position),
    logAppendTimeMs: batch.maxTimestamp(buffer, position),
    producerId: batch.producerId(buffer, position),
    producerEpoch: batch.producerEpoch(buffer, position),
    baseSequence: batch.baseSequence(buffer, position),
    isTransactional: batch.isTransactional(buffer, position),
    isControl: batch.isControl(buffer, position),
    ...(batch.hasDeleteHorizon(buffer, position)
      ? { deleteHorizonMs: batch.baseTimestamp(buffer, position) }
      : {}),
    ...(records.length === 0
      ? {
          lastOffsetDelta: batch.lastOffsetDelta(buffer, position),
          maxTimestampMs: batch.maxTimestamp(buffer, position),
        }
      : {}),
    records,
  };
  return buildBatch(options);
}
