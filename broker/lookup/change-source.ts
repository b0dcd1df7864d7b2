/**
 * What a change stream tells, read from the logs as it is asked for; what waits for a slow reader waits in the log.
 *
 *    boundary of each partition := its last stable offset, once
 *    snapshot: what lives below the boundary, partition by partition ▶ `live` ▶ changes: every decided record from the boundary on
 *
 * What is written while the snapshot is told lies above the boundary and comes as a change, a tombstone too: so whoever puts the
 * records into a map, in this order, has the topic as it is. A position says the same of a stream that is to go on elsewhere. As for
 * every consumer, a deletion is told as long as its tombstone is in the log: `delete.retention.ms`.
 */
import type { Log } from '../../storage/log/log.ts';
import type { Partition, PartitionWatcher } from '../partitions/partition.ts';
import { isLive } from './answers.ts';
import { DecidedBatches } from './decided-batches.ts';
import { LiveWalk } from './live-walk.ts';
import type { Change, ChangesOptions, KeyRecord } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import type { Chosen } from './readiness.ts';
import { refuse, refuseRequest } from './refuse.ts';
import type { Slices } from './slices.ts';
import type { StreamTurns } from './stream-turns.ts';
import { type ReadAhead, type TailReader, tailBytes } from './tail-reader.ts';
import { readStreamToken, type StreamPlace, streamToken, tokenPartitionsMax } from './tokens.ts';
import type { TopicTable } from './topic-tables.ts';
import { copyOfRecord, forEachWanted, type KeyFilter, keyFilter, wants } from './wanted-records.ts';

export const bufferBytesDefault = tailBytes;
/** Who is farther behind reads for himself. */
const tailOffsets = 1_000;

export interface SourceParts {
  readonly topic: string;
  readonly topicId: string;
  readonly options: ChangesOptions;
  readonly slices: Slices;
  readonly tails: TailReader;
  readonly turns: StreamTurns;
  /** Throws LookupRefused where the topic is gone, or is no table any more. */
  readonly checkTable: () => void;
  /** Those of the topic that are asked for, as they are now. */
  readonly partitions: () => readonly Partition[];
  /** Tables that are up to date, for a snapshot. */
  readonly tables: (signal: AbortSignal) => Promise<Chosen>;
  readonly signal: AbortSignal;
}

export class ChangeSource implements PartitionWatcher {
  readonly #parts: SourceParts;
  readonly #filter: KeyFilter;
  readonly #bufferBytes: number;
  readonly #watched = new Set<Partition>();
  #isBegun: boolean;
  /** Where another stream has stopped; null when there is none, or it has been looked at. */
  #place: StreamPlace | null;
  /** null: not begun, or told. */
  #snapshot: StreamPlace['snapshot'] = null;
  /** By partition: the boundaries of the snapshot, then what is to be told next. */
  #offsets: number[];
  #tables: Promise<Chosen> | null = null;
  #wake: (() => void) | null = null;
  #turn = 0;

  constructor(parts: SourceParts) {
    const { options } = parts;
    this.#parts = parts;
    this.#filter = keyFilter(options.key, options.prefix);
    this.#bufferBytes = options.bufferBytesMax ?? bufferBytesDefault;
    const place = placeOf(parts);
    this.#place = place;
    this.#isBegun = place !== null;
    this.#snapshot = place?.snapshot ?? null;
    this.#offsets = [...(place?.offsets ?? [])];
    if (options.partition === undefined && parts.partitions().length > tokenPartitionsMax)
      refuseRequest(`${parts.topic} has more than ${tokenPartitionsMax} partitions: choose one`);
    parts.signal.addEventListener('abort', () => this.changed(), { once: true });
  }

  /** There is something to tell. */
  get hasMore(): boolean {
    return !this.#isBegun || this.#snapshot !== null || this.#behind() !== undefined;
  }

