import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kernel } from '../../compaction/kernel.ts';
import { JsKernel } from '../../compaction/kernel-js.ts';
import { WasmKernel } from '../../compaction/kernel-wasm.ts';
import * as batch from '../../protocol/records/batch.ts';
import { ensureCodec } from '../../protocol/records/compression.ts';
import { readRecords } from '../../protocol/records/record.ts';
import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import type { Log } from '../../storage/log/log.ts';
import { CompactedLog } from '../compaction/compacted-log.ts';
import { consume, type ExpectedPartition, KafkaDirectory, written } from './kafka-directory.ts';

/**
 * Directories before and after Apache Kafka's cleaner (test/fixtures, 2-compact-* and 3-txn-*): from the one before, ours must
 * leave the other. Kafka cleaned each log at a moment of its own, which its new delete horizons tell: horizon − delete.retention.ms.
 */
const common = { 'cleanup.policy': ['compact'], 'segment.ms': 60_000, 'min.cleanable.dirty.ratio': 0.01 };
const dayMs = 86_400_000;
const yearMs = 365 * dayMs;

type Settings = Partial<TopicSettings>;
const compact: Readonly<Record<string, Settings>> = {
  'c-small-retention-0': { ...common, 'delete.retention.ms': 1 },
  'c-large-retention-0': { ...common, 'delete.retention.ms': yearMs },
  'c-compressed-0': { ...common, 'delete.retention.ms': dayMs },
  'c-lag-0': { ...common, 'min.compaction.lag.ms': yearMs },
  'c-ratio-0': { ...common, 'min.cleanable.dirty.ratio': 0.99, 'max.compaction.lag.ms': yearMs },
  'c-maxlag-0': { ...common, 'min.cleanable.dirty.ratio': 1, 'max.compaction.lag.ms': 1000 },
  'c-and-delete-0': { ...common, 'cleanup.policy': ['compact', 'delete'], 'retention.ms': 3_450_000 },
  'c-idem-0': { ...common, 'delete.retention.ms': 1 },
  'c-unique-0': common,
  'c-many-0': { ...common, 'segment.bytes': 1_048_576 },
};
const transactional: Readonly<Record<string, Settings>> = {
  'tx-0': { 'segment.ms': 60_000, 'retention.ms': -1 },
  'tx-1': { 'segment.ms': 60_000, 'retention.ms': -1 },
  'txc-0': { ...common, 'delete.retention.ms': 1 },
  'txc-keep-0': { ...common, 'delete.retention.ms': yearMs },
  'txc-drop-0': { ...common, 'delete.retention.ms': 1 },
};

type Stage = readonly [from: string, to: string, topics: Readonly<Record<string, Settings>>];
const stages: readonly Stage[] = [
  ['2-compact-0-before', '2-compact-1-cleaned', compact],
  ['2-compact-2-dirty', '2-compact-3-cleaned', compact],
  ['3-txn-0-before', '3-txn-1-cleaned', transactional],
  ['3-txn-2-dirty', '3-txn-3-cleaned', transactional],
  // What was appended between these two is the same in both: nothing of it has gone yet.
  ['3-txn-3-cleaned', '3-txn-4-cleaned', transactional],
];

const kernels = { javascript: () => new JsKernel(), wasm: () => new WasmKernel() };
const cases = Object.keys(kernels).flatMap((kind) => stages.map((stage) => [kind, ...stage] as const));

describe.each(cases)('%s: %s, cleaned, is %s', (kind, from, to, topics) => {
  const createKernel: () => Kernel = kernels[kind as keyof typeof kernels];
  let before: KafkaDirectory;
  let after: KafkaDirectory;
  beforeAll(async () => {
    before = await KafkaDirectory.unpack(from);
    after = await KafkaDirectory.unpack(to);
  });
  afterAll(() => {
    before.remove();
    after.remove();
  });

  it.each(Object.keys(topics))('%s', async (partition) => {
    const settings = { 'message.timestamp.after.max.ms': Number.MAX_SAFE_INTEGER, ...topics[partition]! };
    const nowMs = momentOf(before, after, partition, settings);
    const log = before.open(partition, settings);
    await appendMissing(log, after, partition);
    const compacted = new CompactedLog(
      before.environment,
      log,
      before.cleanerOffset(partition),
      createKernel,
    );
    const isCompacted = settings['cleanup.policy']?.includes('compact') === true;
    if (isCompacted && compacted.cleanable(nowMs).isDue) await compacted.clean({ nowMs });
    await log.applyRetention(nowMs);
    expect(compacted.checkpoint).toBe(after.cleanerOffset(partition));
    await expectConsumer(log, after.expected.consumer[partition]!);
    expect(await log.close()).toBe(true);
    await expectFiles(before, after, partition);
  });
});

