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

/** A batch as it is to be written, for indexes and producer state. */
export interface ValidatedBatch {
  /** In the result's buffer. */
  readonly position: number;
  readonly bytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
}

export interface Validated {
  readonly ok: true;
  /** A view on the given buffer, stamped, or a new buffer where `sizeChanged`. */
  readonly buffer: Buffer;
  readonly sizeChanged: boolean;
  readonly firstOffset: number;
  /** The log's end after the append. */
  readonly nextOffset: number;
  readonly maxTimestamp: number;
  /** The last offset of the batch that has `maxTimestamp`; -1 when no record has a timestamp. */
  readonly shallowOffsetOfMaxTimestamp: number;
  /** -1 with CreateTime. */
  readonly logAppendTimeMs: number;
  readonly recordCount: number;
  readonly batches: readonly ValidatedBatch[];
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
  context: AppendContext,
  recordCount: number,
  sizeChanged: boolean,
): Validated {
  const one = describeBatch(buffer, 0);
  return {
    ok: true,
    buffer,
    sizeChanged,
    firstOffset: context.firstOffset,
    nextOffset: context.firstOffset + recordCount,
    maxTimestamp: one.maxTimestamp,
    shallowOffsetOfMaxTimestamp: one.maxTimestamp < 0 ? -1 : one.lastOffset,
    logAppendTimeMs: timestampType === 'LogAppendTime' ? context.nowMs : -1,
    recordCount,
    batches: [one],
  };
}

/** The summary of the v2 batch at `position`. */
export function describeBatch(buffer: Buffer, position: number): ValidatedBatch {
  return {
    position,
    bytes: batch.batchSizeInBytes(buffer, position),
    baseOffset: batch.baseOffset(buffer, position),
    lastOffset: batch.lastOffset(buffer, position),
    recordCount: batch.recordCount(buffer, position),
    maxTimestamp: batch.maxTimestamp(buffer, position),
    producerId: batch.producerId(buffer, position),
    producerEpoch: batch.producerEpoch(buffer, position),
    baseSequence: batch.baseSequence(buffer, position),
    lastSequence: batch.lastSequence(buffer, position),
    isTransactional: batch.isTransactional(buffer, position),
    isControl: batch.isControl(buffer, position),
  };
}
