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
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CodecName, codecByName } from '../protocol/records/compression.ts';
import { createNodeEnvironment } from '../storage/environment/node.ts';
import { cleanerVersion, KafkaCleaner } from '../test/clients/java-cleaner/kafka-cleaner.ts';
import { type LogShape, writeLog } from './cleaner-data.ts';
import { cpuSecondsOf } from './side-by-side/proc.ts';
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
const segmentBytes = 64 * 1024 * 1024;
const dedupeBufferBytes = 128 * 1024 * 1024;
/** As `bin/kafka-server-start.sh` has them. */
const kafkaFlags =
  '-Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35';

interface Outcome {
  readonly seconds: number;
  readonly endOffset: number;
}

interface Cleaner {
  readonly pid: number;
  clean(directory: string): Promise<Outcome>;
  close(): Promise<void>;
}

function startApacheKafka(): Cleaner {
  const kafka = KafkaCleaner.start(kafkaFlags.split(' '));
  return {
    pid: kafka.pid,
    clean: async (dir) => {
      const startedMs = performance.now();
      const settings = { 'cleanup.policy': 'compact', 'segment.bytes': segmentBytes };
      const { endOffset } = await kafka.clean({
        dir,
        nowMs: Date.now(),
        logStart: 0,
        settings: settings as never,
        firstDirty: -1,
        mapBytes: dedupeBufferBytes,
        loadFactor: 0.9,
        bufferBytes: 256 * 1024,
        retain: false,
      });
      return { seconds: (performance.now() - startedMs) / 1000, endOffset };
    },
    close: () => kafka.close(),
  };
}

function startKompakt(): Cleaner {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const args = ['--import', 'tsx', join(root, 'bench/cleaner-process.ts')];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    pid: child.pid!,
    clean: async (directory) => {
      // From outside and with the opening and closing of the log, as for the other.
      const startedMs = performance.now();
      child.stdin!.write(`${JSON.stringify({ directory, dedupeBufferBytes })}\n`);
      const { value } = await lines.next();
      const { endOffset } = JSON.parse(value as string) as Outcome;
      return { seconds: (performance.now() - startedMs) / 1000, endOffset };
    },
    close: () =>
      new Promise((resolve) => {
        child.on('close', () => resolve());
        child.stdin!.end();
      }),
  };
}

/** The largest that a process has been since the last call, in MB. */
function peakMegabytesOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1000;
}

function bytesIn(directory: string): number {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .reduce((sum, name) => sum + readFileSync(join(directory, name)).length, 0);
}

const scratch = mkdtempSync(join(tmpdir(), 'bench-cleaner-'));
const rows: Row[] = [];
const cleaners = { kafka: startApacheKafka(), kompakt: startKompakt() };
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
  const shape: LogShape = {
    records,
    keys: Number(flags.keys),
    keyBytes: 16,
    valueBytes: 100,
    batchBytes: 16 * 1024,
    segmentBytes,
    codec: codecByName(codec).id,
  };
  const source = join(scratch, `${codec}-source`);
  mkdirSync(source);
  writeLog(createNodeEnvironment().files, source, shape);
  const bytes = bytesIn(source);
  // What a broker has there: an active segment.
  addActiveSegment(source);
  const names = ['MB/s', 'M records/s', 'CPU s/GB', 'peak memory of the process, MB'] as const;
  const figures = names.map((name) => ({ name, kafka: [] as number[], kompakt: [] as number[] }));
  for (let round = -warmUps; round < rounds; round++) {
    const left: number[] = [];
    for (const who of round % 2 === 0 ? (['kafka', 'kompakt'] as const) : (['kompakt', 'kafka'] as const)) {
      const copy = join(scratch, `articles-${who === 'kafka' ? 0 : 1}`);
      cpSync(source, copy, { recursive: true });
      const cpuBefore = cpuSecondsOf(cleaners[who].pid);
      const { seconds, endOffset } = await cleaners[who].clean(copy);
      const cpuSeconds = cpuSecondsOf(cleaners[who].pid) - cpuBefore;
      if (endOffset !== records) throw new Error(`${who} ended at ${endOffset}`);
      left.push(bytesIn(copy));
      rmSync(copy, { recursive: true });
      if (round < 0) continue;
      const values = [bytes / 1e6 / seconds, records / 1e6 / seconds, cpuSeconds / (bytes / 1e9)];
      values.push(peakMegabytesOf(cleaners[who].pid));
      for (const [i, value] of values.entries()) figures[i]![who].push(value);
      console.error(`${codec}, round ${round + 1} of ${rounds}: ${who} ${seconds.toFixed(2)} s`);
    }
    if (codec === 'none' && left[0] !== left[1])
      throw new Error(`different logs are left: ${left.join(', ')} bytes`);
  }
  for (const { name, kafka, kompakt } of figures) rows.push({ name: codec, unit: name, kafka, kompakt });
}

function addActiveSegment(directory: string): void {
  const { files } = createNodeEnvironment();
  for (const suffix of ['.log', '.index', '.timeindex'])
    files.openSync(files.join(directory, `${String(records).padStart(20, '0')}${suffix}`), 'create').close();
}
