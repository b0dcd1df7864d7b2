/** What may be asked for at all. */
import type { ChangesOptions, GetOptions } from './lookup.ts';
import { refuseRequest } from './refuse.ts';
import { checkWaitMs } from './waiting.ts';

export const keysMax = 1_000;
/** For each of them logs may have to be read. */
export const pastKeysMax = 20;
export const bufferBytesMax = 4 * 1024 * 1024;

export function checkGet({ waitMs, minOffset, asOfOffset, asOfMs }: GetOptions): void {
  checkWaitMs(waitMs);
  checkWhole('an offset', minOffset);
  checkWhole('an offset', asOfOffset);
  checkWhole('a time', asOfMs);
  if (asOfOffset !== undefined && asOfMs !== undefined)
    refuseRequest('the past is that of an offset or of a time, not of both');
}

export function checkKeys(keys: readonly Buffer[], { asOfOffset, asOfMs }: GetOptions): void {
  const most = asOfOffset === undefined && asOfMs === undefined ? keysMax : pastKeysMax;
  if (keys.length < 1 || keys.length > most)
    refuseRequest(`1 to ${most} keys can be asked for at a time, not ${keys.length}`);
}

export function checkChanges({
  waitMs,
  key,
  prefix,
  bufferBytesMax: bytes = bufferBytesMax,
}: ChangesOptions): void {
  checkWaitMs(waitMs);
  if (key !== undefined && prefix !== undefined)
    refuseRequest('changes are those of a key or of a prefix, not of both');
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > bufferBytesMax)
    refuseRequest(`1 to ${bufferBytesMax} bytes can be read ahead, not ${bytes}`);
}

function checkWhole(what: string, value: number | undefined): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 0))
    refuseRequest(`${what} is a whole number from 0 on, not ${value}`);
}
