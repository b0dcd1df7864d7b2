/**
 * All that lives in a topic, page by page: the log is walked in order of offset, and a record is given if the table says that it is the
 * newest of its key. (By the hash of its key alone, see key-map.ts: to read every record that is older would take as long as the walk.)
 * A page ends when it is full, or when so much was walked for it: then it is short, but not the last.
 */
import { LiveWalk } from './live-walk.ts';
import type { LiveRecord, Page, PageOptions } from './lookup.ts';
import { type Chosen, refuseLoading, stillLoading } from './readiness.ts';
import { refuseRequest } from './refuse.ts';
import type { Slices } from './slices.ts';
import { pageToken, readPageToken } from './tokens.ts';
import type { Waiting } from './waiting.ts';
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

export async function readPage(
  chosen: Chosen,
  options: PageOptions,
  waiting: Waiting,
  slices: Slices,
): Promise<Page> {
  const { table } = chosen;
  const page = new PageBuilder(checkedLimit(options.limit), keyFilter(undefined, options.prefix));
  const from = startOf(chosen, options);
  let walked = 0;
  for (const partition of chosen.partitions) {
    const { index } = partition.partition;
    if (index < from.partition) continue;
    const { log } = partition;
    let offset = Math.max(index === from.partition ? from.offset : 0, log.logStartOffset);
    let stalls = 0;
    const walk = new LiveWalk(table, partition, page.filter, slices, chunkBytes);
    // Up to the end as it is now: of a key that is written meanwhile all that lives may be behind the end of before.
    while (offset < log.lastStableOffset) {
      if (page.isFull || walked >= pageWalkMax)
        return page.end(pageToken({ topicId: table.topicId, partition: index, offset }));
      if (offset >= partition.indexedOffset) {
        const wanted = offset + 1;
        await waiting.during(
          options,
          (signal) => partition.reached(wanted, signal),
          () => stillLoading(table),
        );
      }
      const next = await walk.read(offset, (record) => page.add(record));
      waiting.check(options.signal);
      if (next > offset) stalls = 0;
      else if (++stalls > stallsMax) refuseLoading(table);
      walked += next - offset;
      offset = next;
    }
  }
  return page.end(null);
}

class PageBuilder {
  readonly filter: KeyFilter;
  readonly #limit: number;
  readonly #records: LiveRecord[] = [];
  #bytes = 0;

  constructor(limit: number, filter: KeyFilter) {
    this.#limit = limit;
    this.filter = filter;
  }

  get isFull(): boolean {
    return this.#records.length >= this.#limit || this.#bytes >= pageBytesMax;
  }

  /** False when there is no room for another one. */
  add(record: LiveRecord): boolean {
    this.#records.push(record);
    this.#bytes += bytesOfRecord(record);
    return !this.isFull;
  }

  end(next: string | null): Page {
    return { records: this.#records, next };
  }
}

function startOf({ table, partitions }: Chosen, { after, partition }: PageOptions) {
  if (after === undefined) return { partition: 0, offset: 0 };
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
