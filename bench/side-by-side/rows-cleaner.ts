/**
 * The cleaners of Apache Kafka and Kompakt, each as a process without its broker, on the same log: one process for all rounds, two
 * passes of each codec before anything counts. See bench/cleaner-brokers.ts. kfake has none.
 */
import { join } from 'node:path';
import {
  type Cleaner,
  cleanOnce,
  type DirtyLog,
  type Pass,
  startKafkaCleaner,
  startKompaktCleaner,
  writeDirtyLog,
} from '../cleaner-brokers.ts';
import { watchOthers } from './proc.ts';
import { type Site, thousands } from './site.ts';
import { leastDisturbed } from './stage.ts';

const codecs = ['none', 'lz4'] as const;
const warmUps = 2;

export class CleanerRows {
  readonly #cleaners = new Map<string, Cleaner>();
  #logs: DirtyLog[] = [];

  async run(site: Site): Promise<void> {
    if (site.name === 'kfake') return;
    const { parent, sizes, note } = site;
    const records = sizes.count(5_000_000);
    const keys = sizes.count(500_000);
    if (this.#logs.length === 0)
      this.#logs = codecs.map((codec) => writeDirtyLog(join(parent, `dirty-${codec}`), codec, records, keys));
    const cleaner = this.#cleaners.get(site.name) ?? (await this.#start(site));
    for (const [i, codec] of codecs.entries()) {
      const log = this.#logs[i]!;
      const pass = await leastDisturbed(() => watched(cleaner, log, parent));
      const row = `cleaner, ${thousands(records)} records of 100 B, ${thousands(keys)} keys, ${codec === 'none' ? 'plain' : codec}`;
      note(row, 'MB/s', log.bytes / 1e6 / pass.seconds, 'more', pass);
      note(`${row}, CPU`, 's/GB', pass.cpuSeconds / (log.bytes / 1e9), 'less', pass);
    }
  }

  async #start({ name, parent }: Site): Promise<Cleaner> {
    const cleaner = name === 'kafka' ? startKafkaCleaner() : startKompaktCleaner();
    this.#cleaners.set(name, cleaner);
    for (let i = 0; i < warmUps; i++) for (const log of this.#logs) await cleanOnce(cleaner, log, parent);
    return cleaner;
  }

  async close(): Promise<void> {
    for (const cleaner of this.#cleaners.values()) await cleaner.close();
  }
}

async function watched(
  cleaner: Cleaner,
  log: DirtyLog,
  parent: string,
): Promise<Pass & { otherCores: number }> {
  const others = watchOthers();
  const pass = await cleanOnce(cleaner, log, parent);
  return { ...pass, otherCores: others(pass.cpuSeconds) };
}
