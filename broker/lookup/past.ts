/**
 * A key as it was. The point is a bound: of the records below it the newest of the key counts.
 *
 *    as of offset n: n + 1            as of time t: where ListOffsets begins for t + 1, the first record with a later timestamp
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
 * Below the floor a time tells less than an offset does, for the record that it led to may be gone: there it counts as the floor
 * only if all of the log below was written and cleaned by then. A record below the bound is the answer all the same. With timestamps in
 * order that is right; out of order a record that has gone may have meant an earlier point.
 */
import { batchHeaderBytes } from '../../protocol/records/batch.ts';
import { maxTimestampAt } from '../../storage/log/batch-walk.ts';
import type { Log } from '../../storage/log/log.ts';
import type { CleanedRange, CleanedRanges } from '../cleaning/cleaned-ranges.ts';
import { answerOf } from './answers.ts';
import type { KeyHash } from './key-map-hash.ts';
import type { KeyScans } from './key-scan.ts';
import type { GetOptions, KeyAnswer, KeyRecord } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import { type Chosen, type Readiness, refuseLoading } from './readiness.ts';
import { refuse, refuseRequest } from './refuse.ts';

/** A log that is compacted under every attempt to read it. */
const attemptsMax = 3;

interface Earliest {
  readonly offset: number;
  readonly ms: number;
}

type Found = { readonly record: KeyRecord | null } | { readonly gone: Earliest };

export class Past {
  readonly #readiness: Readiness;
  readonly #scans: KeyScans;
  readonly #ranges: Pick<CleanedRanges, 'of'>;
  readonly #nowMs: () => number;

  constructor(readiness: Readiness, scans: KeyScans, ranges: Pick<CleanedRanges, 'of'>, nowMs: () => number) {
    this.#readiness = readiness;
    this.#scans = scans;
    this.#ranges = ranges;
    this.#nowMs = nowMs;
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
    const ms = Math.max(...gone.map((each) => each.gone.ms));
    return refuse(
      { reason: 'gone', earliestOffset: offset, earliestMs: ms },
      `what the key was then is not in the log any more; it is known from offset ${offset} on`,
    );
  }

  async #in(chosen: Chosen, partition: PartitionTable, hash: KeyHash, options: GetOptions): Promise<Found> {
    const { log } = partition;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const epoch = log.cleanerEpoch;
      const range = this.#ranges.of(log);
      const found = await this.#find(partition, hash, range, options);
      const isSame = log.cleanerEpoch === epoch && this.#ranges.of(log).upToOffset === range.upToOffset;
      this.#readiness.checkLive(chosen.table);
      if (isSame) return found;
    }
    return refuseLoading(chosen.table);
  }

  async #find(
    partition: PartitionTable,
    hash: KeyHash,
    range: CleanedRange,
    { asOfOffset, asOfMs, signal }: GetOptions,
  ): Promise<Found> {
    const { log } = partition;
    const floor = range.upToOffset;
    const bound = asOfOffset === undefined ? await boundOf(log, asOfMs!) : asOfOffset + 1;
    const newest = await partition.newest(hash);
    if (newest !== null && newest.offset < bound) return { record: newest };
    const record = newest === null ? null : await this.#newestBelow(partition, hash.key, bound, signal);
    if (record !== null) return { record };
    const isTimeKnown = asOfMs === undefined || asOfMs >= range.sinceMs;
    const isWhole = floor === 0 || bound > floor || (bound === floor && isTimeKnown);
    const isPresent = bound >= log.lastStableOffset && isWhole;
    if (isPresent || (isWhole && log.logStartOffset === 0)) return { record: null };
    return { gone: await this.#earliest(partition, hash.key, bound, range, newest, signal) };
  }

  /** From the end, segment by segment: most of the time the past is not far away. */
  async #newestBelow(
    partition: PartitionTable,
    key: Buffer,
    bound: number,
    signal: AbortSignal | undefined,
  ): Promise<KeyRecord | null> {
    for (const { baseOffset, nextOffset } of [...partition.log.segments()].reverse()) {
      if (baseOffset >= bound) continue;
      let newest: KeyRecord | null = null;
      await this.#scans.scan(
        partition,
        key,
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
    partition: PartitionTable,
    key: Buffer,
    bound: number,
    range: CleanedRange,
    newest: KeyRecord | null,
    signal: AbortSignal | undefined,
  ): Promise<Earliest> {
    const { log } = partition;
    const floor = range.upToOffset;
    const isFromStart = log.logStartOffset === 0;
    let first: KeyRecord | null = null;
    if (newest !== null)
      await this.#scans.scan(
        partition,
        key,
        { from: bound, upTo: isFromStart ? floor : newest.offset + 1, signal },
        (record) => {
          first = record;
          return false;
        },
      );
    const known = first as KeyRecord | null;
    if (known !== null)
      return { offset: known.offset, ms: await timeBehind(log, known.offset, known.timestampMs) };
    if (!isFromStart) {
      const offset = Math.max(0, log.lastStableOffset - 1);
      return { offset, ms: await timeBehind(log, offset, this.#nowMs()) };
    }
    const nextMs = timestampAt(log, floor);
    const ms = await (nextMs === null
      ? timeBehind(log, floor - 1, range.sinceMs)
      : timeBehind(log, floor, nextMs));
    return { offset: floor - 1, ms };
  }
}

async function boundOf(log: Log, ms: number): Promise<number> {
  const { offset } = await log.offsetForTimestamp(ms + 1, 'stable');
  return offset < 0 ? log.lastStableOffset : offset;
}

/** A time whose bound is above `offset`: that of its record, or where others before it have later ones, one that is late enough. */
async function timeBehind(log: Log, offset: number, ms: number): Promise<number> {
  if ((await boundOf(log, ms)) > offset) return ms;
  const before = log.cleanerView().segments.filter(({ baseOffset }) => baseOffset <= offset);
  return Math.max(ms, ...before.map(({ largestTimestampMs }) => largestTimestampMs));
}

/** Of the first batch from `offset` on, its latest; null without one. */
function timestampAt(log: Log, offset: number): number | null {
  const read = log.read(offset, { maxBytes: 0, minOneBatch: true, upTo: 'stable' });
  const region = read.ok ? read.regions[0] : undefined;
  if (region === undefined) return null;
  try {
    const header = Buffer.alloc(Math.min(region.byteLength, batchHeaderBytes));
    region.file.readSync(header, 0, header.length, region.position);
    return maxTimestampAt(header, 0);
  } finally {
    region.release();
  }
}
