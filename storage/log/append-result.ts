import * as batch from '../../protocol/records/batch.ts';
import type { AppendOrigin } from './log-types.ts';
import type { RecordFault } from './record-checks.ts';

/** What append validation takes besides the bytes and the topic's rules, and what it answers. */

export interface AppendContext {
  readonly origin: AppendOrigin;
  readonly firstOffset: number;
  readonly leaderEpoch: number;
  readonly nowMs: number;
}

export interface Validated {
  readonly ok: true;
  /** A view on the given buffer, stamped, or a new buffer where `sizeChanged`. */
  readonly buffer: Buffer;
  readonly sizeChanged: boolean;
  readonly firstOffset: number;
  /** The log's end after the append. */
  readonly nextOffset: number;
  /** -1 when no record has a timestamp. */
  readonly maxTimestamp: number;
  /** -1 with CreateTime. */
  readonly logAppendTimeMs: number;
}

export interface Refused {
  readonly ok: false;
  readonly errorCode: number;
  readonly message: string;
  readonly recordErrors: readonly RecordFault[];
}

/** The result for a buffer that holds one batch, stamped to its last field. */
export function validated(
  buffer: Buffer,
  timestampType: batch.TimestampType,
  { firstOffset, nowMs }: AppendContext,
  recordCount: number,
  sizeChanged: boolean,
): Validated {
  return {
    ok: true,
    buffer,
    sizeChanged,
    firstOffset,
    nextOffset: firstOffset + recordCount,
    maxTimestamp: batch.maxTimestamp(buffer, 0),
    logAppendTimeMs: timestampType === 'LogAppendTime' ? nowMs : -1,
  };
}
