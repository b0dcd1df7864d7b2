/**
 * Errors on their way from the cleaner's thread to the broker. Each arrives as what it was, for the broker does something
 * different for each:
 *
 *    uncleanable   Uncleanable     the partition is left alone
 *    aborted       CleanAborted    somebody wanted it so
 *    file          FileError       the disk; with code and path
 *    unexpected    Error           ours
 *
 * The trace of the thread comes along as the cause.
 */
import { FileError, type FileErrorCode } from '../storage/environment/files.ts';
import { CleanAborted, Uncleanable } from './clean-job.ts';

/** The fields of message CleanerError. */
export interface ErrorMessage {
  readonly kind: string;
  readonly message: string;
  readonly code: string;
  readonly path: string;
  readonly trace: string;
}

export function errorToMessage(error: unknown): ErrorMessage {
  const message = error instanceof Error ? error.message : String(error);
  const trace = traceOf(error);
  if (error instanceof FileError) return { kind: 'file', message, code: error.code, path: error.path, trace };
  let kind = 'unexpected';
  if (error instanceof Uncleanable) kind = 'uncleanable';
  if (error instanceof CleanAborted) kind = 'aborted';
  return { kind, message, code: '', path: '', trace };
}

export function errorOf({ kind, message, code, path, trace }: ErrorMessage): Error {
  const options = trace === '' ? {} : { cause: trace };
  if (kind === 'aborted') return new CleanAborted();
  if (kind === 'uncleanable') return new Uncleanable(message, options);
  if (kind === 'file') {
    const error = new FileError(code as FileErrorCode, path, 'clean', options);
    // Which call it was, the message tells already.
    error.message = message;
    return error;
  }
  return new Error(message, options);
}

/** With those of its causes. */
function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const own = error.stack ?? error.message;
  const cause = error.cause instanceof Error ? traceOf(error.cause) : '';
  return cause === '' ? own : `${own}\ncaused by ${cause}`;
}
