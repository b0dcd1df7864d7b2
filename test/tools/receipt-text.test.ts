/** Receipts, explanations and numbers as a person reads them. */
import { describe, expect, test } from 'vitest';
import type { CompactionReceipt } from '../../compaction/receipt.ts';
import { bytes, duration, parseDuration, time } from '../../tools/quantities.ts';
import { isEmpty, isIncomplete, receiptText, totalText } from '../../tools/receipt-text.ts';

const receipt: CompactionReceipt = {
  topic: 'articles',
  partition: 3,
  outcome: 'compacted',
  why: null,
  range: { logStart: 100, firstDirty: 2_000, end: 4_500, firstUncleanable: 5_000, logEnd: 6_000 },
  records: {
    before: 4_000,
    after: 1_065,
    kept: { newest: 1_000, tombstones: 20, markers: 5, beyondMap: 40 },
    removed: { superseded: 2_900, tombstonesExpired: 20, aborted: 10, markersExpired: 3, nullKeys: 2 },
    notCleanable: { lag: 500, 'open-transaction': 400, active: 100 },
  },
  emptyBatches: 1,
  bytes: { before: 5_000_000, after: 1_000_000 },
  segments: { before: 12, after: 3 },
  nextHorizonMs: Date.UTC(2026, 0, 2),
  passes: 2,
  durationMs: 1_234.5,
  memoryBytes: 25_000_000,
  map: { keys: 1_065, capacity: 2_000 },
};
const nothing = { superseded: 0, tombstonesExpired: 0, aborted: 0, markersExpired: 0, nullKeys: 0 };

test('a receipt with everything in it', () => {
  expect(receiptText(receipt)).toBe(`articles-3: compacted (1.2 s, 2 passes)
  offsets [100, 4500), of which [2000, 4500) was dirty; the log ends at 6000
  records     4,000  →   1,065
  bytes     4.77 MB  →  977 KB
  segments       12  →       3
  kept           1,000  the newest value of their key
                    20  tombstones; the first may go at 2026-01-02T00:00:00.000Z
                     5  markers of transactions
                    40  above the keys that fitted into the map
                     1  empty batches, for the sequence numbers of live producers or the end of the range
  removed        2,900  superseded by a newer record of their key
                    20  tombstones that were due
                    10  of aborted transactions
                     3  markers of transactions without records
                     2  without a key
  not cleanable    500  younger than min.compaction.lag.ms
                   400  above the begin of an open transaction
                   100  in the active segment (--include-active rolls it first)
  memory 23.8 MB; 1,065 of at most 2,000 keys in the map
`);
});

test('one with nothing to do, one that failed before it began, and one that did not get to its end', () => {
  const idle: CompactionReceipt = {
    ...receipt,
    records: {
      ...receipt.records,
      before: 0,
      after: 0,
      kept: { newest: 0, tombstones: 0, markers: 0, beyondMap: 0 },
      removed: nothing,
      notCleanable: { lag: 0, 'open-transaction': 0, active: 7 },
    },
    emptyBatches: 0,
    bytes: { before: 0, after: 0 },
    passes: 1,
    durationMs: 3,
  };
  expect(receiptText(idle)).toBe(
    'articles-3: nothing to clean (3 ms, 1 pass)\n  not cleanable  7  in the active segment (--include-active rolls it first)\n',
  );
  const failed: CompactionReceipt = { ...receipt, outcome: 'failed', why: 'x.log at 0: damaged', passes: 0 };
  expect(receiptText(failed)).toBe('articles-3: failed: x.log at 0: damaged\n');
  const stale: CompactionReceipt = { ...receipt, outcome: 'stale', why: 'the log changed' };
  expect(receiptText(stale)).toMatch(
    /^articles-3: not done to its end: the log changed \(1\.2 s, 2 passes\)\n/,
  );
  expect([receipt, idle, failed, stale].map(isIncomplete)).toEqual([false, false, true, true]);
  expect(totalText([receipt, receipt, failed])).toBe(
    '3 partitions: 12,000 records became 3,195, 14.3 MB became 2.86 MB; 1 partition not compacted\n',
  );
  const foretold: CompactionReceipt = { ...receipt, outcome: 'dry-run' };
  expect(totalText([foretold, foretold])).toMatch(/8,000 records would become 2,130, /);
  const empty = {
    ...idle,
    records: { ...idle.records, notCleanable: { lag: 0, 'open-transaction': 0, active: 0 } },
  };
  expect([receipt, idle, failed, empty].map(isEmpty)).toEqual([false, false, false, true]);
  expect(totalText([receipt, empty])).toMatch(/^2 partitions, 1 of them empty: 4,000 records became 1,065, /);
});

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KB'],
    [10_234, '9.99 KB'],
    [10_239, '10.0 KB'],
    [1024 * 1023.6, '1.00 MB'],
    [5e15, '4547 TB'],
  ])('%d bytes are %s', (value, text) => expect(bytes(value)).toBe(text));

  test.each([
    [0.4, '0 ms'],
    [999, '999 ms'],
    [9_949, '9.9 s'],
    [9_950, '10 s'],
    [59_600, '1 min 0 s'],
    [61_000, '1 min 1 s'],
    [3_661_000, '1 h 1 min'],
  ])('%d ms are %s', (value, text) => expect(duration(value)).toBe(text));

  test.each([
    ['5000', 5_000],
    ['1.5s', 1_500],
    ['90m', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['0', 0],
    ['-1', null],
    ['1w', null],
    ['', null],
  ])('%j is a duration of %s ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test('a time that is none is a dash', () => {
    expect([time(-1), time(0), time(9e15)]).toEqual(['-', '1970-01-01T00:00:00.000Z', '-']);
  });
});
