/**
 * Records inside JSON answers. The value comes under the name that says what it is: `json` (as it was written, not read and written
 * again), `text` or `base64`; a tombstone has `deleted` instead.
 */

import type { Clock } from '../../storage/environment/clock.ts';
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

/** So long one answer may hold up everybody else at a time. */
const turnMs = 4;
/** Text becomes bytes in pieces of about this. */
const pieceLength = 64 * 1024;

/**
 * `before`, the texts of all items with commas between them, `after`. In turns of the event loop: JSON of 32 MiB takes half a second,
 * most of it to see what the values are.
 */
export async function jsonInTurns<Item>(
  clock: Clock,
  before: string,
  items: readonly Item[],
  textOf: (item: Item, index: number) => string,
  after: string,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let text = before;
  let endMs = clock.monotonicMs() + turnMs;
  for (const [index, item] of items.entries()) {
    text += index === 0 ? textOf(item, index) : `,${textOf(item, index)}`;
    if (text.length >= pieceLength) {
      pieces.push(Buffer.from(text));
      text = '';
    }
    if (clock.monotonicMs() < endMs) continue;
    await new Promise<void>((resolve) => clock.defer(resolve));
    endMs = clock.monotonicMs() + turnMs;
  }
  pieces.push(Buffer.from(text + after));
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/** `name: value` of what the value is. */
export function valueMember(value: Buffer | null): string {
  if (value === null) return '"deleted":true';
  const { kind, text } = readValue(value);
  if (kind === 'json') return `"json":${text}`;
  return kind === 'text' ? `"text":${JSON.stringify(text)}` : `"base64":"${value.toString('base64')}"`;
}
