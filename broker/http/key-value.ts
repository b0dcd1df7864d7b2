/** What an answer about one record says of it, and the part of its value that was asked for. */
import { notationOf } from '../lookup/key-notation.ts';
import { etagOf, type KeyRecord, type LiveRecord } from '../lookup/lookup.ts';
import { isJson, readValue } from '../lookup/value-kind.ts';
import { selectText } from './json-pointer.ts';
import { ProblemError } from './problems.ts';

/** Above that the headers of a record are not told in those of an answer: clients and proxies have limits of their own. */
const headersBytesMax = 8 * 1024;

export function recordHeadersOf(record: KeyRecord): Record<string, string> {
  const told: Record<string, string> = {
    etag: etagOf(record),
    'kompakt-partition': `${record.partition}`,
    'kompakt-offset': `${record.offset}`,
    'kompakt-timestamp': `${record.timestampMs}`,
    'kompakt-leader-epoch': `${record.leaderEpoch}`,
  };
  const { headers } = record;
  if (headers.length === 0) return told;
  const text = asciiJson(headers.map(({ name, value }) => [name, value && notationOf(value)]));
  if (text.length <= headersBytesMax) told['kompakt-headers'] = text;
  else told['kompakt-headers-omitted'] = `${headers.length}`;
  return told;
}

/** JSON that a header of HTTP can hold: everything beyond ASCII, and every control character, as \u escapes. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The part of a JSON value, as it is written there. */
export function partOf({ value }: LiveRecord, names: readonly string[]): string {
  const { kind, text } = readValue(value);
  // Of what is guessed to be text some is JSON all the same: numbers, strings, null.
  if (kind !== 'json' && !isJson(text)) throw new ProblemError('nothing-at-pointer', 'the value is not JSON');
  const part = selectText(text, names);
  if (part === null) throw new ProblemError('nothing-at-pointer', 'the value has nothing there');
  return part;
}
