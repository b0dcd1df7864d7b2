/**
 * All that lives in a topic, page by page: the log is walked in order of offset, and a record is given if the table says that it is the
 * newest of its key. (By the hash of its key alone, see key-map.ts: to read every record that is older would take as long as the walk.)
 * A page ends when it is full, or when so much was walked for it: then it is short, but not the last.
 *
 *    log start       a=1            upTo            a=2          end
 *       |-------------|---------------|--------------|------------|
 *
 * It goes to the end of a partition as it was when its first page began, so that a scan comes to its end however fast others write.
 * A walk that comes by a=1 finds it superseded behind that end: then a=2 is given in its place. Where the cleaner has been further than
 * that end, a=1 may be gone, so the end is moved to where the log ends now. Thus a key that lives all the time is on one of the pages
 * at least, as it was while that page was read. One that is written meanwhile may be on several.
 */
import type { Log } from '../../storage/log/log.ts';
import type { CleanedRanges } from '../cleaning/cleaned-ranges.ts';
import { isLive } from './answers.ts';
import type { KeyHash } from './key-map-hash.ts';
import { type Found, LiveWalk } from './live-walk.ts';
import type { LiveRecord, Page, PageOptions, WaitOptions } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import { type Chosen, type Readiness, refuseLoading } from './readiness.ts';
import { refuseRequest } from './refuse.ts';
import type { Slices } from './slices.ts';
import { type PagePlace, pageToken, readPageToken } from './tokens.ts';
import { bytesOfRecord, type KeyFilter, keyFilter } from './wanted-records.ts';

export const pageLimitDefault = 100;
export const pageLimitMax = 10_000;
/** Of records; one more, however large, is always given. */
export const pageBytesMax = 8 * 1024 * 1024;
/** Offsets that are walked for a page. */
export const pageWalkMax = 1_000_000;
const chunkBytes = 256 * 1024;
/** Reads one after the other that come no further, because the table begins anew under each of them. */
const stallsMax = 10;

export interface PageParts {
  readonly chosen: Chosen;
  readonly options: PageOptions;
  readonly readiness: Pick<Readiness, 'reaches'>;
  readonly ranges: Pick<CleanedRanges, 'of'>;
  readonly slices: Slices;
  /** What is left of the time that whoever asks will wait. */
  within(): WaitOptions;
  /** Throws when nothing is wanted any more. */
  check(): void;
}

export async function readPage(parts: PageParts): Promise<Page> {
  const { chosen, options } = parts;
  const page = new PageBuilder(checkedLimit(options.limit), keyFilter(undefined, options.prefix));
  const from = startOf(chosen, options);
  for (const partition of chosen.partitions) {
    const { index } = partition.partition;
    if (index < from.partition) continue;
    const place = index === from.partition ? from : { offset: 0, upTo: partition.log.lastStableOffset };
    const stopped = await readPartition(parts, partition, place, page);
    if (stopped !== null)
      return page.end(pageToken({ topicId: chosen.table.topicId, partition: index, ...stopped }));
  }
  return page.end(null);
}

type Place = Pick<PagePlace, 'offset' | 'upTo'>;

/** Gives where the page ended, or null at the end of the partition. */
async function readPartition(
  { chosen: { table }, readiness, ranges, slices, within, check }: PageParts,
  partition: PartitionTable,
  place: Place,
  page: PageBuilder,
): Promise<Place | null> {
  const { log } = partition;
  const walk = new LiveWalk(table, partition, page.filter, slices, chunkBytes);
  let upTo = endOf(log, place.upTo, ranges);
  let stalls = 0;
  for (let offset = Math.max(place.offset, log.logStartOffset); offset < upTo; ) {
    if (page.isOver) return { offset, upTo };
    await readiness.reaches(table, partition, upTo, within());
    const found: Found[] = [];
    const next = await walk.read(offset, upTo, (each) => found.push(each) < page.room);
    check();
    if (next > offset) stalls = 0;
    else if (++stalls > stallsMax) refuseLoading(table);
    page.walked += next - offset;
    for (const each of found) {
      if (page.isFull) return { offset: offsetOf(each), upTo };
      if (each.kind === 'live') page.add(each.record);
      else await page.addNewest(table.hash(each.key), partition);
    }
    offset = next;
    upTo = endOf(log, upTo, ranges);
  }
  return null;
}

/** What the cleaner has taken away for records from `upTo` on is to be found behind it. */
function endOf(log: Log, upTo: number, ranges: Pick<CleanedRanges, 'of'>): number {
  const { lastStableOffset } = log;
  return ranges.of(log) > upTo ? lastStableOffset : Math.min(upTo, lastStableOffset);
}

const offsetOf = (found: Found): number => (found.kind === 'live' ? found.record.offset : found.offset);

class PageBuilder {
  readonly filter: KeyFilter;
  readonly #limit: number;
  readonly #records: LiveRecord[] = [];
  /** Of keys that are written meanwhile, as partition and offset. */
  readonly #newest = new Set<string>();
  #bytes = 0;
  /** Offsets. */
  walked = 0;

  constructor(limit: number, filter: KeyFilter) {
    this.#limit = limit;
    this.filter = filter;
  }

  get room(): number {
    return this.#limit - this.#records.length;
  }

  get isFull(): boolean {
    return this.room <= 0 || this.#bytes >= pageBytesMax;
  }

  get isOver(): boolean {
    return this.isFull || this.walked >= pageWalkMax;
  }

  add(record: LiveRecord): void {
    this.#records.push(record);
    this.#bytes += bytesOfRecord(record);
  }

  /** What the key has become since the page began; once, however many of its older records the walk meets. */
  async addNewest(hash: KeyHash, partition: PartitionTable): Promise<void> {
    const newest = await partition.newest(hash);
    if (newest === null || !isLive(newest)) return;
    const id = `${newest.partition} ${newest.offset}`;
    if (this.#newest.has(id)) return;
    this.#newest.add(id);
    this.add(newest);
  }

  end(next: string | null): Page {
    return { records: this.#records, next };
  }
}

function startOf({ table, partitions }: Chosen, { after, partition }: PageOptions) {
  if (after === undefined) {
    const [first] = partitions;
    return { partition: first!.partition.index, offset: 0, upTo: first!.log.lastStableOffset };
  }
  const place = readPageToken(after);
  if (place.topicId !== table.topicId) refuseRequest(`this position is not one of ${table.topic}`);
  if (partition !== undefined && place.partition !== partition)
    refuseRequest(`this position is in partition ${place.partition}, not in ${partition}`);
  if (place.partition > partitions.at(-1)!.partition.index)
    refuseRequest(`there is no partition ${place.partition}`);
  return place;
}

function checkedLimit(limit = pageLimitDefault): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > pageLimitMax)
    refuseRequest(`a page has 1 to ${pageLimitMax} records, not ${limit}`);
  return limit;
}
