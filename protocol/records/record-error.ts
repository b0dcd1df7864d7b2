/**
 * What every reader of records throws on broken bytes, and nothing else: a Kafka error code and one line for the log.
 * Whoever answers a client turns it into the code; whoever reads a file on disk into "cut here".
 */

/** The codes that records can fail with, by Kafka's numbers. */
export const recordErrorCodes = {
  /** Sizes, checksums, magic, or a payload that its codec cannot read. */
  corruptMessage: 2,
  messageTooLarge: 10,
  invalidTimestamp: 32,
  unsupportedForMessageFormat: 43,
  unsupportedCompressionType: 76,
  /** The batch is whole, what it holds is not what it says. */
  invalidRecord: 87,
} as const;

/** Broken, forbidden or oversized records. */
export class RecordError extends Error {
  readonly errorCode: number;

  constructor(errorCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RecordError';
    this.errorCode = errorCode;
  }
}

/** For `throw corrupt(…)`: CORRUPT_MESSAGE. */
export function corrupt(message: string, cause?: unknown): RecordError {
  return new RecordError(
    recordErrorCodes.corruptMessage,
    message,
    cause === undefined ? undefined : { cause },
  );
}

/** For `throw invalidRecord(…)`: INVALID_RECORD. */
export function invalidRecord(message: string): RecordError {
  return new RecordError(recordErrorCodes.invalidRecord, message);
}
