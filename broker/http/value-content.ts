/**
 * What a value is, and as what it is sent. Kafka keeps no content type, so it is guessed from the bytes:
 *
 *    a JSON object or array     application/json
 *    other UTF-8 text           text/plain; charset=utf-8
 *    anything else              application/octet-stream
 *
 * The guess is sent to whoever accepts it, as every browser does that opens a link. Only who accepts nothing but other types, which
 * a page cannot make a browser's navigation say, gets the bytes under the type that was asked for.
 */
import { isUtf8 } from 'node:buffer';
import { isJson, readValue, type ValueKind } from '../lookup/value-kind.ts';

export const contentTypes: Readonly<Record<ValueKind, string>> = {
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
  binary: 'application/octet-stream',
};

/** The content type to send under, null when the value cannot be what is accepted. */
export function negotiate(value: Buffer, accept: string | undefined): string | null {
  const { kind } = readValue(value);
  const guess = contentTypes[kind];
  if (accept === undefined || accept.trim() === '*/*') return guess;
  const ranges = parseAccept(accept);
  if (ranges.length === 0) return guess;
  const [plain] = guess.split(';') as [string];
  if (qualityOf(ranges, plain) > 0) return guess;
  const asked = ranges
    .filter(({ type, quality }) => quality > 0 && !type.includes('*'))
    .sort((a, b) => b.quality - a.quality);
  return asked.map(({ type }) => asType(value, type)).find((type) => type !== null) ?? null;
}

/** The value under a type that was asked for: JSON has to be JSON and text UTF-8, of others nobody knows. */
function asType(value: Buffer, type: string): string | null {
  if (type === 'application/json') return isUtf8(value) && isJson(value.toString('utf8')) ? type : null;
  if (type.startsWith('text/')) return isUtf8(value) ? `${type}; charset=utf-8` : null;
  return type;
}

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

/** Parameters besides q are passed over, and so is what is no media range. */
function parseAccept(accept: string): MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const part of accept.split(',')) {
    const [type = '', ...parameters] = part.split(';').map((one) => one.trim().toLowerCase());
    if (!/^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+$/.test(type)) continue;
    const q = parameters.find((one) => one.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2));
    ranges.push({ type, quality: quality >= 0 && quality <= 1 ? quality : 1 });
  }
  return ranges;
}

/** By the range that says it most exactly. */
function qualityOf(ranges: readonly MediaRange[], type: string): number {
  const family = `${type.slice(0, type.indexOf('/'))}/*`;
  for (const wanted of [type, family, '*/*']) {
    const range = ranges.find((one) => one.type === wanted);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
