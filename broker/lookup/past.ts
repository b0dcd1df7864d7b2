/**
 * A key as it was. The point is a bound: of the records below it the newest of the key counts.
 *
 *    as of offset n: n + 1            as of time t: where ListOffsets began for t + 1, the first record with a later timestamp
 *
 *    log start        r              floor = what the cleaner has been through            last stable offset
 *       |---------------------------------|-----------------------------------------------------|
 *         at most one record of a key       every record there ever was
 *
 * - A record r of the key below the bound is the answer, wherever the bound lies: had there been a later one below the bound, the
 *   pass that took that one away would have taken r too.
 * - None, and the bound is at or above the floor: there was none, unless the log start has moved (retention, DeleteRecords), for then
 *   nobody knows when.
 * - None, and the bound is below the floor: there may have been one. That is `gone`, with the first offset from which on it is known.
 *
 * The record that a time led to may be gone itself. What is kept of the timestamps of such (storage/log/past-times.ts) tells on which
 * side of it any record lies that is left; where nothing is kept, because somebody else has cleaned the log, only a bound between two
 * offsets is known, and a record of the key in between makes it `gone`.
 */
import { RecordError } from '../../protocol/records/record-error.ts';
import { FileError } from '../../storage/environment/files.ts';
import type { Log } from '../../storage/log/log.ts';
import type { KnownTimes } from '../../storage/log/past-times.ts';
import { boundOf, type TimeBound } from '../../storage/log/removed-times.ts';
import type { CleanedRanges } from '../cleaning/cleaned-ranges.ts';
import { answerOf } from './answers.ts';
import type { KeyHash } from './key-map-hash.ts';
import type { KeyScans } from './key-scan.ts';
import type { GetOptions, KeyAnswer, KeyRecord } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import { refuseUnreadable } from './read-record.ts';
import { type Chosen, type Readiness, refuseLoading } from './readiness.ts';
import { refuse, refuseRequest } from './refuse.ts';

/** A log that is compacted under every attempt to read it. */
const attemptsMax = 3;

/** Times that are tried one after the other for the earliest that is known; then it is one that is late enough. */
const timesMax = 1_000;

interface Earliest {
  readonly offset: number;
  /** null: no time is known. */
  readonly ms: number | null;
}

/** What is asked of one partition, and what is known of its log. */
interface Question {
  readonly partition: PartitionTable;
  readonly hash: KeyHash;
  readonly known: KnownTimes;
  /** Below it the cleaner may have taken records away. */
  readonly floor: number;
  readonly signal: AbortSignal | undefined;
}

type Found = { readonly record: KeyRecord | null } | { readonly gone: Earliest };

export class Past {
  readonly #readiness: Readiness;
  readonly #scans: KeyScans;
  readonly #ranges: Pick<CleanedRanges, 'of'>;

  constructor(readiness: Readiness, scans: KeyScans, ranges: Pick<CleanedRanges, 'of'>) {
    this.#readiness = readiness;
    this.#scans = scans;
    this.#ranges = ranges;
  }

