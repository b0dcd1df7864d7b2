import { isLive } from './answers.ts';
import { DecidedBatches } from './decided-batches.ts';
import type { LiveRecord } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import type { Slices } from './slices.ts';
import type { TopicTable } from './topic-tables.ts';
import { copyOfRecord, forEachWanted, type KeyFilter } from './wanted-records.ts';

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
   * Looks at some records from `from` on; gives the offset to go on from: at most where the table ends, and `from` itself when the
   * topic is gone or the table has begun anew. `take` says whether more is wanted.
   */
  async read(from: number, take: (record: LiveRecord) => boolean): Promise<number> {
    const table = this.#table;
    const partition = this.#partition;
    let stoppedAt = -1;
    const next = await this.#batches.read(from, (chunk, at) =>
      forEachWanted(chunk, at, this.#filter, from, (record, leaderEpoch) => {
        if (record.offset >= partition.indexedOffset) {
          stoppedAt = record.offset;
          return false;
        }
        if (record.value === null || partition.find(table.hash(record.key)) !== record.offset) return true;
        const copy = copyOfRecord(partition.log, record, leaderEpoch);
        if (!isLive(copy) || take(copy)) return true;
        stoppedAt = record.offset + 1;
        return false;
      }),
    );
    return stoppedAt < 0 ? Math.min(next, Math.max(from, partition.indexedOffset)) : stoppedAt;
  }
}
