import type { Log } from '../../storage/log/log.ts';
import { DecidedBatches } from './decided-batches.ts';
import type { KeyRecord } from './lookup.ts';
import type { Slices } from './slices.ts';
import { copyOfRecord, forEachWanted, keyFilter } from './wanted-records.ts';

/** Some decided records with keys, and the offset behind all that was looked at. */
export interface ReadAhead {
  readonly records: readonly KeyRecord[];
  readonly next: number;
}

interface Tail {
  readonly from: number;
  readonly upTo: number;
  readonly epoch: number;
  readonly reading: Promise<ReadAhead>;
}

export const tailBytes = 64 * 1024;
const all = keyFilter();

/** The end of each log, read once for all who follow it: a thousand streams of a topic wake with the same append. */
export class TailReader {
  readonly #slices: Slices;
  readonly #tails = new WeakMap<Log, Tail>();

  constructor(slices: Slices) {
    this.#slices = slices;
  }

  /** What was decided from `from` on. The records are shared. */
  read(log: Log, from: number): Promise<ReadAhead> {
    const upTo = log.lastStableOffset;
    const epoch = log.cleanerEpoch;
    const last = this.#tails.get(log);
    if (last?.from === from && last.upTo === upTo && last.epoch === epoch) return last.reading;
    const reading = this.#read(log, from);
    this.#tails.set(log, { from, upTo, epoch, reading });
    // Whoever comes next tries again.
    reading.catch(() => this.#tails.delete(log));
    return reading;
  }

  async #read(log: Log, from: number): Promise<ReadAhead> {
    const records: KeyRecord[] = [];
    const batches = new DecidedBatches(log, this.#slices, () => log.isDeleted, tailBytes);
    const next = await batches.read(from, (chunk, at) =>
      forEachWanted(chunk, at, all, from, (record, leaderEpoch) => {
        records.push(copyOfRecord(log, record, leaderEpoch));
        return true;
      }),
    );
    return { records, next };
  }
}
