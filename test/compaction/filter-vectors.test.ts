import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BatchFilter, unpackRecords } from '../../compaction/batch-filter.ts';
import type { Kernel } from '../../compaction/kernel.ts';
import { JsKernel } from '../../compaction/kernel-js.ts';
import { WasmKernel } from '../../compaction/kernel-wasm.ts';
import * as batch from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { ensureCodec } from '../../protocol/records/compression.ts';
import { readRecords } from '../../protocol/records/record.ts';

/** What Apache Kafka's own filter leaves of a batch, for each choice of records (vectors/records/filter.jsonl). */

interface Vector {
  readonly case: string;
  readonly keep: 'all' | 'none' | 'last-per-key' | 'odd-offsets';
  readonly batchRetention: 'DELETE' | 'DELETE_EMPTY' | 'RETAIN_EMPTY';
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly hex: string;
  readonly outHex: string;
  readonly messagesRetained: number;
}

const path = new URL('../vectors/records/filter.jsonl', import.meta.url);
const vectors = readFileSync(path, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector);

const keeps: Record<Vector['keep'], (offset: number) => boolean> = {
  all: () => true,
  none: () => false,
  'last-per-key': (offset) => offset >= 42,
  'odd-offsets': (offset) => offset % 2 === 1,
};

test('there are 90 of them', () => expect(vectors).toHaveLength(90));

const kernels = { javascript: () => new JsKernel(), wasm: () => new WasmKernel() };
const cases = vectors.flatMap((vector) =>
  (['javascript', 'wasm'] as const).map((kind) => ({ kind, name: vector.case, vector })),
);

test.each(cases)('$name, $kind', async ({ kind, vector }) => {
  const source = Buffer.from(vector.hex, 'hex');
  await ensureCodec(batch.codecOf(source, 0));
  const input = withKeysToDrop(source, keeps[vector.keep]);
  const left = filter(kernels[kind](), input, vector);
  const expected = Buffer.from(vector.outHex, 'hex');
  if (batch.codecOf(expected, 0) === 0 || expected.length === 0) {
    expect(left.toString('hex')).toBe(vector.outHex);
  } else {
    const header = (bytes: Buffer) => bytes.subarray(batch.batchFields.attributes, batch.batchHeaderBytes);
    expect(header(left)).toEqual(header(expected));
    expect(batch.isValidCrc(left, 0)).toBe(true);
    expect(readRecords(left, 0)).toEqual(readRecords(expected, 0));
  }
});

/** The map can tell records apart by their keys alone: each one that is to go gets a key of its own. */
function withKeysToDrop(source: Buffer, isKept: (offset: number) => boolean): Buffer {
  const baseOffset = batch.baseOffset(source, 0);
  const records = readRecords(source, 0).map((record) => ({
    offsetDelta: record.offset - baseOffset,
    timestampMs: record.timestamp,
    key: isKept(record.offset) ? record.key : Buffer.from(`drop ${record.offset}`),
    value: record.value,
    headers: record.headers,
  }));
  if (records.every(({ offsetDelta }) => isKept(baseOffset + offsetDelta))) return source;
  return buildBatch({
    baseOffset,
    leaderEpoch: batch.partitionLeaderEpoch(source, 0),
    codec: batch.codecOf(source, 0),
    producerId: batch.producerId(source, 0),
    producerEpoch: batch.producerEpoch(source, 0),
    baseSequence: batch.baseSequence(source, 0),
    isTransactional: batch.isTransactional(source, 0),
    records,
  });
}

function filter(kernel: Kernel, input: Buffer, vector: Vector): Buffer {
  kernel.begin(64, 32, Buffer.alloc(16, 7));
  superseded(kernel);
  const filtered = new BatchFilter({
    kernel,
    mapEndOffset: 1_000,
    nowMs: vector.nowMs,
    deleteRetentionMs: vector.deleteRetentionMs,
    tombstonesGoUpToMs: -1,
  });
  const codec = batch.codecOf(input, 0);
  const unpacked = codec === 0 ? Buffer.alloc(0) : unpackRecords(input, 0, input.length);
  kernel.reserve(input.length, unpacked.length);
  input.copy(kernel.input);
  unpacked.copy(kernel.scratch);
  const fate = {
    drops: vector.batchRetention === 'DELETE',
    keepsEmpty: vector.batchRetention === 'RETAIN_EMPTY',
    isLooseMarker: false,
    hides: null,
  };
  const out: Buffer[] = [];
  filtered.apply(0, input.length, unpacked.length, fate, {
    keep: (at, bytes) => out.push(Buffer.from(kernel.input.subarray(at, at + bytes))),
    write: (bytes) => out.push(Buffer.from(bytes)),
  });
  return Buffer.concat(out);
}

/** Newer records of all keys that are to go. */
function superseded(kernel: Kernel): void {
  const records = [40, 41, 42, 43, 44].map((offset) => ({
    timestampMs: 0,
    key: Buffer.from(`drop ${offset}`),
    value: null,
  }));
  const newer = buildBatch({ baseOffset: 900, records });
  kernel.reserve(newer.length, 0);
  newer.copy(kernel.input);
  kernel.index(
    {
      area: 'input',
      start: batch.batchHeaderBytes,
      end: newer.length,
      count: records.length,
      baseOffset: 900,
      baseTimestampMs: 0,
      appendTimeMs: -1,
    },
    0,
  );
}
