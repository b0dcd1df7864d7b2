/**
 * Records inside JSON answers. The value comes under the name that says what it is: `json` (as it was written, not read and written
 * again), `text` or `base64`; a tombstone has `deleted` instead.
 */

import { notationOf } from '../lookup/key-notation.ts';
import { etagOf, type KeyRecord } from '../lookup/lookup.ts';
import { readValue } from '../lookup/value-kind.ts';

export function recordText(record: KeyRecord): string {
  const { partition, offset, timestampMs, leaderEpoch, headers } = record;
  const head = JSON.stringify({
    key: notationOf(record.key),
    partition,
    offset,
    etag: etagOf(record),
    timestampMs,
    leaderEpoch,
    headers: headers.map(({ name, value }) => ({ name, value: value && notationOf(value) })),
  });
  return `${head.slice(0, -1)},${valueMember(record.value)}}`;
}

export function recordsText(records: readonly KeyRecord[]): string {
  return `[${records.map(recordText).join(',')}]`;
}

function valueMember(value: Buffer | null): string {
  if (value === null) return '"deleted":true';
  const { kind, text } = readValue(value);
  if (kind === 'json') return `"json":${text}`;
  return kind === 'text' ? `"text":${JSON.stringify(text)}` : `"base64":"${value.toString('base64')}"`;
}
