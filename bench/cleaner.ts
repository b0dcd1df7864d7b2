/**
 * Our cleaner and Apache Kafka's on the same directory, in turns.
 *
 *     npm run bench:cleaner [-- --rounds 3 --records 5000000 --keys 500000 --codecs none,lz4]
 *
 * A log with values of 100 B and segments of 64 MiB is made once for each codec; every pass gets a copy of it, in the page cache. Each
 * cleaner is one process for all rounds (Kafka's classes in a JVM with the flags of Kafka's own scripts; ours with its thread), warmed up
 * with two passes that do not count. CPU and memory are the process's own. What is left must be the same: the number of records and the
 * offset at which the next pass begins are compared. Needs Linux, a JDK and, the first time, Maven.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { CodecName } from '../protocol/records/compression.ts';
import { cleanerVersion } from '../test/clients/java-cleaner/kafka-cleaner.ts';
import {
  cleanOnce,
  kafkaFlags,
  startKafkaCleaner,
  startKompaktCleaner,
  writeDirtyLog,
} from './cleaner-brokers.ts';
import { type Row, ratioTable } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    records: { type: 'string', default: '5000000' },
    keys: { type: 'string', default: '500000' },
    codecs: { type: 'string', default: 'none,lz4' },
  },
});
const rounds = Number(flags.rounds);
const records = Number(flags.records);
const warmUps = 2;
const scratch = mkdtempSync(join(tmpdir(), 'bench-cleaner-'));
const rows: Row[] = [];
const cleaners = { kafka: startKafkaCleaner(), kompakt: startKompaktCleaner() };
try {
  for (const codec of flags.codecs.split(',')) await compare(codec as CodecName);
} finally {
  await Promise.all([cleaners.kafka.close(), cleaners.kompakt.close()]);
  rmSync(scratch, { recursive: true, force: true });
}
console.log(
  `Cleaner of Apache Kafka ${cleanerVersion} (JVM ${kafkaFlags}), Node ${process.version}, ` +
    `${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}; ${records} records of 100 B, ${flags.keys} keys; ` +
    `${rounds} rounds, median (min–max)\n`,
);
console.log(ratioTable(rows));

async function compare(codec: CodecName): Promise<void> {
  const log = writeDirtyLog(join(scratch, `${codec}-source`), codec, records, Number(flags.keys));
  const names = ['MB/s', 'M records/s', 'CPU s/GB', 'peak memory of the process, MB'] as const;
  const figures = names.map((name) => ({ name, kafka: [] as number[], kompakt: [] as number[] }));
  for (let round = -warmUps; round < rounds; round++) {
    const left: number[] = [];
    for (const who of round % 2 === 0 ? (['kafka', 'kompakt'] as const) : (['kompakt', 'kafka'] as const)) {
      const { seconds, cpuSeconds, leftBytes, peakMegabytes } = await cleanOnce(cleaners[who], log, scratch);
      left.push(leftBytes);
      if (round < 0) continue;
      const values = [log.bytes / 1e6 / seconds, records / 1e6 / seconds, cpuSeconds / (log.bytes / 1e9)];
      for (const [i, value] of [...values, peakMegabytes].entries()) figures[i]![who].push(value);
      console.error(`${codec}, round ${round + 1} of ${rounds}: ${who} ${seconds.toFixed(2)} s`);
    }
    if (codec === 'none' && left[0] !== left[1])
      throw new Error(`different logs are left: ${left.join(', ')} bytes`);
  }
  for (const { name, kafka, kompakt } of figures) rows.push({ name: codec, unit: name, kafka, kompakt });
}