  /** What comes next; waits until there is something. Rejects with the signal's reason, or LookupRefused. */
  async next(): Promise<Change[]> {
    for (;;) {
      this.#parts.signal.throwIfAborted();
      this.#parts.checkTable();
      if (!this.#isBegun) await this.#begin();
      if (this.#place !== null) await this.#checkPlace(this.#place);
      const found =
        this.#snapshot === null ? await this.#tellChanges() : await this.#tellSnapshot(this.#snapshot);
      this.#parts.signal.throwIfAborted();
      if (found.length > 0) return found;
    }
  }

  /** The topic has changed: more partitions, none, or another policy. */
  changed(): void {
    this.#wake?.();
  }

  partitionChanged(): void {
    this.#wake?.();
  }

  close(): void {
    for (const partition of this.#watched) partition.unwatch(this);
    this.#watched.clear();
    this.#wake?.();
  }

  async #begin(): Promise<void> {
    const { partitions } = await this.#chosen();
    this.#offsets = [];
    this.#coverAll();
    for (const { partition, log } of partitions) this.#offsets[partition.index] = log.lastStableOffset;
    this.#snapshot = { partition: 0, offset: 0 };
    this.#isBegun = true;
  }

  /** What was told may have been lost in a crash since, and something else written in its place: only leader epochs tell. */
  async #checkPlace({ offsets, epochs }: StreamPlace): Promise<void> {
    for (const { index, log } of this.#parts.partitions()) {
      const offset = offsets[index] ?? 0;
      const epoch = epochs[index] ?? -1;
      if (epoch < 0 || epoch === log.leaderEpoch || offset <= log.logStartOffset) continue;
      const { endOffset } = log.endOffsetForEpoch(epoch);
      if (endOffset < offset) await refuseGone(log, offset, endOffset);
    }
    this.#place = null;
  }

  #chosen(): Promise<Chosen> {
    return (this.#tables ??= this.#parts.tables(this.#parts.signal));
  }

  async #tellSnapshot(place: { partition: number; offset: number }): Promise<Change[]> {
    const { table, partitions } = await this.#chosen();
    const partition = partitions.find((each) => each.partition.index >= place.partition);
    if (partition === undefined) return this.#endSnapshot();
    const { log } = partition;
    const { index } = partition.partition;
    // A partition that came after the stream had begun has no part in the snapshot: all of it is changes.
    const boundary = this.#offsets[index] ?? 0;
    if (boundary > log.endOffset) return refuseGone(log, boundary);
    const from = Math.max(index === place.partition ? place.offset : 0, log.logStartOffset);
    const { next, found } =
      from < boundary ? await this.#living(table, partition, from, boundary) : { next: boundary, found: [] };
    // The table has begun anew, or is no more.
    if (next < boundary && next <= from) this.#tables = null;
    this.#snapshot =
      next < boundary ? { partition: index, offset: next } : { partition: index + 1, offset: 0 };
    const epochs = this.#epochs();
    return found.map((record): Change => {
      const place = { partition: index, offset: record.offset + 1 };
      const position = this.#position(place, this.#offsets, epochs);
      return { kind: 'record', isSnapshot: true, record, position };
    });
  }

  #endSnapshot(): Change[] {
    this.#snapshot = null;
    this.#tables = null;
    return [{ kind: 'live', position: this.#position(null, this.#offsets, this.#epochs()) }];
  }

  /** Some of what lives in [from, boundary) of a partition, and where to go on. */
  async #living(
    table: TopicTable,
    partition: PartitionTable,
    from: number,
    boundary: number,
  ): Promise<{ next: number; found: KeyRecord[] }> {
    const { isWhole, bytes } = this.#filter;
    if (isWhole) {
      const record = await partition.newest(table.hash(bytes));
      const isWanted = record !== null && isLive(record) && record.offset >= from && record.offset < boundary;
      return { next: boundary, found: isWanted ? [record] : [] };
    }
    const found: KeyRecord[] = [];
    const walk = new LiveWalk(table, partition, this.#filter, this.#parts.slices, this.#bufferBytes);
    const next = await walk.read(from, boundary, (each) => {
      // What is superseded is told when the changes begin.
      if (each.kind === 'live') found.push(each.record);
      return true;
    });
    return { next, found };
  }

  async #tellChanges(): Promise<Change[]> {
    const partition = this.#behind();
    if (partition !== undefined) return this.#changesOf(partition);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
    const turn = this.#parts.turns.next();
    if (turn) await turn;
    return [];
  }

