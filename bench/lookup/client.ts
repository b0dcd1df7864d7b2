/**
 * The client of the lookup bench, as a process of its own: `tsx bench/lookup/client.ts MODE JSON`, one line of JSON as the result.
 *
 *     lookups   random keys, so many lanes that each wait for their answer
 *     library   no network: the broker in this process
 *     visible   writes a record and asks for its key until the new value is there
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from '../../broker/index.ts';
import { Client } from '../../tools/client.ts';
import {
  articleKey,
  articleValue,
  checkValue,
  partitionCount,
  partitionOf,
  send,
  topic,
  versionOf,
} from './articles.ts';
import { connectStore, type StoreAddress } from './stores.ts';

export interface LookupOptions {
  readonly store: StoreAddress;
  readonly connections: number;
  /** On each connection. */
  readonly inFlight: number;
  readonly keys: number;
  readonly warmMs: number;
  readonly measuredMs: number;
}

export interface Latencies {
  readonly count: number;
  /** Those of the warm-up too. */
  readonly allCount: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** CPU of the client over the same time. */
  readonly cpuSeconds: number;
}

export interface VisibleOptions {
  readonly store: StoreAddress;
  readonly brokerPort: number;
  readonly keys: number;
  readonly samples: number;
  /** Versions count from here, so that no run takes an older one's value for its own. */
  readonly firstVersion: number;
}

/** What takes longer is broken, not slow. */
const visibleMsMax = 20_000;

/** Park and Miller's generator: the same keys for everybody. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

export function quantile(sorted: Float64Array | readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

function latenciesOf(
  micros: readonly number[],
  of: { seconds: number; cpuSeconds: number; warmCount: number },
): Latencies {
  const sorted = Float64Array.from(micros).sort();
  return {
    count: sorted.length,
    allCount: sorted.length + of.warmCount,
    seconds: of.seconds,
    p50Us: quantile(sorted, 0.5),
    p99Us: quantile(sorted, 0.99),
    cpuSeconds: of.cpuSeconds,
  };
}

async function lookups(options: LookupOptions): Promise<Latencies> {
  const { store, connections, inFlight, keys } = options;
  const all = await Promise.all(Array.from({ length: connections }, () => connectStore(store, inFlight)));
  const random = randomNumbers(4711);
  let micros: number[] = [];
  let endMs = performance.now() + options.warmMs;
  const lane = async (i: number): Promise<void> => {
    const connection = all[i % connections]!;
    for (let nowMs = performance.now(); nowMs < endMs; ) {
      const key = articleKey(random(keys));
      const value = await connection.get(key);
      const doneMs = performance.now();
      micros.push((doneMs - nowMs) * 1_000);
      checkValue(key, value);
      nowMs = performance.now();
    }
  };
  const lanes = (): Promise<unknown> =>
    Promise.all(Array.from({ length: connections * inFlight }, (_, i) => lane(i)));
  await lanes();
  const warmCount = micros.length;
  micros = [];
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  endMs = startMs + options.measuredMs;
  await lanes();
  const seconds = (performance.now() - startMs) / 1_000;
  const used = process.cpuUsage(cpu);
  await Promise.all(all.map((connection) => connection.close()));
  return latenciesOf(micros, { seconds, cpuSeconds: (used.user + used.system) / 1e6, warmCount });
}

/** From before the record is sent until an answer has it; asked again and again from the send on. */
async function visible(options: VisibleOptions): Promise<Latencies> {
  const store = await connectStore(options.store, 1);
  const producer = await Client.connect('127.0.0.1', options.brokerPort);
  const random = randomNumbers(815 + options.firstVersion);
  const micros: number[] = [];
  const warm = Math.ceil(options.samples / 10);
  for (let i = -warm; i < options.samples; i++) {
    const n = random(options.keys);
    const version = options.firstVersion + warm + i;
    const key = Buffer.from(articleKey(n));
    const value = Buffer.from(articleValue(n, version));
    // Not in step with whoever polls.
    await pause(random(20));
    let repeats = 0;
    const startMs = performance.now();
    const write = (): Promise<void> =>
      send(producer, partitionOf(key), [{ timestampMs: Date.now(), key, value }]);
    let sent = write();
    while (versionOf((await store.get(articleKey(n)))!) !== version) {
      if (performance.now() - startMs > visibleMsMax) throw new Error(`${articleKey(n)} never came`);
      // A feed that has only just begun may have missed the first ones.
      if (i >= 0 || performance.now() - startMs < (repeats + 1) * 500) continue;
      repeats++;
      await sent;
      sent = write();
    }
    if (i >= 0) micros.push((performance.now() - startMs) * 1_000);
    await sent;
  }
  producer.close();
  await store.close();
  return latenciesOf(micros, { seconds: 0, cpuSeconds: 0, warmCount: warm });
}

export interface LibraryOptions {
  readonly dataDir: string;
  readonly keys: number;
  readonly measuredMs: number;
}

export interface Library extends Latencies {
  /** From the start of reading the log until the first answer. */
  readonly buildSeconds: number;
  readonly bytesPerKey: number;
}

/** The tables as a clean stop has left them (broker/lookup/table-checkpoint.ts); without them they are read from the log. */
function removeTables(dataDir: string): void {
  for (let partition = 0; partition < partitionCount; partition++)
    rmSync(join(dataDir, `${topic}-${partition}`, 'kompakt-key-table'), { force: true });
}

/** Kompakt as a library, in this process; the tables are built from the log alone. */
async function library({ dataDir, keys, measuredMs }: LibraryOptions): Promise<Library> {
  removeTables(dataDir);
  const broker = await startBroker({ dataDir });
  const { lookups } = broker;
  const buildMs = performance.now();
  await lookups.get(topic, Buffer.from(articleKey(0)), { waitMs: 60_000 });
  const buildSeconds = (performance.now() - buildMs) / 1_000;
  const tables = lookups.status();
  const memoryBytes = tables.reduce((sum, table) => sum + table.memoryBytes, 0);
  const random = randomNumbers(4711);
  const run = async (forMs: number): Promise<number[]> => {
    const micros: number[] = [];
    const endMs = performance.now() + forMs;
    for (let nowMs = performance.now(); nowMs < endMs; ) {
      const key = Buffer.from(articleKey(random(keys)));
      const answer = await lookups.get(topic, key);
      if (answer.kind !== 'found') throw new Error(`${key} is ${answer.kind}`);
      const doneMs = performance.now();
      micros.push((doneMs - nowMs) * 1_000);
      nowMs = doneMs;
    }
    return micros;
  };
  const warmCount = (await run(measuredMs / 2)).length;
  const cpu = process.cpuUsage();
  const micros = await run(measuredMs);
  const used = process.cpuUsage(cpu);
  await broker.stop();
  const measured = { seconds: measuredMs / 1_000, cpuSeconds: (used.user + used.system) / 1e6, warmCount };
  return { ...latenciesOf(micros, measured), buildSeconds, bytesPerKey: memoryBytes / keys };
}

const modes: Record<string, (options: never) => Promise<object>> = { lookups, visible, library };
const [mode = '', options = '{}'] = process.argv.slice(2);
console.log(JSON.stringify(await modes[mode]!(JSON.parse(options) as never)));
