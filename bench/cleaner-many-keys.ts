/**
 * A log in which every key is another: nothing can go, and the map of keys does not hold them all, so that it takes many passes.
 *
 *     npm run bench:cleaner-many-keys [-- --records 100000000 --dedupe-megabytes 128]
 *
 * Keys of 16 B, values of 20 B. What is asked: does it go through, in how many passes, and what is the most memory that the process with
 * the cleaner's thread takes beyond what it had before the first pass. Needs Linux and, for 100 million, 12 GB of disk.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createNodeEnvironment } from '../storage/environment/node.ts';
import { writeLog } from './cleaner-data.ts';
import { cpuSecondsOf } from './side-by-side/proc.ts';
import { figure } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    records: { type: 'string', default: '100000000' },
    'dedupe-megabytes': { type: 'string', default: '128' },
  },
});
const records = Number(flags.records);
const dedupeBufferBytes = Number(flags['dedupe-megabytes']) * 2 ** 20;

interface Outcome {
  readonly seconds: number;
  readonly endOffset: number;
  readonly sizeBytes: number;
  readonly passes: readonly {
    readonly mapEntries: number;
    readonly bytesRead: number;
    readonly memoryBytes: number;
  }[];
}

/** In MiB. */
function statusOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) / 1024;
}

const scratch = mkdtempSync(join(tmpdir(), 'bench-many-keys-'));
try {
  const directory = join(scratch, 'articles-0');
  mkdirSync(directory);
  writeLog(createNodeEnvironment().files, directory, {
    records,
    keys: 0,
    keyBytes: 16,
    valueBytes: 20,
    batchBytes: 16 * 1024,
    segmentBytes: 64 * 2 ** 20,
    codec: 0,
  });
  // An active segment, as a broker has one.
  for (const suffix of ['.log', '.index', '.timeindex'])
    closeSync(openSync(join(directory, `${String(records).padStart(20, '0')}${suffix}`), 'w'));
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const args = ['--import', 'tsx', join(root, 'bench/cleaner-process.ts')];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const small = join(scratch, 'small-0');
  mkdirSync(small);
  child.stdin!.write(`${JSON.stringify({ directory: small, dedupeBufferBytes })}\n`);
  await lines.next();
  const before = statusOf(child.pid!, 'VmRSS');
  const cpuBefore = cpuSecondsOf(child.pid!);
  child.stdin!.write(`${JSON.stringify({ directory, dedupeBufferBytes })}\n`);
  const { seconds, endOffset, sizeBytes, passes } = JSON.parse(
    (await lines.next()).value as string,
  ) as Outcome;
  if (endOffset !== records) throw new Error(`it ended at ${endOffset}`);
  const peak = statusOf(child.pid!, 'VmHWM');
  const cpuSeconds = cpuSecondsOf(child.pid!) - cpuBefore;
  child.stdin!.end();
  const keysMax = Math.max(...passes.map(({ mapEntries }) => mapEntries));
  const bytesRead = passes.reduce((sum, pass) => sum + pass.bytesRead, 0);
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}\n` +
      `${records} keys in ${figure(sizeBytes / 1e9)} GB: ${passes.length} passes, ${figure(seconds)} s, ${figure(cpuSeconds)} CPU s; ` +
      `${figure(bytesRead / 1e9)} GB read; at most ${keysMax} keys in a map of ${flags['dedupe-megabytes']} MiB; ` +
      `kernel ${figure(Math.max(...passes.map(({ memoryBytes }) => memoryBytes)) / 2 ** 20)} MiB; process ${figure(before)} MiB before, ` +
      `${figure(peak)} MiB at its peak`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
