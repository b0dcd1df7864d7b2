/** Records of batches that are known are read alone, and are the same; what changed is never taken for what is known. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KnownBatches } from '../../../broker/lookup/known-batches.ts';
import { type KeyRecord, LookupRefused } from '../../../broker/lookup/lookup.ts';
import { readRecord } from '../../../broker/lookup/read-record.ts';
import { buildBatch, type NewRecord } from '../../../protocol/records/batch-builder.ts';
import { type LogRecord, openRecords, RecordCursor, readRecords } from '../../../protocol/records/record.ts';
import type { Environment } from '../../../storage/environment/environment.ts';
import type { File } from '../../../storage/environment/files.ts';
import type { Log } from '../../../storage/log/log.ts';
import { CompactedLog } from '../../compaction/compacted-log.ts';
import { simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { asClient, expectAppended, openLog } from '../../storage/log/log-fixture.ts';

const recordsPerBatch = 20;

/** Batches of 20 records and some 10 KB. */
async function writtenLog(environment: Environment, batches: number): Promise<Log> {
  const log = openLog(environment, { settings: { 'cleanup.policy': ['compact'] } });
  for (let n = 0; n < batches; n++) await append(log, n);
  return log;
}

async function append(log: Log, n: number): Promise<void> {
  const records = Array.from({ length: recordsPerBatch }, (_, i) => ({
    timestampMs: 1_700_000_000_000 + 1_000 * n + i,
    key: Buffer.from(`key ${n} ${i}`),
    value: i === 7 ? null : Buffer.alloc(500, `${n} ${i} `),
    headers: i === 3 ? [{ key: 'from', value: Buffer.from(`${n}`) }] : [],
  }));
  expectAppended(await log.append(buildBatch({ records }), asClient));
}

function read(log: Log, offset: number): KeyRecord | null {
  const record = readRecord(log, offset);
  if (record instanceof Promise) throw new Error('a codec had to be loaded');
  return record;
}

function locationAt(log: Log, offset: number): { file: File; position: number } {
  const found = log.readBatch(offset);
  if (!found.ok || found.location === null) throw new Error(`no batch has ${offset}`);
  return found.location;
}

/** How many bytes of the log's segments are read meanwhile. */
function bytesRead(log: Log, work: () => void): number {
  const prototype = Object.getPrototypeOf(locationAt(log, 0).file) as File;
  const { readSync } = prototype;
  let bytes = 0;
  prototype.readSync = function (this: File, ...args: Parameters<File['readSync']>) {
    const count = readSync.apply(this, args);
    if (this.path.endsWith('.log')) bytes += count;
    return count;
  };
  try {
    work();
  } finally {
    prototype.readSync = readSync;
  }
  return bytes;
}

describe('a record of a known batch', () => {
  test('is what it was when all of the batch was read, and is read alone', async () => {
    const log = await writtenLog(simulatedEnvironment(), 8);
    const offsets = Array.from({ length: log.endOffset }, (_, offset) => offset);
    const first = offsets.map((offset) => read(log, offset));
    let again: (KeyRecord | null)[] = [];
    expect(offsets.map((offset) => read(log, offset))).toEqual(first);
    // All but those of the first batch, which has no entry in the index, and of the last, which has none behind it.
    const inner = offsets.slice(recordsPerBatch, -recordsPerBatch);
    const bytes = bytesRead(log, () => {
      again = inner.map((offset) => read(log, offset));
    });
    expect(first[27]).toMatchObject({ offset: 27, value: null, timestampMs: 1_700_000_001_007 });
    expect(first[23]!.headers).toEqual([{ name: 'from', value: Buffer.from('1') }]);
    expect(bytes / again.length).toBeLessThan(700);
  });

  test('is another one where the log was cut and written again', async () => {
    const log = await writtenLog(simulatedEnvironment(), 6);
    const before = [40, 45, 59].map((offset) => read(log, offset)?.key.toString());
    expect(before).toEqual(['key 2 0', 'key 2 5', 'key 2 19']);
    await log.truncateTo(40);
    expect(read(log, 45)).toBeNull();
    for (let n = 10; n < 14; n++) await append(log, n);
    const after = [40, 45, 59].map((offset) => read(log, offset)?.key.toString());
    expect(after).toEqual(['key 10 0', 'key 10 5', 'key 10 19']);
  });

  test('is gone where the cleaner took it, and else stays what it is', async () => {
    const environment = simulatedEnvironment();
    const log = await writtenLog(environment, 6);
    const before = Array.from({ length: log.endOffset }, (_, offset) => read(log, offset));
    await append(log, 1);
    await log.roll();
    const compacted = new CompactedLog(environment, log);
    await environment.clock.until(compacted.pass({ nowMs: environment.clock.nowMs() }));
    for (const [offset, record] of before.entries()) {
      // Batch 1 was written again.
      const isGone = offset >= 20 && offset < 40;
      for (let times = 0; times < 2; times++) expect(read(log, offset)).toEqual(isGone ? null : record);
    }
  });

  test.each([
    ['its length', 0],
    ['its key', 8],
  ])('that the disk has broken is refused: %s', async (_, at) => {
    const log = await writtenLog(simulatedEnvironment(), 4);
    expect(read(log, 25)).not.toBeNull();
    const { file, position } = locationAt(log, 25);
    const bytes = Buffer.alloc(20_000);
    file.readSync(bytes, 0, bytes.length, position);
    const cursor = openRecords(bytes, 0);
    while (cursor.next() && cursor.offset < 25);
    const broken = Buffer.from([0x7f]);
    if (at === 0) file.writeSync([broken], position + cursor.start);
    // The value begins one byte later, and ends too late.
    else file.writeSync([broken], position + cursor.keyStart - 1);
    expect(() => read(log, 25)).toThrow(LookupRefused);
  });

  test('whose batch is broken from the beginning is refused', async () => {
    const log = await writtenLog(simulatedEnvironment(), 4);
    const { file, position } = locationAt(log, 25);
    file.writeSync([Buffer.from('!')], position + 5_000);
    expect(() => read(log, 25)).toThrow(LookupRefused);
  });
});

