import * as batch from '../../protocol/records/batch.ts';
import { openRecords } from '../../protocol/records/record.ts';

/**
 * What is wrong inside a v2 batch whose checksum is right, or null: as many records as it says, offsets ascending up to its last one,
 * nothing behind them. A batch that compaction has thinned out holds fewer than its offsets would have room for.
 */
export function recordsProblem(buffer: Buffer, at: number): string | null {
  const lastDelta = batch.lastOffsetDelta(buffer, at);
  const count = batch.recordCount(buffer, at);
  if (lastDelta < 0 || count > lastDelta + 1) return `says ${count} records up to offset delta ${lastDelta}`;
  if (count === 0)
    return batch.batchSizeInBytes(buffer, at) === batch.batchHeaderBytes
      ? null
      : 'says 0 records, but has some';
  try {
    const cursor = openRecords(buffer, at);
    let before = -1;
    while (cursor.next()) {
      if (cursor.offsetDelta <= before || cursor.offsetDelta > lastDelta)
        return `has a record at offset delta ${cursor.offsetDelta} after ${before}, of at most ${lastDelta}`;
      before = cursor.offsetDelta;
    }
    return null;
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
