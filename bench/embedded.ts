/**
 * A broker inside a test suite: what a start, a reset and a stop take in a process that has it loaded, and what many of them hold.
 *
 *     npm run bench:embedded [-- --rounds 100 --brokers 50]
 *
 * In memory, each with a topic and a record, since that is what a test leaves behind. Measured are both time and CPU time: the former is
 * a test's, the latter does not depend on what else the machine does.
 */

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startBroker } from '../broker/index.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '100' }, brokers: { type: 'string', default: '50' } },
});
const rounds = Number(flags.rounds);
const brokersAtOnce = Number(flags.brokers);
const warmUp = 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Samples {
  readonly ms: number[];
  readonly cpuMs: number[];
}
const samples: Record<string, Samples> = {};

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const own = (samples[name] ??= { ms: [], cpuMs: [] });
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const result = await work();
  own.ms.push(performance.now() - startMs);
  const { user, system } = process.cpuUsage(cpu);
  own.cpuMs.push((user + system) / 1000);
  return result;
}

async function round(): Promise<void> {
  const broker = await timed('start', () => startBroker());
  await timed('createTopics', () => broker.createTopics([{ topic: 'orders', partitions: 3 }]));
  await timed('reset', () => broker.reset());
  await timed('stop', () => broker.stop());
}

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2);
}

const first = performance.now();
await (await startBroker()).stop();
console.log(`the first start and stop in this process: ${(performance.now() - first).toFixed(1)} ms`);
for (let n = 0; n < warmUp; n++) await round();
for (const { ms, cpuMs } of Object.values(samples)) {
  ms.length = 0;
  cpuMs.length = 0;
}
for (let n = 0; n < rounds; n++) await round();
console.log(`\n| ms, ${rounds} rounds | p50 | p99 | CPU p50 | CPU p99 |\n|---|---|---|---|---|`);
for (const [name, { ms, cpuMs }] of Object.entries(samples)) {
  const cells = [ms, cpuMs].flatMap((values) => [percentile(values, 0.5), percentile(values, 0.99)]);
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}

collect();
const before = process.memoryUsage();
const brokers = await Promise.all(Array.from({ length: brokersAtOnce }, () => startBroker()));
await Promise.all(brokers.map((broker) => broker.createTopics(['orders'])));
collect();
const after = process.memoryUsage();
const each = (name: 'rss' | 'heapUsed' | 'external') =>
  `${((after[name] - before[name]) / brokersAtOnce / 1024).toFixed(0)} KiB`;
console.log(
  `\n${brokersAtOnce} brokers at a time: each ${each('rss')} of the process, ${each('heapUsed')} of the heap, ${each('external')} outside it`,
);
await Promise.all(brokers.map((broker) => broker.stop()));
