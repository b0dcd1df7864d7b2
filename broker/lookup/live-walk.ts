import { DecidedBatches } from './decided-batches.ts';
import type { LiveRecord } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import type { Slices } from './slices.ts';
import type { TopicTable } from './topic-tables.ts';
import { copyOfRecord, forEachWanted, type KeyedRecord, type KeyFilter } from './wanted-records.ts';

/**
 * Walks over a log in order of offset and gives what lives: the records of which the table says that they are the newest of their
 * keys. It says so by the hash of the key alone (key-map.ts): to read every older record again would take as long as the walk.
 */
export class LiveWalk {
  readonly #table: TopicTable;
  readonly #partition: PartitionTable;
  readonly #filter: KeyFilter;
  readonly #batches: DecidedBatches;

  constructor(
    table: TopicTable,
    partition: PartitionTable,
    filter: KeyFilter,
    slices: Slices,
    chunkBytes: number,
  ) {
    this.#table = table;
    this.#partition = partition;
    this.#filter = filter;
    this.#batches = new DecidedBatches(partition.log, slices, () => partition.isDropped, chunkBytes);
  }

  /**
   * Looks at some records in [from, upTo); gives the offset to go on from: `from` itself when the topic is gone, or the table does not
   * reach `upTo` (any more, when it has begun anew). `take` says whether more is wanted.
   */
  async read(from: number, upTo: number, take: (found: Found) => boolean): Promise<number> {
    const partition = this.#partition;
    let stoppedAt = -1;
    const next = await this.#batches.read(from, (chunk, at) =>
      forEachWanted(chunk, at, this.#filter, from, (record, leaderEpoch) => {
        // A table that knows less would take what is no more for what lives.
        if (record.offset >= upTo || partition.indexedOffset < upTo) {
          stoppedAt = record.offset;
          return false;
        }
        const found = this.#judged(record, leaderEpoch, upTo);
        if (found === null || take(found)) return true;
        stoppedAt = record.offset + 1;
        return false;
      }),
    );
    return stoppedAt < 0 ? Math.min(next, Math.max(from, upTo)) : stoppedAt;
  }

  #judged(record: KeyedRecord, leaderEpoch: number, upTo: number): Found | null {
    const { log } = this.#partition;
    if (record.value === null) return null;
    const newest = this.#partition.find(this.#table.hash(record.key));
    if (newest >= upTo) return { kind: 'superseded', key: Buffer.from(record.key), offset: record.offset };
    if (newest !== record.offset) return null;
    return { kind: 'live', record: copyOfRecord(log, record, leaderEpoch) as LiveRecord };
  }
}

export type Found =
  | { readonly kind: 'live'; readonly record: LiveRecord }
  /** It lived when the walk began; a newer record of its key is behind `upTo`. */
  | { readonly kind: 'superseded'; readonly key: Buffer; readonly offset: number };
