import fc from 'fast-check';
import { beforeAll, expect, it, test } from 'vitest';
import { findKey, type KeyRecord, type KeySearch } from '../../compaction/find-key.ts';
import { FileError } from '../../storage/environment/files.ts';
import { dataIn } from './check-log.ts';
import { rawBatches } from './consumer.ts';
import { loadCodecs, type WrittenRecord } from './history.ts';
import { Prepared, type Run } from './prepared-log.ts';

/** Every record of a key, against what was written and is left. */

function search({ files, log, clock }: Run, more: Partial<KeySearch> = {}): KeySearch {
  const { segments, producers, logStartOffset, endOffset } = log.cleanerView();
  const open = producers.filter(({ transactionFirstOffset }) => transactionFirstOffset >= 0);
  return {
    files,
    segments,
    abortedTransactions: log.abortedTransactions(segments[0]!.baseOffset, endOffset),
    openTransactions: new Map(open.map((each) => [each.producerId, each.transactionFirstOffset])),
    logStartOffset,
    recordsMax: 1_000,
    giveWay: () => new Promise((resolve) => clock.defer(resolve)),
    ...more,
  };
}

function expected(run: Run, record: WrittenRecord): Partial<KeyRecord> {
  const { offset, timestampMs, value, transaction } = record;
  const segments = run.log.segments();
  const segment = segments.findLast(({ baseOffset }) => baseOffset <= offset)!;
  return {
    offset,
    timestampMs,
    segmentBaseOffset: segment.baseOffset,
    valueBytes: value === null ? null : Buffer.byteLength(value),
    transaction: endOf(transaction),
    producerId: transaction?.producerId ?? expect.any(Number),
  };
}

function endOf(transaction: WrittenRecord['transaction']): KeyRecord['transaction'] {
  if (transaction === null) return 'none';
  if (transaction.markerOffset < 0) return 'open';
  return transaction.isCommitted ? 'committed' : 'aborted';
}

beforeAll(loadCodecs);

it('finds all records of a key, and how their transactions ended', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const run = (await Prepared.make(seed)).copy();
      for (let n = 0; n < 10; n++) await run.history.step(run.log);
      if (seed % 2 === 0) await run.pass();
      if (seed % 3 === 0) await run.log.deleteRecordsBefore(run.history.random.below(run.log.highWatermark));
      const { logStartOffset } = run.log;
      const left = dataIn(rawBatches(run.log), run.history).filter(({ offset }) => offset >= logStartOffset);
      for (const key of [...new Set(left.map((record) => record.key)), 'none such']) {
        if (key === null) continue;
        const want = left.filter((record) => record.key === key).map((record) => expected(run, record));
        const found = await run.clock.until(findKey(Buffer.from(key), search(run)));
        expect(found).toMatchObject({ count: want.length, records: want, unreadable: null });
        if (want.length === 0) continue;
        // Bounded, it gives the newest ones, and in any case the newest that counts.
        const few = await run.clock.until(findKey(Buffer.from(key), search(run, { recordsMax: 2 })));
        const counting = want.findLast(
          ({ transaction }) => transaction === 'none' || transaction === 'committed',
        );
        const newest = want.slice(-2);
        if (counting && !newest.includes(counting)) newest[0] = counting;
        expect(few).toMatchObject({ count: want.length, records: newest });
      }
    }),
    {
      seed: Number(process.env['KOMPAKT_SEED'] ?? 20261122),
      numRuns: Number(process.env['KOMPAKT_RUNS'] ?? 8),
    },
  );
});

test('what lies behind damage is not known, and said so', async () => {
  const run = (await Prepared.make(1008)).copy();
  const [, second] = run.log.segments();
  const file = run.files.openSync(second!.path, 'update');
  file.writeSync([Buffer.from([255])], second!.sizeBytes - 1);
  const found = await run.clock.until(findKey(Buffer.from('key-1'), search(run)));
  expect(found.unreadable).toMatch(/checksum/);
  expect(found.records.every(({ segmentBaseOffset }) => segmentBaseOffset <= second!.baseOffset)).toBe(true);
});

test('a segment that is gone is an error for whoever asked', async () => {
  const run = (await Prepared.make(1008)).copy();
  run.files.removeFileSync(run.log.segments()[1]!.path);
  await expect(run.clock.until(findKey(Buffer.from('key-1'), search(run)))).rejects.toThrow(FileError);
});
