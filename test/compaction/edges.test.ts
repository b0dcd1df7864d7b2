import { describe, expect, test } from 'vitest';
import * as batch from '../../protocol/records/batch.ts';
import { buildBatch, type NewBatch } from '../../protocol/records/batch-builder.ts';
import { buildEndTransactionMarker } from '../../protocol/records/control.ts';
import { readRecords } from '../../protocol/records/record.ts';
import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Log } from '../../storage/log/log.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { openLog } from '../storage/log/log-fixture.ts';
import { CompactedLog, smallestMap } from './compacted-log.ts';

/** Corners of the cleaner that the comparison with Apache Kafka's (test/clients/java-cleaner) has found. */

const nowMs = 1_700_000_000_000;

/** A key and a value; null: a tombstone. A key of null: none. */
type Written = readonly [string | null, string | null];

function compactedLog(settings: Partial<TopicSettings>) {
  const environment = simulatedEnvironment();
  environment.clock.setWallMs(nowMs);
  const log = openLog(environment, { settings: { ...compact, ...settings } });
  return { environment, log, compacted: new CompactedLog(environment, log) };
}

const compact: Partial<TopicSettings> = { 'cleanup.policy': ['compact'], 'delete.retention.ms': 1000 };

async function append(
  log: Log,
  records: readonly Written[],
  options: Partial<NewBatch> & { timestampMs?: number } = {},
): Promise<void> {
  const { timestampMs = nowMs, ...rest } = options;
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
  const batchBytes = buildBatch({
    ...rest,
    records: records.map(([key, value]) => ({ timestampMs, key: bytes(key), value: bytes(value) })),
  });
  expect(await log.append(batchBytes, { origin: 'client', leaderEpoch: 0 })).toMatchObject({ ok: true });
}

async function endTransaction(log: Log, producerId: number, committed: boolean): Promise<void> {
  const by = { producerId, producerEpoch: 0, coordinatorEpoch: 0 };
  const marker = buildEndTransactionMarker({ ...by, timestampMs: nowMs, committed });
  expect(await log.append(marker, { origin: 'coordinator', leaderEpoch: 0 })).toMatchObject({ ok: true });
}

/** `offsets: keys` of every batch, of markers `offsets: marker`. */
function batches({ files }: Environment, log: Log): string[] {
  const found: string[] = [];
  for (const { path } of log.segments()) {
    const bytes = files.readFileSync(path);
    batch.forEachBatch(bytes, 0, bytes.length, (at) => {
      const keys = readRecords(bytes, at).map((record) => record.key?.toString());
      const what = batch.isControl(bytes, at) ? 'marker' : keys.join(' ');
      found.push(`${batch.baseOffset(bytes, at)}-${batch.lastOffset(bytes, at)}: ${what}`);
    });
  }
  return found;
}

test('a tombstone without a timestamp waits for its delete horizon like any other', async () => {
  const { environment, log, compacted } = compactedLog({});
  await append(log, [['a', null]], { timestampMs: -1 });
  await log.roll();
  const { records, nextHorizonMs } = await environment.clock.until(compacted.clean({ nowMs }));
  expect(records).toMatchObject({ tombstones: 1, tombstonesExpired: 0 });
  expect(nextHorizonMs).toBe(nowMs + 1000);
  expect(batches(environment, log)).toEqual(['0-0: a']);
});

test('where tombstones are to stay for ever they get no delete horizon, and timestamps stay as they are', async () => {
  const forEver = { 'delete.retention.ms': 2 ** 63 };
  const { environment, log, compacted } = compactedLog(forEver);
  await append(log, [['a', null]]);
  await log.roll();
  const before = environment.files.readFileSync(log.segments()[0]!.path);
  const { records, nextHorizonMs } = await environment.clock.until(compacted.clean({ nowMs }));
  expect(records).toMatchObject({ tombstones: 1 });
  expect(nextHorizonMs).toBe(-1);
  expect(environment.files.readFileSync(log.segments()[0]!.path)).toEqual(before);
});

describe('of a batch that loses all its records', () => {
  async function cleaned(isMoreBehind: boolean): Promise<string[]> {
    const { environment, log, compacted } = compactedLog({ 'cleanup.policy': ['delete'] });
    await append(log, [['a', '1']]);
    await append(log, [[null, 'can never be superseded']]);
    await log.roll();
    if (isMoreBehind) await append(log, [['b', '2']]);
    log.updateSettings({ ...log.settings, ...compact });
    await environment.clock.until(compacted.clean({ nowMs }));
    return batches(environment, log);
  }

  test('nothing stays, though it ended the range that was cleaned', async () => {
    expect(await cleaned(true)).toEqual(['0-0: a', '2-2: b']);
  });

  test('an empty one stays where it ends at the high watermark', async () => {
    expect(await cleaned(false)).toEqual(['0-0: a', '1-1: ']);
  });
});

test('a transaction that was aborted before the log start is not looked for', async () => {
  const { environment, log, compacted } = compactedLog({});
  await append(log, [['a', 'aborted']], { ...transactional, baseSequence: 0 });
  await endTransaction(log, 4, false);
  await append(log, [['b', '1']]);
  await append(log, [['c', '1']]);
  await log.roll();
  await log.deleteRecordsBefore(3);
  await environment.clock.until(compacted.clean({ nowMs }));
  // Nobody can read what lies below 3, and it goes with its segment.
  expect(batches(environment, log)).toEqual(['0-0: a', '1-1: marker', '2-2: b', '3-3: c']);
});

test('a transaction that was aborted before the first dirty offset hides nothing behind it', async () => {
  const { environment, log, compacted } = compactedLog({ 'index.interval.bytes': 0 });
  await append(log, [['x', 'aborted']], { ...transactional, baseSequence: 0 });
  await append(log, [['old', '1']]);
  await endTransaction(log, 4, false);
  for (let n = 0; n < 100; n++) await append(log, [[`key ${n}`, '1']]);
  await append(log, [['old', null]], { ...transactional, baseSequence: 1 });
  await endTransaction(log, 4, true);
  await log.roll();
  const first = await environment.clock.until(compacted.clean({ nowMs, limits: smallestMap }));
  expect(first.endOffset).toBeLessThan(100);
  while (compacted.cleanable(nowMs).cleanableBytes > 0)
    await environment.clock.until(compacted.clean({ nowMs, limits: smallestMap }));
  // Else the value would come back when the tombstone goes.
  const left = batches(environment, log);
  expect(left).toContain('103-103: old');
  expect(left).not.toContain('1-1: old');
});

const transactional = { producerId: 4, producerEpoch: 0, isTransactional: true };
