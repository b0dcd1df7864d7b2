import { readInt32, readInt64 } from '../../protocol/records/int64.ts';
import { type BatchWalk, lastOffsetAt, maxTimestampAt } from './batch-walk.ts';
import { offsetIndexEntryBytes } from './offset-index.ts';
import { timeIndexEntryBytes } from './time-index.ts';

/**
 * The two sparse indexes of a segment, compared with its batches while these go by:
 *
 *    .index        each entry is the place of a batch with that last offset
 *    .timeindex    times and offsets ascend, and none lies behind the last batch; no batch up to an entry's offset is later than it says
 */
export class CheckedIndexes {
  readonly #base: number;
  readonly #offsets: readonly OffsetEntry[];
  readonly #times: readonly TimeEntry[];
  #nextOffsetEntry = 0;
  #nextTimeEntry = 0;
  #latestMs = -1;
  #timeProblem: string | null = null;

  /** Both files as they are, whole entries; of a segment that grew they end in room for more. */
  constructor(base: number, offsetIndex: Buffer, timeIndex: Buffer) {
    this.#base = base;
    this.#offsets = offsetEntries(base, offsetIndex);
    this.#times = timeEntries(base, timeIndex);
    for (const [n, { timestampMs, offset }] of this.#times.entries()) {
      const before = this.#times[n - 1];
      if (before !== undefined && (timestampMs < before.timestampMs || offset < before.offset))
        this.#timeIsWrong(
          n,
          `(${timestampMs}, offset ${offset}) after (${before.timestampMs}, offset ${before.offset})`,
        );
    }
  }

  add({ buffer, at, position }: BatchWalk): void {
    const last = lastOffsetAt(buffer, at);
    const entry = this.#offsets[this.#nextOffsetEntry];
    if (entry !== undefined && entry.position === position && entry.offset === last)
      this.#nextOffsetEntry += 1;
    this.#latestMs = Math.max(this.#latestMs, maxTimestampAt(buffer, at));
    for (let time = this.#times[this.#nextTimeEntry]; time !== undefined && time.offset <= last; ) {
      if (time.offset === last && time.timestampMs < this.#latestMs)
        this.#timeIsWrong(
          this.#nextTimeEntry,
          `nothing up to offset ${time.offset} later than ${time.timestampMs}, but something is`,
        );
      time = this.#times[++this.#nextTimeEntry];
    }
  }

  /** Of the .index; null: each entry was met in its order. `log` is the name of the segment's file. */
  offsetProblem(log: string): string | null {
    const entry = this.#offsets[this.#nextOffsetEntry];
    if (entry === undefined) return null;
    const at = this.#nextOffsetEntry * offsetIndexEntryBytes;
    return `says at byte ${at} that the batch of offset ${entry.offset} is at byte ${entry.position} of ${log}, but it is not`;
  }

  /** Of the .timeindex. */
  timeProblem(): string | null {
    const behind = this.#times[this.#nextTimeEntry];
    // Only the base offset is told for a segment without records.
    if (behind !== undefined && behind.offset > this.#base)
      this.#timeIsWrong(this.#nextTimeEntry, `something of offset ${behind.offset}, where no batch is`);
    return this.#timeProblem;
  }

  #timeIsWrong(entry: number, what: string): void {
    this.#timeProblem ??= `says at byte ${entry * timeIndexEntryBytes}: ${what}`;
  }
}

interface OffsetEntry {
  readonly offset: number;
  readonly position: number;
}

interface TimeEntry {
  readonly timestampMs: number;
  readonly offset: number;
}

function offsetEntries(base: number, bytes: Buffer): OffsetEntry[] {
  const entries: OffsetEntry[] = [];
  for (let at = 0; at < bytes.length; at += offsetIndexEntryBytes) {
    const entry = { offset: base + readInt32(bytes, at), position: readInt32(bytes, at + 4) };
    if (entry.offset === base && entry.position === 0) break;
    entries.push(entry);
  }
  return entries;
}

function timeEntries(base: number, bytes: Buffer): TimeEntry[] {
  const entries: TimeEntry[] = [];
  for (let at = 0; at < bytes.length; at += timeIndexEntryBytes) {
    const entry = { timestampMs: readInt64(bytes, at), offset: base + readInt32(bytes, at + 8) };
    if (entry.timestampMs === 0 && entry.offset === base) break;
    entries.push(entry);
  }
  return entries;
}
