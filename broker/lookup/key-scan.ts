/**
 * Reads stretches of a log for the records of one key: for what the table does not know, the past. Only so many at a time: each may
 * read a whole log.
 */
import { DecidedBatches } from './decided-batches.ts';
import type { KeyRecord } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import { refuse } from './refuse.ts';
import type { Slices } from './slices.ts';
import type { Waiting } from './waiting.ts';
import { copyOfRecord, forEachWanted, keyFilter } from './wanted-records.ts';

export const scansMax = 32;

export interface ScanOptions {
  readonly from: number;
  /** At most what is decided when the scan gets there. */
  readonly upTo: number;
  readonly signal?: AbortSignal | undefined;
}

export class KeyScans {
  readonly #slices: Slices;
  readonly #waiting: Waiting;
  #running = 0;

  constructor(slices: Slices, waiting: Waiting) {
    this.#slices = slices;
    this.#waiting = waiting;
  }

  /** `work` as one of so many that may read logs. */
  async limited<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= scansMax)
      refuse({ reason: 'too-many' }, `${scansMax} logs are being read for the past`);
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }

  /** Visits the decided records of the key in [from, upTo), in order; ends early when `visit` says so. */
  async scan(
    table: PartitionTable,
    key: Buffer,
    { from, upTo, signal }: ScanOptions,
    visit: (record: KeyRecord) => boolean,
  ): Promise<void> {
    const { log } = table;
    const filter = keyFilter(key);
    const isStopped = () => table.isDropped || signal?.aborted === true;
    const batches = new DecidedBatches(log, this.#slices, isStopped);
    let isEnough = false;
    for (let offset = Math.max(from, log.logStartOffset); offset < upTo && !isEnough; ) {
      this.#waiting.check(signal);
      const next = await batches.read(offset, (chunk, at) =>
        forEachWanted(chunk, at, filter, offset, (record, leaderEpoch) => {
          isEnough = record.offset >= upTo || !visit(copyOfRecord(log, record, leaderEpoch));
          return !isEnough;
        }),
      );
      if (next <= offset) break;
      offset = next;
    }
    this.#waiting.check(signal);
  }
}
