/** A receipt of a compaction as a person reads it: what is not there, zeros above all, is left out. */
import type { CompactionReceipt } from '../compaction/receipt.ts';
import { bytes, count, counted, duration, table, time } from './quantities.ts';

const verdicts: Record<CompactionReceipt['outcome'], string> = {
  compacted: 'compacted',
  'dry-run': 'dry run, nothing was changed',
  stale: 'not done to its end',
  failed: 'failed',
};

export function receiptText(receipt: CompactionReceipt): string {
  const { topic, partition, outcome, why, passes, durationMs } = receipt;
  const isIdle = passes > 0 && receipt.bytes.before === 0 && receipt.emptyBatches === 0;
  const verdict =
    isIdle && why === null ? 'nothing to clean' : `${verdicts[outcome]}${why === null ? '' : `: ${why}`}`;
  const took = passes === 0 ? '' : ` (${duration(durationMs)}, ${counted(passes, 'pass', 'passes')})`;
  const lines = [`${topic}-${partition}: ${verdict}${took}`];
  if (isIdle) lines.push(...reasons(receipt));
  else if (passes > 0) lines.push(...sizes(receipt), ...reasons(receipt), ...means(receipt));
  return `${lines.join('\n')}\n`;
}

/** Under the receipts of several partitions. */
export function totalText(receipts: readonly CompactionReceipt[]): string {
  const sum = (of: (receipt: CompactionReceipt) => number) =>
    receipts.reduce((all, each) => all + of(each), 0);
  const before = sum(({ records }) => records.before);
  const after = sum(({ records }) => records.after);
  const bytesBefore = sum((receipt) => receipt.bytes.before);
  const bytesAfter = sum((receipt) => receipt.bytes.after);
  const failed = receipts.filter(isIncomplete).length;
  const empty = receipts.filter(isEmpty).length;
  const became = receipts.some(({ outcome }) => outcome === 'dry-run') ? 'would become' : 'became';
  return [
    `${counted(receipts.length, 'partition')}${empty === 0 ? '' : `, ${count(empty)} of them empty`}: `,
    `${count(before)} records ${became} ${count(after)}, ${bytes(bytesBefore)} ${became} ${bytes(bytesAfter)}`,
    failed === 0 ? '\n' : `; ${counted(failed, 'partition')} not compacted\n`,
  ].join('');
}

/** There was nothing in the partition at all, so that there is nothing to tell of it. */
export function isEmpty({ outcome, records, emptyBatches }: CompactionReceipt): boolean {
  const { lag, active, 'open-transaction': openTransaction } = records.notCleanable;
  return outcome !== 'failed' && records.before + emptyBatches + lag + active + openTransaction === 0;
}

/** What was asked for was not done. */
export function isIncomplete({ outcome }: CompactionReceipt): boolean {
  return outcome === 'failed' || outcome === 'stale';
}

function sizes({ range, records, bytes: size, segments }: CompactionReceipt): string[] {
  const { logStart, firstDirty, end, logEnd } = range;
  const rows = [
    ['records', count(records.before), '→', count(records.after)],
    ['bytes', bytes(size.before), '→', bytes(size.after)],
    ['segments', count(segments.before), '→', count(segments.after)],
  ];
  const dirty = firstDirty < end ? `of which [${firstDirty}, ${end}) was dirty` : 'all of it clean before';
  const offsets = `offsets [${logStart}, ${end})${firstDirty > logStart ? `, ${dirty}` : ''}`;
  return [`  ${offsets}; the log ends at ${logEnd}`, ...table(rows, [1, 3]).map((row) => `  ${row}`)];
}

/** A table of three parts, each reason with its number. */
function reasons({ records, emptyBatches, nextHorizonMs }: CompactionReceipt): string[] {
  const { kept, removed, notCleanable } = records;
  const until = nextHorizonMs < 0 ? '' : `; the first may go at ${time(nextHorizonMs)}`;
  // The horizon is of tombstones and markers; it is said once.
  const tombstonesUntil = kept.tombstones > 0 ? until : '';
  const markersUntil = kept.tombstones > 0 ? '' : until;
  const parts: [string, [number, string][]][] = [
    [
      'kept',
      [
        [kept.newest, 'the newest value of their key'],
        [kept.tombstones, `tombstones${tombstonesUntil}`],
        [kept.markers, `markers of transactions${markersUntil}`],
        [kept.beyondMap, 'above the keys that fitted into the map'],
        [emptyBatches, 'empty batches, for the sequence numbers of live producers or the end of the range'],
      ],
    ],
    [
      'removed',
      [
        [removed.superseded, 'superseded by a newer record of their key'],
        [removed.tombstonesExpired, 'tombstones that were due'],
        [removed.aborted, 'of aborted transactions'],
        [removed.markersExpired, 'markers of transactions without records'],
        [removed.nullKeys, 'without a key'],
      ],
    ],
    [
      'not cleanable',
      [
        [notCleanable.lag, 'younger than min.compaction.lag.ms'],
        [notCleanable['open-transaction'], 'above the begin of an open transaction'],
        [notCleanable.active, 'in the active segment (--include-active rolls it first)'],
      ],
    ],
  ];
  const rows = parts.flatMap(([name, reasonsOfPart]) =>
    reasonsOfPart
      .filter(([value]) => value > 0)
      .map(([value, reason], i) => [i === 0 ? name : '', count(value), reason]),
  );
  return table(rows, [1]).map((row) => `  ${row}`);
}

function means({ memoryBytes, map }: CompactionReceipt): string[] {
  if (map.keys === 0) return [`  memory ${bytes(memoryBytes)}`];
  return [
    `  memory ${bytes(memoryBytes)}; ${count(map.keys)} of at most ${count(map.capacity)} keys in the map`,
  ];
}
