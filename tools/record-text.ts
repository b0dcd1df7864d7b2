/** Records of the key/value store as a person reads them, and as lines of JSON. */
import { notationOf, readValue } from '../broker/connect-lookup.ts';
import type { Change, KeyRecord } from '../broker/index.ts';
import { bytes, table, time } from './quantities.ts';

/** Without the quotes that HTTP has around it. */
export function etagText({
  topicId,
  partition,
  offset,
}: Pick<KeyRecord, 'topicId' | 'partition' | 'offset'>): string {
  return `${topicId}-${partition}-${offset}`;
}

/** One line. The value stands under the name that says what it is: `json`, `text` or `base64`; a tombstone has `deleted` instead. */
export function recordJson(record: KeyRecord): string {
  return JSON.stringify(recordObject(record));
}

export function changeJson(change: Change): string {
  const { position } = change;
  if (change.kind === 'live') return JSON.stringify({ position, isLive: true });
  const { isSnapshot, record } = change;
  return JSON.stringify({ position, isSnapshot, ...recordObject(record) });
}

function recordObject(record: KeyRecord): object {
  const { partition, offset, timestampMs, leaderEpoch, headers } = record;
  return {
    key: notationOf(record.key),
    ...{ partition, offset, etag: etagText(record), timestampMs, leaderEpoch },
    headers: headers.map(({ name, value }) => ({ name, value: value && notationOf(value) })),
    ...valueMember(record.value),
  };
}

/** JSON is written again, so that it is one line. */
function valueMember(value: Buffer | null): object {
  if (value === null) return { deleted: true };
  const { kind, text } = readValue(value);
  if (kind === 'json') return { json: JSON.parse(text) };
  return kind === 'text' ? { text } : { base64: value.toString('base64') };
}

/** A record by itself: what it is, an empty line, its value. */
export function recordText(record: KeyRecord): string {
  const { topic, partition, offset, timestampMs, headers, value } = record;
  const rows = [
    ['key', visible(notationOf(record.key))],
    ['at', `offset ${offset} of ${topic}-${partition}, ${time(timestampMs)}`],
    ['etag', etagText(record)],
    ...headers.map(({ name, value }) => [
      'header',
      `${visible(name)}: ${value === null ? 'null' : visible(notationOf(value))}`,
    ]),
  ];
  if (value === null) rows.push(['value', 'deleted: this is a tombstone']);
  const head = `${table(rows).join('\n')}\n`;
  return value === null ? head : `${head}\n${valueText(value)}\n`;
}

function valueText(value: Buffer): string {
  const { kind, text } = readValue(value);
  if (kind === 'json') return visible(JSON.stringify(JSON.parse(text), null, 2), '\n');
  if (kind === 'text') return visible(text, '\n\t');
  return `${bytes(value.length)} that are no text, in base64: ${value.toString('base64')}`;
}

export const recordHeadings = ['key', 'partition', 'offset', 'time', 'value'] as const;

/** A record as a row of many. */
export function recordRow(record: KeyRecord): string[] {
  const { partition, offset, timestampMs, value } = record;
  return [
    visible(notationOf(record.key)),
    `${partition}`,
    `${offset}`,
    time(timestampMs),
    value === null ? 'deleted' : shortValue(value),
  ];
}

function shortValue(value: Buffer): string {
  const { kind, text } = readValue(value);
  const short = kind === 'binary' ? `base64:${value.toString('base64')}` : text;
  return visible(short.replace(/\s*\n\s*/g, ' '));
}

/** Rows under each other, cut to the terminal's width where there is one. */
export function recordRows(rows: readonly (readonly string[])[], width: number | undefined): string {
  return table(rows, [1, 2])
    .map((line) => `${width === undefined || line.length <= width ? line : `${line.slice(0, width - 1)}…`}\n`)
    .join('');
}

export function changeLine(record: KeyRecord, width: number | undefined): string {
  const [key, partition, offset, when, value] = recordRow(record) as [string, string, string, string, string];
  const line = `${when}  ${record.topic}-${partition} ${offset}  ${key}  ${value}`;
  return `${width === undefined || line.length <= width ? line : `${line.slice(0, width - 1)}…`}\n`;
}

/** Whatever a terminal would obey is written out: a value is anybody's. */
export function visible(text: string, allowed = ''): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) =>
    allowed.includes(character) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
