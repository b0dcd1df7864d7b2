/**
 * Apache Kafka and Kompakt in one run: same client, same load, one broker at a time, in turns.
 *
 *     npm run bench:side-by-side [-- --rounds 3 --megabytes 400]
 *
 * Needs Linux (/proc), a JDK and, the first time, Maven. What is compared with what: a freshly made directory each round, no fsync on
 * either side (Kafka's default), the load from a process of its own (bench/load.ts) so that CPU is the broker's alone. Trust the ratios,
 * and of them those of CPU first: client and broker share the machine's cores.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { metadata } from '../protocol/messages/topics/metadata.ts';
import {
  cpuSecondsOf,
  kafkaLibs,
  kafkaVersion,
  residentMegabytesOf,
  startKafka,
} from '../test/clients/java/apache-kafka.ts';
import { quietPort } from '../test/quiet-port.ts';
import { Client } from '../tools/client.ts';
import { load, startKompaktProcess } from './brokers.ts';
import { type Row, ratioTable } from './table.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, megabytes: { type: 'string', default: '400' } },
});
const rounds = Number(flags.rounds);
const totalBytes = Number(flags.megabytes) * 1e6;
const recordSizes = [100, 1024, 10_240];

interface RunningBroker {
  readonly pid: number;
  readonly port: number;
  /** From the start of the process to the first answered Metadata. */
  readonly readyMs: number;
  stop(): Promise<void>;
}

type Start = (directory: string) => Promise<RunningBroker>;

async function answersMetadata(port: number): Promise<void> {
  for (;;) {
    try {
      const client = await Client.connect('127.0.0.1', port);
      const { brokers } = await client.request(metadata, 9, { topics: [], allowAutoTopicCreation: false });
      client.close();
      if (brokers.length > 0) return;
    } catch {
      await pause(2);
    }
  }
}

const startApacheKafka: Start = async (directory) => {
  const port = await quietPort();
  const kafka = await startKafka(directory, port);
  const connectedMs = performance.now();
  await answersMetadata(port);
  return {
    pid: kafka.pid,
    port,
    readyMs: kafka.readyMs + performance.now() - connectedMs,
    stop: () => kafka.stop(),
  };
};

const startKompakt: Start = async (directory) => {
  const startedMs = performance.now();
  const kompakt = await startKompaktProcess(join(directory, 'data'));
  await answersMetadata(kompakt.port);
  return { ...kompakt, readyMs: performance.now() - startedMs };
};

type Figures = Map<string, { unit: string; value: number }>;

/** All figures of one broker in one round. */
async function measure(start: Start, directory: string): Promise<Figures> {
  const figures: Figures = new Map();
  const note = (name: string, unit: string, value: number): void => void figures.set(name, { unit, value });
  const broker = await start(directory);
  note('time to ready (process start to first Metadata)', 'ms', broker.readyMs);
  await pause(2_000);
  note('memory when idle (resident)', 'MB', residentMegabytesOf(broker.pid));
  const common = { host: '127.0.0.1', port: broker.port, partitions: 1, batchBytes: 64 * 1024, inFlight: 5 };
  // Warms both up: a JIT that has seen nothing is not what anybody wants to compare.
  await load('produce', { ...common, topic: 'warm', recordBytes: 1024, totalBytes: totalBytes / 4 });
  await load('fetch', { ...common, topic: 'warm', recordBytes: 1024 });
  for (const recordBytes of recordSizes) {
    const options = { ...common, topic: `t${recordBytes}`, recordBytes, totalBytes };
    const before = cpuSecondsOf(broker.pid);
    const produced = await load<{ seconds: number; payloadBytes: number }>('produce', options);
    const between = cpuSecondsOf(broker.pid);
    note(`produce ${recordBytes} B`, 'MB/s', produced.payloadBytes / 1e6 / produced.seconds);
    note(`produce ${recordBytes} B, broker CPU`, 's/GB', (between - before) / (produced.payloadBytes / 1e9));
    const fetched = await load<{ seconds: number; wireBytes: number }>('fetch', options);
    note(`fetch ${recordBytes} B`, 'MB/s', fetched.wireBytes / 1e6 / fetched.seconds);
    note(
      `fetch ${recordBytes} B, broker CPU`,
      's/GB',
      (cpuSecondsOf(broker.pid) - between) / (fetched.wireBytes / 1e9),
    );
  }
  const latency = await load<{ p50Ms: number; p99Ms: number; p999Ms: number }>('latency', {
    ...common,
    topic: 'latency',
    recordBytes: 1024,
    count: 10_000,
    perSecond: 1000,
  });
  note('latency end to end, 1 KiB at 1000/s, p50', 'ms', latency.p50Ms);
  note('latency end to end, 1 KiB at 1000/s, p99', 'ms', latency.p99Ms);
  const group = await load<{ firstMs: number; medianMs: number }>('group', { ...common, topic: 'group' });
  note('consumer group ready (kafkajs, connect to first record)', 'ms', group.medianMs);
  note('the same, first group of the broker', 'ms', group.firstMs);
  note('memory after the load (resident)', 'MB', residentMegabytesOf(broker.pid));
  await broker.stop();
  return figures;
}

const brokers = { kafka: startApacheKafka, kompakt: startKompakt } as const;
kafkaLibs();
const rows = new Map<string, { unit: string; kafka: number[]; kompakt: number[] }>();
for (let round = 0; round < rounds; round++) {
  for (const name of round % 2 === 0 ? (['kafka', 'kompakt'] as const) : (['kompakt', 'kafka'] as const)) {
    const directory = mkdtempSync(join(tmpdir(), `side-by-side-${name}-`));
    for (const [what, { unit, value }] of await measure(brokers[name], directory)) {
      const row = rows.get(what) ?? { unit, kafka: [], kompakt: [] };
      row[name].push(value);
      rows.set(what, row);
    }
    rmSync(directory, { recursive: true, force: true });
    console.error(`round ${round + 1} of ${rounds}: ${name} done`);
  }
}
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
console.log(
  `Apache Kafka ${kafkaVersion}, Kompakt ${version}, Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, ` +
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}; ${rounds} rounds, ${flags.megabytes} MB each; median (min–max)\n`,
);
console.log(ratioTable([...rows].map(([name, row]): Row => ({ name, ...row }))));
