/** Batches that scenarios send: of a fixed time, so that both brokers store the same bytes. */
import { buildBatch, type NewBatch, type NewRecord } from '../../../protocol/records/batch-builder.ts';

export const timeOfRecords = 1_700_000_000_000;

/** A batch of these values; a key where it is written "key=value", null for "null", and one millisecond more for each. */
export function batchOf(
  values: readonly string[],
  options: Partial<NewBatch> & { timestampMs?: number } = {},
): Buffer {
  const { timestampMs = timeOfRecords, ...rest } = options;
  const records = values.map((text, n): NewRecord => {
    const [first, second] = text.split('=');
    const bytes = (part: string): Buffer | null => (part === 'null' ? null : Buffer.from(part));
    return {
      timestampMs: timestampMs + n,
      key: second === undefined ? null : bytes(first!),
      value: bytes(second ?? first!),
      headers: [],
    };
  });
  return buildBatch({ ...rest, records });
}
