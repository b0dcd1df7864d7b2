/**
 * Passes of our cleaner over a log that is made for it, until nothing is dirty: what each costs, and the memory of the process.
 *
 *     node run.mjs bench cleaner-pass [--records 5000000] [--keys 500000] [--codec none|lz4] [--runs 3] [--kernel wasm|javascript]
 *                                     [--key-bytes 16] [--value-bytes 100] [--batch-bytes 16384] [--directory DIR]
 *
 * `--keys 0` gives every record its own. With `--directory` the log is made once and kept there. The files are in the page cache;
 * syncs of the new segments count. On a shared machine CPU seconds are the figure to trust, and the least of runs.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';
import { parseArgs } from 'node:util';
import type { CleanJob, CleanProgress, CleanResult } from '../compaction/clean-job.ts';
import { removeCleaned } from '../compaction/cleaned-segment.ts';
import { cleanLog } from '../compaction/cleaner.ts';
import { createKernel } from '../compaction/create-kernel.ts';
import { JsKernel } from '../compaction/kernel-js.ts';
import { type CodecName, codecByName } from '../protocol/records/compression.ts';
import { createNodeEnvironment } from '../storage/environment/node.ts';
import { cleanJobOf, type LogShape, nameOf, writeLog } from './cleaner-data.ts';
import { figure } from './table.ts';

const { values: flags } = parseArgs({
  args: argv.slice(2),
  options: {
    records: { type: 'string', default: '5000000' },
    keys: { type: 'string', default: '500000' },
    codec: { type: 'string', default: 'none' },
    runs: { type: 'string', default: '3' },
    kernel: { type: 'string', default: 'wasm' },
    'key-bytes': { type: 'string', default: '16' },
    'value-bytes': { type: 'string', default: '100' },
    'batch-bytes': { type: 'string', default: '16384' },
    directory: { type: 'string' },
  },
});
const environment = createNodeEnvironment();
const shape: LogShape = {
  records: Number(flags.records),
  keys: Number(flags.keys),
  keyBytes: Number(flags['key-bytes']),
  valueBytes: Number(flags['value-bytes']),
  batchBytes: Number(flags['batch-bytes']),
  segmentBytes: 64 * 1024 * 1024,
  codec: codecByName(flags.codec as CodecName).id,
};

async function run(job: CleanJob): Promise<void> {
  const phaseMs = { index: 0, rewrite: 0 };
  let sinceMs = performance.now();
  const onProgress = ({ phase }: CleanProgress): void => {
    const nowMs = performance.now();
    phaseMs[phase] += nowMs - sinceMs;
    sinceMs = nowMs;
  };
  const cpu = process.cpuUsage();
  const began = performance.now();
  const result = await cleanLog(job, {
    ...environment,
    createKernel: flags.kernel === 'javascript' ? () => new JsKernel() : createKernel,
    isAborted: () => false,
    onProgress,
  });
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  say(result, seconds, (user + system) / 1e6, phaseMs);
}

function say(
  result: CleanResult,
  seconds: number,
  cpuSeconds: number,
  phaseMs: { index: number; rewrite: number },
): void {
  const { bytesBefore, bytesAfter, records, mapEntries, memoryBytes } = result;
  const count = Object.values(records).reduce((sum, one) => sum + one, 0);
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(
    `${[
      `${figure(bytesBefore / seconds / 1e6)} MB/s`,
      `${figure(count / seconds / 1e6)} M records/s`,
      `${figure(seconds)} s (index ${figure(phaseMs.index / 1000)}, rewrite ${figure(phaseMs.rewrite / 1000)})`,
      `CPU ${figure(cpuSeconds)} s, ${figure(cpuSeconds / (bytesBefore / 1e9))} s/GB`,
      `${figure(bytesBefore / 1e6)} -> ${figure(bytesAfter / 1e6)} MB`,
      `${mapEntries} keys`,
      `kernel ${figure(memoryBytes / 2 ** 20)} MiB, peak RSS ${figure(maxRSS / 1024)} MiB`,
    ].join(', ')}\n`,
  );
}

/** Into the page cache, and into no memory of ours. */
function readThrough(path: string): void {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(1024 * 1024);
  while (readSync(file, buffer) > 0);
  closeSync(file);
}

const isKept = flags.directory !== undefined;
const directory = isKept ? join(flags.directory!, nameOf(shape)) : mkdtempSync(join(tmpdir(), 'kompakt-'));
try {
  if (!existsSync(directory) || readdirSync(directory).length === 0) {
    mkdirSync(directory, { recursive: true });
    writeLog(environment.files, directory, shape);
  }
  const job = cleanJobOf(environment.files, directory, shape);
  for (const { path } of job.segments) readThrough(path);
  for (let i = 0; i < Number(flags.runs); i++) {
    await run(job);
    removeCleaned(environment.files, directory, job.segments);
  }
} finally {
  if (!isKept) rmSync(directory, { recursive: true, force: true });
}
