/** What the newest records of a key in each partition say of the key. */
import type { KeyAnswer, KeyRecord, LiveRecord } from './lookup.ts';

/** The newest record of each partition, in their order; null where a partition has none. */
export function answerOf(newest: readonly (KeyRecord | null)[]): KeyAnswer {
  let live: LiveRecord | null = null;
  let several: LiveRecord[] | null = null;
  let tombstone: KeyRecord | null = null;
  for (const record of newest) {
    if (record === null) continue;
    if (isLive(record)) {
      if (live === null) live = record;
      else (several ??= [live]).push(record);
    } else if (tombstone === null || record.timestampMs > tombstone.timestampMs) tombstone = record;
  }
  if (several !== null) return { kind: 'several', records: several };
  if (live !== null) return { kind: 'found', record: live };
  return tombstone === null ? { kind: 'absent' } : { kind: 'deleted', record: tombstone };
}

/** What an answer takes: the keys and values in it. */
export function bytesOf(answer: KeyAnswer): number {
  if (answer.kind === 'absent') return 0;
  const records: readonly KeyRecord[] = answer.kind === 'several' ? answer.records : [answer.record];
  return records.reduce((bytes, { key, value }) => bytes + key.length + (value?.length ?? 0), 0);
}

export function isLive(record: KeyRecord): record is LiveRecord {
  return record.value !== null;
}

/** All of them, at once where none has to be waited for: most lookups are over when they are asked. */
export function allOf<T>(values: readonly (T | Promise<T>)[]): readonly T[] | Promise<readonly T[]> {
  for (const value of values) if (value instanceof Promise) return Promise.all(values);
  return values as readonly T[];
}
