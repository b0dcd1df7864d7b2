/** What a pass writes: runs of batches that stay, and nothing for a segment of which all stays. */
import { expect, test } from 'vitest';
import * as batch from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { readRecords } from '../../protocol/records/record.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { openLog } from '../storage/log/log-fixture.ts';
import { CompactedLog } from './compacted-log.ts';

const nowMs = 1_700_000_000_000;
/** Of one batch with its record. */
const batchBytes = batch.batchHeaderBytes + 40;
/** So many batches make a segment. */
const perSegment = 4;

/** A log of batches with one record each: its key, `perSegment` to a segment, and one more in an active segment. */
async function logOf(keys: readonly string[]) {
  const environment = simulatedEnvironment();
  environment.clock.setWallMs(nowMs);
  const settings = {
    'cleanup.policy': ['compact' as const],
    'internal.segment.bytes': perSegment * batchBytes,
    'index.interval.bytes': 0,
  };
  const log = openLog(environment, { settings });
  for (const key of [...keys, 'active']) await append(key);
  async function append(key: string): Promise<void> {
    const value = Buffer.alloc(40 - 7 - key.length, '.');
    const records = buildBatch({ records: [{ timestampMs: nowMs, key: Buffer.from(key), value }] });
    expect(records).toHaveLength(batchBytes);
    expect(await log.append(records, { origin: 'client', leaderEpoch: 0 })).toMatchObject({ ok: true });
  }
  const compacted = new CompactedLog(environment, log);
  const clean = () => environment.clock.until(compacted.pass({ nowMs }));
  /** `offset:key` of every record, a line for each segment. */
  const segments = (): string[] =>
    log.segments().map(({ path }) => {
      const bytes = environment.files.readFileSync(path);
      const found: string[] = [];
      batch.forEachBatch(bytes, 0, bytes.length, (at) => {
        expect(batch.isValidCrc(bytes, at)).toBe(true);
        found.push(...readRecords(bytes, at).map(({ offset, key }) => `${offset}:${key}`));
      });
      return found.join(' ');
    });
  return { environment, log, clean, segments };
}

async function cleanedGroups(keys: readonly string[]) {
  const { clean, segments, environment, log } = await logOf(keys);
  const outcome = await clean();
  if (outcome?.kind !== 'cleaned') throw new Error(`nothing was cleaned: ${outcome?.kind}`);
  const { groups, bytesAfter, endOffset } = outcome.result;
  const inFiles = log.segments().slice(0, -1);
  expect(bytesAfter).toBe(inFiles.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  expect(endOffset).toBe(keys.length);
  const left = environment.files.listSync(log.directory).filter((name) => name.includes('.cleaned'));
  expect(left).toEqual([]);
  return { groups: groups.map(({ baseOffset }) => baseOffset), segments: segments().slice(0, -1) };
}

test('a segment of which all stays is not written', async () => {
  expect(await cleanedGroups(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])).toEqual({
    groups: [],
    segments: ['0:a 1:b 2:c 3:d', '4:e 5:f 6:g 7:h'],
  });
});

test.each([
  ['first', ['x', 'b', 'c', 'd'], '1:b 2:c 3:d'],
  ['second', ['a', 'x', 'c', 'd'], '0:a 2:c 3:d'],
  ['last', ['a', 'b', 'c', 'x'], '0:a 1:b 2:c'],
  ['first and third', ['x', 'b', 'x', 'd'], '1:b 3:d'],
])('one whose %s batch goes keeps the others', async (_which, keys, left) => {
  expect(await cleanedGroups([...keys, 'e', 'f', 'g', 'x', 'p', 'q', 'r', 's'])).toEqual({
    groups: [0],
    segments: [left, '4:e 5:f 6:g 7:x', '8:p 9:q 10:r 11:s'],
  });
});

test('one whose last batches go is cut', async () => {
  const keys = ['a', 'b', 'x', 'y', 'e', 'f', 'x', 'y'];
  expect(await cleanedGroups(keys)).toEqual({ groups: [0], segments: ['0:a 1:b', '4:e 5:f 6:x 7:y'] });
});

test('one of which nothing stays becomes empty', async () => {
  const { groups, segments } = await cleanedGroups(['x', 'y', 'z', 'w', 'x', 'y', 'z', 'w']);
  expect(groups).toEqual([0]);
  expect(segments).toEqual(['', '4:x 5:y 6:z 7:w']);
});

test('a log that was cut meanwhile is not clean, though nothing had to be written', async () => {
  const { environment, log } = await logOf(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  const { epoch } = log.cleanerView();
  expect(await environment.clock.until(log.replaceCleaned(epoch, []))).toBe('replaced');
  await environment.clock.until(log.truncateTo(6));
  expect(await environment.clock.until(log.replaceCleaned(epoch, []))).toBe('stale');
});