/**
 * When Kafka cleaned this log. Where it has stamped no horizon: when those that have gone were over, and a minute after the
 * records, when retention had taken as much as it did.
 */
function momentOf(
  before: KafkaDirectory,
  after: KafkaDirectory,
  partition: string,
  settings: Settings,
): number {
  const old = horizonsIn(before, partition);
  const left = horizonsIn(after, partition);
  const [stampedMs, ...more] = [...left].filter((horizonMs) => !old.has(horizonMs));
  expect(more).toEqual([]);
  if (stampedMs === undefined)
    return Math.max(after.expected.nowMs + 60_000, ...[...old].filter((horizonMs) => !left.has(horizonMs)));
  return stampedMs - (settings['delete.retention.ms'] ?? dayMs);
}

function horizonsIn(directory: KafkaDirectory, partition: string): Set<number> {
  const stamped = batchesIn(directory, partition).filter(({ bytes, at }) =>
    batch.hasDeleteHorizon(bytes, at),
  );
  return new Set(stamped.map(({ bytes, at }) => batch.baseTimestamp(bytes, at)));
}

async function appendMissing(log: Log, from: KafkaDirectory, partition: string): Promise<void> {
  for (const { bytes, at } of batchesIn(from, partition)) {
    if (batch.baseOffset(bytes, at) < log.endOffset) continue;
    const records = Buffer.from(bytes.subarray(at, at + batch.batchSizeInBytes(bytes, at)));
    batch.setBaseOffset(records, 0, 0);
    const leaderEpoch = batch.partitionLeaderEpoch(bytes, at);
    expect(await log.append(records, { origin: 'client', leaderEpoch })).toMatchObject({ ok: true });
  }
}

function batchesIn(directory: KafkaDirectory, partition: string): { bytes: Buffer; at: number }[] {
  const found: { bytes: Buffer; at: number }[] = [];
  for (const name of Object.keys(directory.files(partition)).sort()) {
    if (!name.endsWith('.log')) continue;
    const bytes = directory.bytes(partition, name);
    batch.forEachBatch(bytes, 0, bytes.length, (at) => found.push({ bytes, at }));
  }
  return found;
}

async function expectConsumer(log: Log, want: ExpectedPartition): Promise<void> {
  expect(log.logStartOffset).toBe(want.logStartOffset);
  expect(log.highWatermark).toBe(want.highWatermark);
  expect(await consume(log, 'high-watermark')).toEqual(written(want.records));
  if (want.readCommittedOffsets === undefined) return;
  expect(log.lastStableOffset).toBe(want.lastStableOffset);
  const committed = await consume(log, 'stable');
  expect(committed.map((record) => record.offset)).toEqual(want.readCommittedOffsets);
}

/** The same names (of segments too: the grouping), the same bytes; of what is compressed anew the same batches and records. */
async function expectFiles(before: KafkaDirectory, after: KafkaDirectory, partition: string): Promise<void> {
  // Kafka's broker was started more often meanwhile; what it has no name for, it neither writes nor reads.
  const notCompared = new Set(['leader-epoch-checkpoint', 'kompakt-removed-times']);
  const isCompared = (name: string) => !name.endsWith('.deleted') && !notCompared.has(name);
  const names = Object.keys(after.files(partition)).filter(isCompared);
  expect(Object.keys(before.files(partition)).filter(isCompared)).toEqual(names);
  for (const name of names) {
    const ours = before.bytes(partition, name);
    const kafkas = after.bytes(partition, name);
    if (partition !== 'c-compressed-0' || !name.endsWith('.log')) {
      expect(ours.equals(kafkas), `${name} is the same`).toBe(true);
    } else expect(await batchesOf(ours)).toEqual(await batchesOf(kafkas));
  }
}

/** Each batch without its length and checksum, its records unpacked. */
async function batchesOf(bytes: Buffer): Promise<unknown[]> {
  const found: unknown[] = [];
  const { partitionLeaderEpoch, crc, attributes } = batch.batchFields;
  for (let at = 0; at < bytes.length; at += batch.batchSizeInBytes(bytes, at)) {
    await ensureCodec(batch.codecOf(bytes, at));
    expect(batch.isValidCrc(bytes, at)).toBe(true);
    found.push({
      baseOffset: batch.baseOffset(bytes, at),
      epochAndMagic: bytes.subarray(at + partitionLeaderEpoch, at + crc),
      header: bytes.subarray(at + attributes, at + batch.batchHeaderBytes),
      records: readRecords(bytes, at),
    });
  }
  return found;
}