  async get(chosen: Chosen, key: Buffer, options: GetOptions): Promise<KeyAnswer> {
    const { table, partitions } = chosen;
    const { asOfOffset } = options;
    if (asOfOffset !== undefined) {
      const [only] = partitions;
      if (partitions.length !== 1)
        refuseRequest(`${table.topic} has several partitions: an offset is one of a partition`);
      await this.#readiness.covers(table, only!, asOfOffset, options);
    }
    const hash = table.hash(key);
    return this.#scans.limited(async () => {
      const found: Found[] = [];
      for (const each of partitions) found.push(await this.#in(chosen, each, hash, options));
      return this.#combined(chosen, key, found);
    });
  }

  /** What is known of a key in one partition does not suffer from what is not known in others that have no trace of it. */
  #combined({ table, partitions }: Chosen, key: Buffer, found: readonly Found[]): KeyAnswer {
    const answer = answerOf(found.map((each) => ('gone' in each ? null : each.record)));
    const gone = found.filter((each) => 'gone' in each);
    if (answer.kind !== 'absent' || gone.length === 0) return answer;
    const home = this.#readiness.homeOf(table.topic, key);
    const own = found[partitions.findIndex(({ partition }) => partition.index === home)];
    const { offset } = (own !== undefined && 'gone' in own ? own : gone[0]!).gone;
    const times = gone.map((each) => each.gone.ms);
    const ms = times.includes(null) ? null : Math.max(...(times as number[]));
    return refuse(
      { reason: 'gone', earliestOffset: offset, earliestMs: ms },
      `what the key was then is not in the log any more; it is known from offset ${offset} on`,
    );
  }

  async #in(chosen: Chosen, partition: PartitionTable, hash: KeyHash, options: GetOptions): Promise<Found> {
    const { log } = partition;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const epoch = log.cleanerEpoch;
      const upToOffset = this.#ranges.of(log);
      const known = await this.#knownOf(log, upToOffset);
      if (known === null) continue;
      const floor = Math.min(upToOffset, known.wholeFromOffset);
      const question = { partition, hash, known, floor, signal: options.signal };
      const found = await this.#find(question, options);
      const isSame = log.cleanerEpoch === epoch && this.#ranges.of(log) === upToOffset;
      this.#readiness.checkLive(chosen.table);
      if (isSame) return found;
    }
    return refuseLoading(chosen.table);
  }

  /** null: the log has changed meanwhile. */
  async #knownOf(log: Log, upToOffset: number): Promise<KnownTimes | null> {
    const epoch = log.cleanerEpoch;
    try {
      return await log.pastTimes.known(upToOffset);
    } catch (error) {
      if (!(error instanceof FileError || error instanceof RecordError)) throw error;
      return log.cleanerEpoch === epoch ? refuseUnreadable(log, error) : null;
    }
  }

  async #find(question: Question, { asOfOffset, asOfMs }: GetOptions): Promise<Found> {
    const { partition, hash, known, floor } = question;
    const { log } = partition;
    const { low, high } =
      asOfOffset === undefined
        ? await boundIn(log, known, asOfMs!)
        : { low: asOfOffset + 1, high: asOfOffset + 1 };
    const newest = await partition.newest(hash);
    const record = newest === null || newest.offset < high ? newest : await this.#newestBelow(question, high);
    if (record !== null && record.offset < low) return { record };
    if (record === null) {
      const isWhole = low >= floor;
      const isPresent = low >= log.lastStableOffset && isWhole;
      if (isPresent || (isWhole && log.logStartOffset === 0)) return { record: null };
    }
    return { gone: await this.#earliest(question, low, newest, record !== null) };
  }

  /** From the end, segment by segment: most of the time the past is not far away. */
  async #newestBelow({ partition, hash, signal }: Question, bound: number): Promise<KeyRecord | null> {
    for (const { baseOffset, nextOffset } of [...partition.log.segments()].reverse()) {
      if (baseOffset >= bound) continue;
      let newest: KeyRecord | null = null;
      await this.#scans.scan(
        partition,
        hash.key,
        { from: baseOffset, upTo: Math.min(bound, nextOffset), signal },
        (record) => {
          newest = record;
          return true;
        },
      );
      if (newest !== null) return newest;
    }
    return null;
  }

  /** From where on it is known what the key was. */
  async #earliest(
    question: Question,
    bound: number,
    newest: KeyRecord | null,
    isBetween: boolean,
  ): Promise<Earliest> {
    const { partition, hash, known, floor, signal } = question;
    const { log } = partition;
    const isFromStart = log.logStartOffset === 0;
    let first: KeyRecord | null = null;
    if (newest !== null)
      await this.#scans.scan(
        partition,
        hash.key,
        { from: bound, upTo: newest.offset + 1, signal },
        (record) => {
          first = record;
          return false;
        },
      );
    const record = first as KeyRecord | null;
    if (record !== null && (isBetween || !isFromStart || record.offset < floor))
      return { offset: record.offset, ms: await timeBehind(log, known, record.offset, record.timestampMs) };
    const offset = Math.max(0, (isFromStart ? Math.max(floor, bound) : log.lastStableOffset) - 1);
    return { offset, ms: await timeBehind(log, known, offset, -1) };
  }
}

/** Where the first record lies, or lay, that is later than this. */
async function boundIn(log: Log, { steps }: KnownTimes, ms: number): Promise<TimeBound> {
  const { low, high } = boundOf(steps, ms);
  const { offset } = await log.offsetForTimestamp(ms + 1, 'stable');
  const left = offset < 0 ? log.lastStableOffset : offset;
  return { low: Math.min(low, left), high: Math.min(high, left) };
}

/** The earliest time whose bound is known to lie above `offset`, from `fromMs` on; null without any. */
async function timeBehind(
  log: Log,
  known: KnownTimes,
  offset: number,
  fromMs: number,
): Promise<number | null> {
  const below = known.steps.filter((step) => step.offset <= offset).map((step) => step.ms);
  // Of segments that end before it all is.
  const whole = log.cleanerView().segments.filter(({ nextOffset }) => nextOffset <= offset);
  let ms = Math.max(fromMs, ...below, ...whole.map(({ largestTimestampMs }) => largestTimestampMs));
  if (!Number.isFinite(ms)) return null;
  for (let n = 0; n < timesMax; n++) {
    const later = await log.offsetForTimestamp(ms + 1, 'stable');
    if (later.offset < 0 || later.offset > offset) return ms;
    ms = later.timestampMs;
  }
  const all = log.cleanerView().segments.filter(({ baseOffset }) => baseOffset <= offset);
  return Math.max(ms, ...all.map(({ largestTimestampMs }) => largestTimestampMs));
}
