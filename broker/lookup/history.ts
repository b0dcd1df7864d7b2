/** Every record of a key that is still in the logs. */
import type { CleanedRanges } from '../cleaning/cleaned-ranges.ts';
import type { KeyScans } from './key-scan.ts';
import type { History, HistoryOptions, KeyRecord } from './lookup.ts';
import type { Chosen } from './readiness.ts';
import { refuseRequest } from './refuse.ts';
import { bytesOfRecord } from './wanted-records.ts';

export const historyLimitDefault = 100;
export const historyLimitMax = 10_000;
/** Of the records of an answer; the newest is in it however large it is. */
export const historyBytesMax = 32 * 1024 * 1024;

export async function readHistory(
  { partitions }: Chosen,
  key: Buffer,
  { limit = historyLimitDefault, signal }: HistoryOptions,
  scans: KeyScans,
  ranges: Pick<CleanedRanges, 'of'>,
): Promise<History> {
  if (!Number.isInteger(limit) || limit < 1 || limit > historyLimitMax)
    refuseRequest(`a history has 1 to ${historyLimitMax} records, not ${limit}`);
  const newest = new NewestRecords(limit);
  const completeFrom: { partition: number; offset: number }[] = [];
  for (const partition of partitions) {
    const { log } = partition;
    const range = { from: log.logStartOffset, upTo: log.lastStableOffset, signal };
    await scans.scan(partition, key, range, (record) => {
      newest.add(record);
      return true;
    });
    const offset = Math.max(log.logStartOffset, ranges.of(log));
    completeFrom.push({ partition: log.partition, offset });
  }
  return { ...newest.all(), completeFrom };
}

/** The newest of what is added: within a partition by offset, among partitions by timestamp. */
class NewestRecords {
  readonly #limit: number;
  #records: KeyRecord[] = [];
  #bytes = 0;
  #isCut = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(record: KeyRecord): void {
    this.#records.push(record);
    this.#bytes += bytesOfRecord(record);
    if (this.#records.length >= 2 * this.#limit || this.#bytes >= 2 * historyBytesMax) this.#cut();
  }

  all(): Pick<History, 'records' | 'isCut'> {
    this.#cut();
    return { records: this.#records, isCut: this.#isCut };
  }

  #cut(): void {
    // The newest of each partition stand at the ends of their own runs: an older one never outlives a newer one.
    const byAge = newestFirst(this.#records);
    let bytes = 0;
    let count = 0;
    while (count < byAge.length && count < this.#limit && (count === 0 || bytes < historyBytesMax))
      bytes += bytesOfRecord(byAge[count++]!);
    if (count === byAge.length) return;
    const kept = new Set(byAge.slice(0, count));
    this.#records = this.#records.filter((record) => kept.has(record));
    this.#bytes = bytes;
    this.#isCut = true;
  }
}

/** By timestamp, but for those of one partition by offset: a clock that was set back does not make a record older than its elders. */
function newestFirst(records: readonly KeyRecord[]): KeyRecord[] {
  const ages = new Map<KeyRecord, number>();
  for (let n = 0, ageMs = 0; n < records.length; n++) {
    const record = records[n]!;
    ageMs =
      records[n - 1]?.partition === record.partition
        ? Math.max(ageMs, record.timestampMs)
        : record.timestampMs;
    ages.set(record, ageMs);
  }
  return [...records]
    .reverse()
    .sort((a, b) => ages.get(b)! - ages.get(a)! || (a.partition === b.partition ? b.offset - a.offset : 0));
}
