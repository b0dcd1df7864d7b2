/** Our cleaner and Apache Kafka's as processes, and the logs that they are given: for the benches that compare them. */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type CodecName, codecByName } from '../protocol/records/compression.ts';
import { createNodeEnvironment } from '../storage/environment/node.ts';
import { KafkaCleaner } from '../test/clients/java-cleaner/kafka-cleaner.ts';
import { type LogShape, writeLog } from './cleaner-data.ts';
import { cpuSecondsOf, memoryOf } from './side-by-side/proc.ts';

const segmentBytes = 64 * 1024 * 1024;
const dedupeBufferBytes = 128 * 1024 * 1024;
/** As `bin/kafka-server-start.sh` has them. */
export const kafkaFlags =
  '-Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35';

interface Outcome {
  readonly seconds: number;
  readonly endOffset: number;
}

export interface Cleaner {
  readonly pid: number;
  clean(directory: string): Promise<Outcome>;
  close(): Promise<void>;
}

export function startKafkaCleaner(): Cleaner {
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

export function startKompaktCleaner(): Cleaner {
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

export interface DirtyLog {
  readonly directory: string;
  readonly records: number;
  /** Of its `.log` files. */
  readonly bytes: number;
}

/** Values of 100 B, keys drawn evenly; closed segments, and one that is active and empty, as a broker would have. */
export function writeDirtyLog(directory: string, codec: CodecName, records: number, keys: number): DirtyLog {
  const { files } = createNodeEnvironment();
  const shape: LogShape = {
    records,
    keys,
    keyBytes: 16,
    valueBytes: 100,
    batchBytes: 16 * 1024,
    segmentBytes,
    codec: codecByName(codec).id,
  };
  mkdirSync(directory);
  writeLog(files, directory, shape);
  const bytes = bytesIn(directory);
  for (const suffix of ['.log', '.index', '.timeindex'])
    files.openSync(join(directory, `${String(records).padStart(20, '0')}${suffix}`), 'create').close();
  return { directory, records, bytes };
}

export interface Pass {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of what is left. */
  readonly leftBytes: number;
  /** The most that the process has had, in MB. */
  readonly peakMegabytes: number;
}

/** Cleans a copy of the log, which lies in the page cache. */
export async function cleanOnce(cleaner: Cleaner, log: DirtyLog, scratch: string): Promise<Pass> {
  const copy = join(scratch, `articles-${cleaner.pid}`);
  cpSync(log.directory, copy, { recursive: true });
  const cpuBefore = cpuSecondsOf(cleaner.pid);
  const { seconds, endOffset } = await cleaner.clean(copy);
  const cpuSeconds = cpuSecondsOf(cleaner.pid) - cpuBefore;
  if (endOffset !== log.records) throw new Error(`the pass ended at ${endOffset} of ${log.records}`);
  const leftBytes = bytesIn(copy);
  rmSync(copy, { recursive: true });
  return { seconds, cpuSeconds, leftBytes, peakMegabytes: memoryOf(cleaner.pid, 'VmHWM') };
}

function bytesIn(directory: string): number {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}
