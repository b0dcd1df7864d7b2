/** The refusal that all codecs share. */

import { errors } from '../../errors.ts';
import { RecordError } from '../record-error.ts';

/** For `throw overLimit(…)`: the batch is sound, but would take more memory than one batch may. */
export function overLimit(codec: string, limitBytes: number): RecordError {
  return new RecordError(
    errors.messageTooLarge,
    `Record batch compressed with ${codec} becomes larger than kompakt.records.decompressed.max.bytes, which is ${limitBytes}`,
  );
}
