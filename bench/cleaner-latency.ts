/**
 * What a cleaning costs those who produce meanwhile: p50 and p99 of acknowledgements at 1,000 records a second, in turns without and
 * with a log of 2 GB being cleaned.
 *
 *     npm run bench:cleaner-latency [-- --rounds 3 --megabytes 2000]
 *
 * The log (records of 100 B, 500,000 keys, segments of 64 MiB) is written first; its dirty ratio is then lowered to start the cleaner.
 * What was sent between the start and the end of the pass counts as while cleaning, as much before it as without. Needs Linux.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
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
/** A pass over 2 GB takes 8 to 20 s. */
const secondsMax = 30;

/** [wall-clock ms of the send, ms until it was acknowledged] */
type Sample = readonly [number, number];

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

let runs = 0;
async function measure(seconds: number): Promise<readonly Sample[]> {
  const perSecond = 1000;
  const run = { topic: `latency-${++runs}`, recordBytes: 1024, count: seconds * perSecond, perSecond };
  const options = { ...common, ...run, wantsSamples: true };
  return (await load<{ samples: readonly Sample[] }>('latency', options)).samples;
}

const quiet: number[][] = [];
const cleaning: number[][] = [];
const seconds: number[] = [];
await measure(5);
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
  quiet.push((await measure(10)).map(([, tookMs]) => tookMs));
  const measuring = measure(secondsMax);
  // Until its first records are on their way.
  while ((await sizeOf(`latency-${runs}`).catch(() => 0)) === 0) await pause(50);
  await makeDue(topic);
  const startedMs = Date.now();
  while ((await sizeOf(topic)) > before / 2) await pause(50);
  const endedMs = Date.now();
  seconds.push((endedMs - startedMs) / 1000);
  const samples = await measuring;
  const during = samples.filter(([sentMs]) => sentMs >= startedMs && sentMs <= endedMs);
  cleaning.push(during.map(([, tookMs]) => tookMs));
  console.error(
    `round ${round} of ${rounds}: ${(before / 1e6).toFixed(0)} MB cleaned, ${during.length} records meanwhile`,
  );
}
client.close();
await broker.stop();
rmSync(directory, { recursive: true, force: true });

const at = (share: number) => (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)]!;
const row = (name: string, of: (values: readonly number[]) => number): string => {
  const [without, during] = [quiet.map(of), cleaning.map(of)];
  return `| ${name} | ${spread(without)} | ${spread(during)} | ${figure(median(during) / median(without))} |`;
};
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}; ${rounds} rounds of ` +
    `${flags.megabytes} MB, each cleaned in ${spread(seconds)} s; median (min–max) over the rounds\n`,
);
console.log(
  '| acknowledgement, 1 KiB at 1000/s | no cleaning, ms | while cleaning, ms | ratio |\n|---|---|---|---|',
);
for (const [name, share] of [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const)
  console.log(row(name, at(share)));
