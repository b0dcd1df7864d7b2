/** The refusal that all codecs share. */

import { RecordError, recordErrorCodes } from '../record-error.ts';

/** For `throw overLimit(…)`: the batch is sound, but would take more memory than one batch may. */
export function overLimit(codec: string, limitBytes: number): RecordError {
  return new RecordError(
    recordErrorCodes.messageTooLarge,
    `Record batch compressed with ${codec} decompresses to more than the limit of ${limitBytes} bytes`,
  );
}
