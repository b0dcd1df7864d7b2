/**
 * What a cleaning costs those who produce meanwhile: p50 and p99 of acknowledgements at 1,000 records a second, in turns without and
 * with a log of 2 GB being cleaned.
 *
 *     npm run bench:cleaner-latency [-- --rounds 3 --megabytes 2000]
 *
 * The log (records of 100 B, 500,000 keys, segments of 64 MiB) is written first; its dirty ratio is then lowered to start the cleaner.
 * Windows of 4 s are measured until it has ended; only whole ones count. Needs Linux.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { incrementalAlterConfigs } from '../protocol/messages/configs/incremental-alter-configs.ts';
import { describeLogDirs } from '../protocol/messages/topics/describe-log-dirs.ts';
import { Client } from '../tools/client.ts';
import { load, startKompaktProcess } from './brokers.ts';
import { figure, median, spread } from './table.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, megabytes: { type: 'string', default: '2000' } },
});
const rounds = Number(flags.rounds);
const logBytes = Number(flags.megabytes) * 1e6;
const windowMessages = 4_000;

interface Latency {
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
}

const directory = mkdtempSync(join(tmpdir(), 'cleaner-latency-'));
const broker = await startKompaktProcess(join(directory, 'data'), { 'log.cleaner.backoff.ms': '50' });
const client = await Client.connect('127.0.0.1', broker.port);
const common = { host: '127.0.0.1', port: broker.port, partitions: 1, inFlight: 5 };

/** Bytes of a topic's log. */
async function sizeOf(topic: string): Promise<number> {
  const { results } = await client.request(describeLogDirs, 1, { topics: [{ topic, partitions: [0] }] });
  return results[0]!.topics[0]!.partitions[0]!.partitionSize;
}

/** Makes a log due: from here on any dirty byte is enough. */
async function makeDue(topic: string): Promise<void> {
  const set = 0;
  const configs = [{ name: 'min.cleanable.dirty.ratio', configOperation: set, value: '0.0' }];
  const resources = [{ resourceType: 2, resourceName: topic, configs }];
  const { responses } = await client.request(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  if (responses[0]!.errorCode !== 0)
    throw new Error(`IncrementalAlterConfigs: ${responses[0]!.errorMessage}`);
}

function measure(): Promise<Latency> {
  return load<Latency>('latency', {
    ...common,
    topic: `latency-${++windows}`,
    recordBytes: 1024,
    count: windowMessages,
    perSecond: 1000,
  });
}
let windows = 0;

const quiet: Latency[] = [];
const cleaning: Latency[] = [];
const seconds: number[] = [];
await measure();
for (let round = 1; round <= rounds; round++) {
  const topic = `articles-${round}`;
  await load('produce', {
    ...common,
    topic,
    recordBytes: 100,
    batchBytes: 64 * 1024,
    totalBytes: (logBytes * 100) / 116,
    keys: 500_000,
    configs: {
      'cleanup.policy': 'compact',
      'segment.bytes': String(64 * 1024 * 1024),
      'min.cleanable.dirty.ratio': '1',
    },
  });
  const before = await sizeOf(topic);
  for (let n = 0; n < 2; n++) quiet.push(await measure());
  await makeDue(topic);
  const startedMs = performance.now();
  let isDone = false;
  const done = (async () => {
    while ((await sizeOf(topic)) > before / 2) await new Promise((resolve) => setTimeout(resolve, 100));
    isDone = true;
    seconds.push((performance.now() - startedMs) / 1000);
  })();
  let counted = 0;
  while (!isDone) {
    const latency = await measure();
    if (!isDone) {
      cleaning.push(latency);
      counted++;
    }
  }
  await done;
  console.error(`round ${round} of ${rounds}: ${(before / 1e6).toFixed(0)} MB cleaned, ${counted} windows`);
}
client.close();
await broker.stop();
rmSync(directory, { recursive: true, force: true });

const row = (name: string, of: (latency: Latency) => number): string => {
  const [without, during] = [quiet.map(of), cleaning.map(of)];
  return `| ${name} | ${spread(without)} | ${spread(during)} | ${figure(median(during) / median(without))} |`;
};
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}; ${rounds} rounds of ` +
    `${flags.megabytes} MB, each cleaned in ${spread(seconds)} s; median (min–max) of windows of 4 s\n`,
);
console.log(
  '| acknowledgement, 1 KiB at 1000/s | no cleaning, ms | while cleaning, ms | ratio |\n|---|---|---|---|',
);
console.log(row('p50', ({ ackP50Ms }) => ackP50Ms));
console.log(row('p99', ({ ackP99Ms }) => ackP99Ms));
