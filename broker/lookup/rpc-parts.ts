/** What is too much for one reply, cut into several. */
import { replyPartBytes } from '../../protocol/lookup/service.ts';
import type { KeyAnswer, KeyRecord } from './lookup.ts';

export interface Part<Item> {
  readonly items: readonly Item[];
  readonly isLast: boolean;
}

/** At least one, if an empty one. */
export function* partsOf<Item>(
  items: readonly Item[],
  bytesOf: (item: Item) => number,
): Generator<Part<Item>> {
  let from = 0;
  let byteCount = 0;
  for (let to = 0; to < items.length; to++) {
    byteCount += bytesOf(items[to]!);
    if (byteCount < replyPartBytes || to + 1 === items.length) continue;
    yield { items: items.slice(from, to + 1), isLast: false };
    from = to + 1;
    byteCount = 0;
  }
  yield { items: items.slice(from), isLast: true };
}

/** What a record has besides its key, value and headers, at most. */
const recordOverheadBytes = 80;

export function recordBytes({ key, value, headers }: KeyRecord): number {
  let byteCount = recordOverheadBytes + key.length + (value?.length ?? 0);
  for (const header of headers) byteCount += header.name.length + (header.value?.length ?? 0) + 8;
  return byteCount;
}

export function answerBytes(answer: KeyAnswer): number {
  switch (answer.kind) {
    case 'found':
    case 'deleted':
      return recordBytes(answer.record);
    case 'several':
      return answer.records.reduce((sum, record) => sum + recordBytes(record), 0);
    default:
      return 4;
  }
}
