import { buildBatch } from '../protocol/records/batch-builder.ts';
import { type LegacyRecord, readLegacyBatch } from '../protocol/records/legacy.ts';

/**
 * Messages of magic 0 and 1 in a compacted log: what stays of one, or of all that a wrapper holds, becomes a batch of magic 2
 * with the same offsets, timestamps and codec. It begins at the first record that stays, has no producer, and gets a delete
 * horizon with its first tombstone.
 */
export interface LegacyFilterOptions {
  readonly isKept: (record: LegacyRecord) => boolean;
  /** -1: tombstones get none. */
  readonly horizonMs: number;
  /** It ends at the high watermark: an empty batch stays where no record does. */
  readonly isLast: boolean;
}

/** The batch that the message at `position` becomes; null when nothing stays. Its codec must be loaded. */
export function filterLegacyBatch(
  buffer: Buffer,
  position: number,
  { isKept, horizonMs, isLast }: LegacyFilterOptions,
): Buffer | null {
  const old = readLegacyBatch(buffer, position);
  const kept = old.records.filter(isKept);
  const first = kept[0];
  if (first === undefined)
    return isLast ? buildBatch({ baseOffset: old.lastOffset, lastOffsetDelta: 0, records: [] }) : null;
  const hasTombstone = kept.some((record) => record.value === null);
  return buildBatch({
    baseOffset: first.offset,
    codec: old.codec,
    timestampType: old.timestampType ?? 'CreateTime',
    logAppendTimeMs: old.maxTimestamp,
    ...(hasTombstone && horizonMs >= 0 ? { deleteHorizonMs: horizonMs } : {}),
    records: kept.map((record) => ({
      offsetDelta: record.offset - first.offset,
      timestampMs: record.timestamp,
      key: record.key,
      value: record.value,
    })),
  });
}