describe('what is known', () => {
  test('is right or unknown, however little room there is', () => {
    const batches = fc.array(
      fc.record({
        contentId: fc.integer({ min: 1, max: 3 }),
        position: fc.integer({ min: 0, max: 6 }),
        deltas: fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 20 }),
        baseTimestamp: fc.constantFrom(-1, 0, 1_700_000_000_123),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(batches, (all) => {
        const known = new KnownBatches(1_024);
        const model = new Map<string, { at: [number, number]; bytes: Buffer; records: LogRecord[] }>();
        for (const { contentId, position, deltas, baseTimestamp } of all) {
          const name = `${contentId} ${position}`;
          const bytes =
            model.get(name)?.bytes ??
            batchWith(
              deltas.sort((a, b) => a - b),
              baseTimestamp,
            );
          model.set(name, { at: [contentId, position], bytes, records: readRecords(bytes, 0) });
          known.remember(contentId, position, bytes, openRecords(bytes, 0));
          for (const { at, bytes: batchBytes, records } of model.values()) {
            for (let offset = baseOffset - 1; offset < baseOffset + 42; offset++) {
              const found = known.find(...at, offset);
              if (found === undefined) continue;
              const record = records.find((each) => each.offset === offset) ?? null;
              assert.equal(found === null, record === null);
              if (found === null) continue;
              const cursor = new RecordCursor(batchBytes, found.start, found.end, found.frame);
              assert.ok(cursor.next());
              assert.deepEqual(cursor.record(), record);
            }
          }
          assert.ok(known.find(contentId, position, baseOffset + firstDelta(bytes)));
        }
      }),
      { seed: 20261126, numRuns: 15 },
    );
  });

  test.each([
    ['most of few batches', 15, 1],
    ['as much as there is room for of many, most of which are not taken note of', 100, 0.2],
  ])('is %s', (_, batches, share) => {
    const known = new KnownBatches(1_024);
    const bytes = batchWith(
      Array.from({ length: 20 }, (_each, delta) => delta),
      0,
    );
    let [asked, found, taken] = [0, 0, 0];
    for (let n = 0; n < 8_000; n++) {
      const position = (n * 7_919 + ((n * n) % 613)) % batches;
      const isFound = known.find(1, position, baseOffset) !== undefined;
      if (!isFound) known.remember(1, position, bytes, openRecords(bytes, 0));
      if (n < 4_000) continue;
      asked++;
      if (isFound) found++;
      else if (known.find(1, position, baseOffset) !== undefined) taken++;
    }
    expect(Math.abs(found / asked - share)).toBeLessThan(0.05);
    expect(taken / asked).toBeLessThan(0.15);
  });

  test('is none of small batches', () => {
    const known = new KnownBatches(1_024);
    const small = buildBatch({
      records: [{ timestampMs: 1, key: Buffer.from('k'), value: Buffer.from('v') }],
    });
    known.remember(1, 0, small, openRecords(small, 0));
    expect(known.find(1, 0, 0)).toBeUndefined();
  });
});

const baseOffset = 2 ** 40 + 7;

function firstDelta(bytes: Buffer): number {
  const cursor = openRecords(bytes, 0);
  cursor.next();
  return cursor.offsetDelta;
}

/** As the cleaner leaves one: with records of these offset deltas alone. */
function batchWith(deltas: readonly number[], timestampMs: number): Buffer {
  const records: NewRecord[] = deltas.map((offsetDelta) => ({
    offsetDelta,
    timestampMs,
    key: Buffer.from(`${offsetDelta}`),
    value: Buffer.alloc(offsetDelta === deltas[0] ? 9_000 : 10, offsetDelta),
  }));
  return buildBatch({ baseOffset, records });
}
