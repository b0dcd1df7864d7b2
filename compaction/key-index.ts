import * as batch from '../protocol/records/batch.ts';
import { describeRecords } from './batch-filter.ts';
import type { BatchReader } from './batch-reader.ts';
import type { CleanSegment } from './clean-job.ts';
import type { BatchRecords } from './kernel.ts';
import type { Pass } from './pass.ts';
import { passMarker } from './retain.ts';
import { Transactions } from './transactions.ts';

/**
 * The first half of a pass: the keys of [firstDirty, firstUncleanable) go into the map, each with its newest offset. Markers,
 * data of aborted transactions and records without a key do not: what an aborted transaction wrote must not shadow what was
 * committed before it.
 *
 * When the map is full the half ends at the record that did not fit, which may be inside a batch. A segment that was read to its
 * end counts up to the next one's base, so that holes and keyless batches at its end are not dirty for ever.
 */

const records: BatchRecords = {
  area: 'input',
  start: 0,
  end: 0,
  count: 0,
  baseOffset: 0,
  baseTimestampMs: 0,
  appendTimeMs: -1,
};

/** Fills the map; tells the first offset that it does not cover. */
export async function indexKeys(pass: Pass): Promise<number> {
  const { firstDirtyOffset, firstUncleanableOffset, segments, abortedTransactions } = pass.job;
  const dirty = segments.filter((segment) => segment.nextOffset > firstDirtyOffset);
  // Apache Kafka 4.4 takes along those that ended before, in the same segment, and may then leave committed keys out of its map: what
  // they supersede stays, and a value comes back when its tombstone goes (test/clients/java-cleaner/run-plan.ts).
  const undecided = abortedTransactions.filter(({ lastOffset }) => lastOffset >= firstDirtyOffset);
  const transactions = new Transactions(undecided);
  pass.begin('index', dirty);
  let endOffset = firstDirtyOffset;
  for (const segment of dirty) {
    const fullAt = await indexSegment(pass, segment, transactions);
    if (fullAt >= 0) return Math.max(endOffset, fullAt);
    endOffset = Math.min(segment.nextOffset, firstUncleanableOffset);
  }
  return endOffset;
}

/** -1 when all of it went in, else the first offset that did not. */
async function indexSegment(pass: Pass, segment: CleanSegment, transactions: Transactions): Promise<number> {
  const { kernel, job } = pass;
  let endOffset = 0;
  let isFull = false;
  await pass.read(segment, (reader) => {
    const lastOffset = reader.lastOffset;
    if (lastOffset < job.firstDirtyOffset) return true;
    if (!reader.isLegacy) reader.check();
    if (hasKeys(reader, transactions)) {
      describe(reader);
      isFull = !reader.guarded(() => kernel.index(records, job.firstDirtyOffset));
    }
    if (!isFull) endOffset = lastOffset + 1;
    return !isFull;
  });
  return isFull ? Math.max(endOffset, kernel.lastIndexedOffset + 1) : -1;
}

/** Whether the batch counts; `transactions` move on past it. */
function hasKeys(reader: BatchReader, transactions: Transactions): boolean {
  if (reader.isLegacy) return true;
  const { input, at } = reader;
  if (batch.isControl(input, at)) {
    reader.guarded(() => passMarker(input, at, transactions));
    return false;
  }
  const isTransactional = batch.isTransactional(input, at);
  return !transactions.isAborted(batch.producerId(input, at), reader.lastOffset, isTransactional);
}

function describe(reader: BatchReader): void {
  if (reader.isLegacy) reader.describeLegacy(records);
  else {
    const unpacked = reader.unpack();
    describeRecords(records, reader.input, reader.at, reader.bytes, unpacked);
  }
}
