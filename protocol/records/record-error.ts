/**
 * What every reader of records throws on broken bytes, and nothing else: a Kafka error and one line for the log. Whoever
 * answers a client turns it into its code; whoever reads a file on disk into "cut here".
 */

import { ApiError, errors } from '../errors.ts';

/** Broken, forbidden or oversized records. */
export class RecordError extends ApiError {}

/** For `throw corrupt(…)`, CORRUPT_MESSAGE: sizes, checksums, magic, or a payload that its codec cannot read. */
export function corrupt(message: string, cause?: unknown): RecordError {
  return new RecordError(errors.corruptMessage, message, cause === undefined ? undefined : { cause });
}

/** For `throw invalidRecord(…)`, INVALID_RECORD: the batch is whole, what it holds is not what it says. */
export function invalidRecord(message: string): RecordError {
  return new RecordError(errors.invalidRecord, message);
}
