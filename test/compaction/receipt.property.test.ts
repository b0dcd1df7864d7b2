import assert from 'node:assert/strict';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { findCleanable } from '../../compaction/cleanable.ts';
import { type CompactionReceipt, ReceiptBuilder } from '../../compaction/receipt.ts';
import * as batch from '../../protocol/records/batch.ts';
import { readRecords } from '../../protocol/records/record.ts';
import type { Log } from '../../storage/log/log.ts';
import { dataIn } from './check-log.ts';
import { rawBatches } from './consumer.ts';
import { loadCodecs } from './history.ts';
import { Prepared, type Run } from './prepared-log.ts';

/** A receipt against what is in the log before and after, counted record by record. */

interface Counted {
  readonly records: number;
  readonly markers: number;
  readonly tombstones: number;
  readonly aborted: number;
  readonly nullKeys: number;
  readonly empty: number;
}

/** Of the batches below an offset that is a segment's base. */
function count({ log, history }: Run, from: number, upTo: number): Counted {
  const batches = rawBatches(log).filter((bytes) => {
    return batch.baseOffset(bytes, 0) >= from && batch.baseOffset(bytes, 0) < upTo;
  });
  const data = dataIn(batches, history);
  const markers = batches
    .filter((bytes) => batch.isControl(bytes, 0))
    .flatMap((bytes) => readRecords(bytes, 0));
  const isAborted = ({ transaction }: (typeof data)[number]) =>
    transaction !== null && transaction.markerOffset >= 0 && !transaction.isCommitted;
  const live = data.filter((record) => !isAborted(record));
  return {
    records: data.length + markers.length,
    markers: markers.length,
    tombstones: live.filter(({ key, value }) => key !== null && value === null).length,
    aborted: data.filter(isAborted).length,
    nullKeys: live.filter(({ key }) => key === null).length,
    empty: batches.filter((bytes) => batch.recordCount(bytes, 0) === 0).length,
  };
}

/** As somebody who asks for a compaction gets it. */
async function compact(run: Run, isDryRun: boolean): Promise<CompactionReceipt> {
  const { log, compacted } = run;
  const view = log.cleanerView();
  const nowMs = run.clock.nowMs();
  const first = findCleanable(view, log.settings, compacted.checkpoint, nowMs);
  const receipt = new ReceiptBuilder('orders', 3, view, first);
  for (let outcome = await run.pass({ isDryRun }); outcome !== null; outcome = await run.pass({ isDryRun })) {
    assert.ok(outcome.kind === 'cleaned');
    receipt.add(outcome.result);
    if (isDryRun) return receipt.finish('dry-run', null, null);
  }
  return receipt.finish('compacted', null, segmentsBelow(log, receipt.endOffset));
}

function segmentsBelow(log: Log, offset: number): number {
  return log.segments().filter(({ baseOffset }) => baseOffset < offset).length;
}

function bytesBelow(log: Log, offset: number): number {
  return log
    .segments()
    .filter(({ baseOffset }) => baseOffset < offset)
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

beforeAll(loadCodecs);

it('says what was there, what is left and what went', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const prepared = await Prepared.make(seed);
      const dry = prepared.copy();
      const files = () => rawBatches(dry.log).map((bytes) => bytes.toString('hex'));
      const untouched = files();
      const foreseen = await compact(dry, true);
      expect(files()).toEqual(untouched);

      const run = prepared.copy();
      const all = run.log.segments();
      const end = run.compacted.cleanable(run.clock.nowMs()).firstUncleanableOffset;
      const before = count(run, 0, end);
      const left = count(run, end, Number.POSITIVE_INFINITY);
      const bytesBefore = bytesBelow(run.log, end);
      const receipt = await compact(run, false);
      const after = count(run, 0, end);

      expect(receipt.range).toMatchObject({ end, firstUncleanable: end, logEnd: run.log.endOffset });
      expect(receipt.records).toMatchObject({ before: before.records, after: after.records });
      expect(receipt.bytes).toEqual({ before: bytesBefore, after: bytesBelow(run.log, end) });
      expect(receipt.segments).toEqual({
        before: all.filter(({ baseOffset }) => baseOffset < end).length,
        after: segmentsBelow(run.log, end),
      });
      const { kept, removed, notCleanable } = receipt.records;
      expect(kept).toEqual({
        newest: after.records - after.markers - after.tombstones,
        tombstones: after.tombstones,
        markers: after.markers,
        beyondMap: 0,
      });
      expect(removed).toMatchObject({
        aborted: before.aborted,
        nullKeys: before.nullKeys,
        markersExpired: before.markers - after.markers,
      });
      expect(Object.values(removed).reduce((sum, each) => sum + each)).toBe(before.records - after.records);
      expect(receipt.emptyBatches).toBe(after.empty);
      expect(Object.values(notCleanable).reduce((sum, each) => sum + each)).toBe(left.records);
      if (receipt.passes === 1) {
        expect(foreseen.records).toEqual(receipt.records);
        expect(foreseen.bytes).toEqual(receipt.bytes);
        expect(foreseen.nextHorizonMs).toBe(receipt.nextHorizonMs);
      }
    }),
    {
      seed: Number(process.env['KOMPAKT_SEED'] ?? 20261122),
      numRuns: Number(process.env['KOMPAKT_RUNS'] ?? 12),
    },
  );
});