  /** The next partition that has something to tell; all of them are watched from now on. */
  #behind(): Partition | undefined {
    const partitions = this.#parts.partitions();
    if (this.#watched.size < partitions.length) {
      for (const partition of partitions) {
        partition.watch(this);
        this.#watched.add(partition);
      }
    }
    this.#coverAll();
    for (let n = 0; n < partitions.length; n++) {
      const { log, index } = partitions[(this.#turn + n) % partitions.length]!;
      const next = this.#offsets[index]!;
      if (next >= log.lastStableOffset && next <= log.endOffset) continue;
      this.#turn = (this.#turn + n + 1) % partitions.length;
      return partitions.find((each) => each.index === index);
    }
    return undefined;
  }

  async #changesOf({ log, index }: Partition): Promise<Change[]> {
    const from = this.#offsets[index]!;
    if (from < log.logStartOffset || from > log.endOffset) return refuseGone(log, from);
    const { records, next } = await this.#readFrom(log, from);
    const offsets = [...this.#offsets];
    const epochs = this.#epochs();
    this.#offsets[index] = next;
    return records.map((record): Change => {
      offsets[index] = record.offset + 1;
      epochs[index] = log.epochAt(record.offset);
      return { kind: 'record', isSnapshot: false, record, position: this.#position(null, offsets, epochs) };
    });
  }

  /** What is wanted of some records from `from` on. Those who are near the end read it together. */
  async #readFrom(log: Log, from: number): Promise<ReadAhead> {
    const { signal, slices, tails } = this.#parts;
    if (log.lastStableOffset - from <= tailOffsets && this.#bufferBytes >= tailBytes) {
      const { records, next } = await tails.read(log, from);
      return { records: records.filter((record) => wants(this.#filter, record)), next };
    }
    const records: KeyRecord[] = [];
    const batches = new DecidedBatches(log, slices, () => signal.aborted, this.#bufferBytes);
    const next = await batches.read(from, (chunk, at) =>
      forEachWanted(chunk, at, this.#filter, from, (record, leaderEpoch) => {
        records.push(copyOfRecord(log, record, leaderEpoch));
        return true;
      }),
    );
    return { records, next };
  }

  /** An offset for each partition; those that came later are told from their beginning. */
  #coverAll(): void {
    for (const { index, log } of this.#parts.partitions()) {
      while (this.#offsets.length < index) this.#offsets.push(0);
      if (this.#offsets.length === index) this.#offsets.push(log.logStartOffset);
    }
  }

  /** Of what stands before each of the offsets. */
  #epochs(): number[] {
    const epochs = Array<number>(this.#offsets.length).fill(-1);
    for (const { index, log } of this.#parts.partitions())
      if (index < epochs.length) epochs[index] = log.epochAt(this.#offsets[index]! - 1);
    return epochs;
  }

  #position(
    snapshot: StreamPlace['snapshot'],
    offsets: readonly number[],
    epochs: readonly number[],
  ): string {
    const { topicId, options } = this.#parts;
    const chosen = options.partition ?? null;
    if (chosen === null) return streamToken({ topicId, chosen, snapshot, offsets, epochs });
    const own = { offsets: [offsets[chosen]!], epochs: [epochs[chosen]!] };
    return streamToken({ topicId, chosen, snapshot, ...own });
  }
}

/** Where a position says that a stream is to go on: the offsets by partition, and its place in the snapshot. */
function placeOf({ topic, topicId, options }: SourceParts): StreamPlace | null {
  if (options.after === undefined) return null;
  const place = readStreamToken(options.after);
  if (place.topicId !== topicId)
    return refuse(
      { reason: 'gone', earliestOffset: 0, earliestMs: 0 },
      `this position is one of another topic, or of one that was called ${topic} before`,
    );
  const { chosen, offsets, epochs } = place;
  const wanted = options.partition ?? null;
  if (chosen !== null && chosen !== wanted)
    return refuseRequest(`this position is one of a stream of partition ${chosen} alone`);
  if (chosen === null) return place;
  return {
    ...place,
    offsets: [...Array<number>(chosen).fill(0), offsets[0] ?? 0],
    epochs: [...Array<number>(chosen).fill(-1), epochs[0] ?? -1],
  };
}

/** `cutOffset`: what was behind it is lost. */
async function refuseGone(log: Log, offset: number, cutOffset = log.endOffset): Promise<never> {
  const earliest = await log.offsetForTimestamp(0, 'stable');
  const [earliestOffset, earliestMs] = [log.logStartOffset, Math.max(0, earliest.timestampMs)];
  const end =
    cutOffset < log.endOffset ? 'a crash has cut the log before it' : `the log ends at ${cutOffset}`;
  const why = offset < earliestOffset ? `the log begins at ${earliestOffset}` : end;
  return refuse(
    { reason: 'gone', earliestOffset, earliestMs },
    `offset ${offset} of ${log.name} cannot be gone on from: ${why}`,
  );
}
