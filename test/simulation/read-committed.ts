/** What a read_committed consumer makes of a fetch: it gets whole logs, and a list of what to leave out. */
import * as batch from '../../protocol/records/batch.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { readRecords } from '../../protocol/records/record.ts';

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** The values of a log that count, in their order; and the offset after the last whole batch. */
export function committedValues(
  records: Buffer,
  aborted: readonly AbortedTransaction[],
): { readonly values: string[]; readonly nextOffset: number } {
  const values: string[] = [];
  const upcoming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const leftOut = new Set<number>();
  let nextOffset = -1;
  batch.forEachBatch(records, 0, records.length, (position) => {
    const last = batch.lastOffset(records, position);
    const producer = batch.producerId(records, position);
    nextOffset = last + 1;
    while (upcoming.length > 0 && upcoming[0]!.firstOffset <= last) leftOut.add(upcoming.shift()!.producerId);
    if (batch.isControl(records, position)) {
      const [marker] = readRecords(records, position);
      if (marker !== undefined && controlTypeOf(marker) === controlTypes.abort) leftOut.delete(producer);
    } else if (!batch.isTransactional(records, position) || !leftOut.has(producer))
      for (const record of readRecords(records, position)) values.push(record.value!.toString());
  });
  return { values, nextOffset };
}
