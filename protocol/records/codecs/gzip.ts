/** gzip by Node's zlib: one or more members (RFC 1952), whatever follows the last one is not looked at, as in Java. */

import { constants, gunzipSync, gzipSync } from 'node:zlib';
import type { Codec } from '../compression.ts';
import { corrupt } from '../record-error.ts';
import { overLimit } from './limit.ts';

export const gzipCodec: Codec = {
  id: 1,
  name: 'gzip',
  compress(bytes, level = constants.Z_DEFAULT_COMPRESSION) {
    return gzipSync(bytes, { level });
  },
  /** zlib inflates chunk by chunk and stops at the first one that goes over. */
  decompress(bytes, limitBytes) {
    try {
      return gunzipSync(bytes, { maxOutputLength: Math.max(1, limitBytes) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        throw overLimit('gzip', limitBytes);
      throw corrupt(`Record batch has a broken gzip stream: ${(error as Error).message}`, error);
    }
  },
};
