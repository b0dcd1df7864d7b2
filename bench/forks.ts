/**
 * Forks of a data directory with 1 GB of records: what `startBroker({ from })` takes until the broker answers, and what a snapshot takes.
 *
 *     npm run bench:forks [-- --rounds 100 --megabytes 1024 --segment-megabytes 64]
 *
 * Where other work runs on the machine, processor time says more than the clock.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { startBroker } from '../broker/index.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    megabytes: { type: 'string', default: '1024' },
    'segment-megabytes': { type: 'string', default: '64' },
  },
});
const rounds = Number(flags.rounds);
const megabyte = 1024 * 1024;
const recordBytes = 900_000;
const partitions = 4;

const directory = mkdtempSync(join(tmpdir(), 'forks-'));
const snapshot = join(directory, 'snapshot');
try {
  await makeSnapshot();
  for (const kind of ['temporary', 'dataDir'] as const) {
    const samples: { ms: number; cpuMs: number }[] = [];
    for (let n = 0; n < rounds; n++)
      samples.push(await forkOnce(kind === 'dataDir' ? join(directory, `${n}`) : null));
    const { ms, cpuMs } = sorted(samples);
    console.log(
      `fork, ${kind}: p50 ${at(ms, 0.5)} ms, p99 ${at(ms, 0.99)} ms; processor p50 ${at(cpuMs, 0.5)} ms`,
    );
  }
} finally {
  rmSync(directory, { recursive: true });
}

async function makeSnapshot(): Promise<void> {
  const broker = await startBroker({ dataDir: join(directory, 'data') });
  const config = { 'segment.bytes': String(Number(flags['segment-megabytes']) * megabyte) };
  await broker.createTopics([{ topic: 'records', partitions, config }]);
  const producer = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const value = Buffer.alloc(recordBytes, 'x');
  const count = Math.ceil((Number(flags.megabytes) * megabyte) / recordBytes);
  for (let n = 0; n < count; n++)
    await producer.send({ topic: 'records', messages: [{ value, partition: n % partitions }] });
  await producer.disconnect();
  const beganMs = performance.now();
  await broker.snapshot(snapshot);
  console.log(`snapshot of ${flags.megabytes} MB: ${(performance.now() - beganMs).toFixed(1)} ms, durable`);
  await broker.stop();
}

async function forkOnce(dataDir: string | null): Promise<{ ms: number; cpuMs: number }> {
  const before = process.cpuUsage();
  const beganMs = performance.now();
  const fork = await startBroker({ from: snapshot, ...(dataDir === null ? {} : { dataDir }) });
  const ms = performance.now() - beganMs;
  const { user, system } = process.cpuUsage(before);
  await fork.stop();
  if (dataDir !== null) rmSync(dataDir, { recursive: true });
  return { ms, cpuMs: (user + system) / 1000 };
}

function sorted(samples: readonly { ms: number; cpuMs: number }[]): { ms: number[]; cpuMs: number[] } {
  const ascending = (values: number[]) => values.sort((a, b) => a - b);
  return { ms: ascending(samples.map(({ ms }) => ms)), cpuMs: ascending(samples.map(({ cpuMs }) => cpuMs)) };
}

function at(values: readonly number[], share: number): string {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))]!.toFixed(1);
}
