import { errors } from '../../protocol/errors.ts';
import type { TimestampType } from '../../protocol/records/batch.ts';
import type { AppendRules } from './append-rules.ts';

/**
 * The rules for a single record, the same for every magic: a key where the topic is compacted, a timestamp within reach of
 * the broker's clock. A record that breaks one fails its batch; the answer names the records by their index in the batch.
 */

export interface RecordFault {
  readonly batchIndex: number;
  readonly message: string;
}

/** Collects the faults of one batch. One object per batch that has any; none is made for a sound one. */
export interface Faults {
  readonly faults: RecordFault[];
  hasTimestampFault: boolean;
}

const noTimestamp = -1;

/** Checks one record; returns what is wrong with it, or null. `batchType`: null in magic 0, which has no timestamps. */
export function checkRecord(
  rules: AppendRules,
  batchType: TimestampType | null,
  nowMs: number,
  hasKey: boolean,
  timestamp: number,
): 'key' | 'timestamp' | 'timestamp-type' | null {
  if (rules.compactedTopic && !hasKey) return 'key';
  if (rules.timestampType === 'CreateTime' && timestamp !== noTimestamp) {
    const ageMs = nowMs - timestamp;
    return ageMs > rules.timestampBeforeMaxMs || -ageMs > rules.timestampAfterMaxMs ? 'timestamp' : null;
  }
  return batchType === 'LogAppendTime' ? 'timestamp-type' : null;
}

/** Adds a fault to those of its batch. */
export function addFault(
  faults: Faults | null,
  batchIndex: number,
  kind: 'key' | 'timestamp' | 'timestamp-type' | 'magic',
  timestamp: number,
): Faults {
  const all = faults ?? { faults: [], hasTimestampFault: false };
  all.faults.push({ batchIndex, message: sentence(kind, timestamp) });
  if (kind === 'timestamp' || kind === 'timestamp-type') all.hasTimestampFault = true;
  return all;
}

/** The code that stands for all faults of a batch, and the sentence beside it. */
export function faultAnswer({ faults, hasTimestampFault }: Faults): { errorCode: number; message: string } {
  return hasTimestampFault
    ? {
        errorCode: errors.invalidTimestamp.code,
        message: 'A record has a timestamp that this topic does not accept.',
      }
    : {
        errorCode: errors.invalidRecord.code,
        message: `${faults.length} record${faults.length === 1 ? ' was' : 's were'} not accepted, first: ${faults[0]!.message}`,
      };
}

function sentence(kind: 'key' | 'timestamp' | 'timestamp-type' | 'magic', timestamp: number): string {
  switch (kind) {
    case 'key':
      return 'A compacted topic accepts no record without a key.';
    case 'timestamp':
      return `Timestamp ${timestamp} is outside message.timestamp.before.max.ms and message.timestamp.after.max.ms.`;
    case 'timestamp-type':
      return 'Only the broker sets log append time.';
    case 'magic':
      return 'The message has another magic than the message that wraps it.';
  }
}
