/**
 * A key of a million looked up: Kompakt by RPC and HTTP, beside PostgreSQL, Redis and a Kafka Streams GlobalKTable, in turns.
 *
 *     npm run bench:lookup [-- --rounds 3 --keys 1000000 --seconds 2 --samples 200]
 *
 * Needs Linux (/proc), Debian's packages redis-server and postgresql, a JDK and, the first time, Maven. One Node client asks all of them
 * (bench/lookup/client.ts), over TCP on this machine; the GlobalKTable answers over the JDK's HTTP server, as it has no network of its own.
 * Every round loads each system anew from the same articles, so the rates of building are in it too.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runScript } from './brokers.ts';
import {
  createArticles,
  partitionCount,
  produceArticles,
  topic,
  writeCopyFile,
  writeRedisFile,
} from './lookup/articles.ts';
import type { Latencies, Library, LookupOptions, VisibleOptions } from './lookup/client.ts';
import {
  postgresPrograms,
  type RunningDatabase,
  redisIsThere,
  startPostgres,
  startRedis,
} from './lookup/databases.ts';
import { Figures, type System } from './lookup/figures.ts';
import {
  debeziumVersion,
  jdbcSinkPlugins,
  type RunningGlobalTable,
  startGlobalTable,
  startJdbcSink,
  streamsVersion,
} from './lookup/jvm.ts';
import { type RunningKompakt, startKompakt, untilRead } from './lookup/kompakt.ts';
import { cpuSecondsOfFamily, residentMegabytesOfFamily } from './lookup/processes.ts';
import type { StoreAddress } from './lookup/stores.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    keys: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '2' },
    samples: { type: 'string', default: '200' },
  },
});
const rounds = Number(flags.rounds);
const keys = Number(flags.keys);
const measuredMs = Number(flags.seconds) * 1_000;
const samples = Number(flags.samples);

const shapes = [
  { name: '1 connection, one at a time', connections: 1, inFlight: 1 },
  { name: '1 connection, 32 in flight', connections: 1, inFlight: 32 },
  { name: '8 connections, one at a time each', connections: 8, inFlight: 1 },
] as const;

/** Everything that runs, and where. */
interface Stage {
  readonly directory: string;
  readonly copyFile: string;
  readonly redisFile: string;
  readonly valueBytes: number;
  readonly postgres: RunningDatabase;
  readonly redis: RunningDatabase;
  kompakt: RunningKompakt;
  streams: RunningGlobalTable | null;
}

const ask = <T>(mode: string, options: object): Promise<T> =>
  runScript('bench/lookup/client.ts', mode, options);

const freshFolder = (stage: Stage, name: string): string => mkdtempSync(join(stage.directory, `${name}-`));

async function setUp(directory: string): Promise<Stage> {
  const folders = Object.fromEntries(
    ['postgres', 'redis', 'kompakt'].map((name) => [name, join(directory, name)]),
  ) as Record<'postgres' | 'redis' | 'kompakt', string>;
  for (const path of Object.values(folders)) mkdirSync(path);
  const [copyFile, redisFile] = [join(directory, 'copy'), join(directory, 'resp')];
  await writeCopyFile(copyFile, keys);
  await writeRedisFile(redisFile, keys);
  const kompakt = await startKompakt(folders.kompakt);
  await createArticles(kompakt.port);
  await produceArticles(kompakt.port, keys);
  return {
    directory,
    copyFile,
    redisFile,
    valueBytes: statSync(copyFile).size - keys * 12,
    postgres: await startPostgres(folders.postgres),
    redis: await startRedis(folders.redis),
    kompakt,
    streams: null,
  };
}

function addressOf(stage: Stage, system: System): StoreAddress {
  switch (system) {
    case 'postgres':
    case 'redis':
      return { kind: system, port: stage[system].port };
    case 'streams':
      return { kind: 'http', port: stage.streams!.httpPort, path: '/keys/' };
    case 'http':
      return { kind: 'http', port: stage.kompakt.httpPort, path: `/topics/${topic}/keys/` };
    case 'rpc':
      return { kind: 'rpc', port: stage.kompakt.rpcPort };
  }
}

function pidOf(stage: Stage, system: System): number {
  if (system === 'http' || system === 'rpc') return stage.kompakt.pid;
  return stage[system]!.pid;
}

const figures = new Figures();

const noteBuilt = (system: System, seconds: number): void =>
  figures.note('built from nothing', 'records/s', system, keys / seconds, true);

/** From nothing to a first answer: what is read is the log, or the same articles as a file. Kompakt's turn is in inProcess. */
async function build(stage: Stage): Promise<void> {
  await untilRead(stage.kompakt, topic);
  for (const system of ['postgres', 'redis'] as const) {
    const file = system === 'postgres' ? stage.copyFile : stage.redisFile;
    noteBuilt(system, (await stage[system].load(file)).seconds);
    const index = await stage[system].indexBytesPerKey(keys, stage.valueBytes);
    figures.note('memory per key beside its value', 'B', system, index.bytes);
  }
  stage.streams = await startGlobalTable(stage.kompakt.port, freshFolder(stage, 'streams'));
  noteBuilt('streams', stage.streams.restoreSeconds);
}

async function lookUp(stage: Stage, order: readonly System[]): Promise<void> {
  for (const { name, connections, inFlight } of shapes) {
    for (const system of order) {
      // The JDK's HTTP server takes one request of a connection at a time.
      if (system === 'streams' && inFlight > 1) continue;
      const options: LookupOptions = {
        store: addressOf(stage, system),
        connections,
        inFlight,
        keys,
        warmMs: measuredMs / 2,
        measuredMs,
      };
      const before = cpuSecondsOfFamily(pidOf(stage, system));
      const found = await ask<Latencies>('lookups', options);
      const cpuSeconds = cpuSecondsOfFamily(pidOf(stage, system)) - before;
      figures.note(name, 'lookups/s', system, found.count / found.seconds, true);
      figures.note(`${name}, p50`, 'µs', system, found.p50Us);
      figures.note(`${name}, p99`, 'µs', system, found.p99Us);
      figures.note(
        `${name}, CPU of the server`,
        'µs/lookup',
        system,
        (cpuSeconds * 1e6) / found.allCount,
        true,
      );
      figures.note(`${name}, CPU of the client`, 'µs/lookup', system, (found.cpuSeconds * 1e6) / found.count);
    }
  }
  for (const system of order)
    figures.note('memory, all of it resident', 'MB', system, residentMegabytesOfFamily(pidOf(stage, system)));
}

async function becomeVisible(stage: Stage, order: readonly System[], round: number): Promise<void> {
  for (const [i, system] of order.entries()) {
    if (system === 'redis') continue;
    const options: VisibleOptions = {
      store: addressOf(stage, system),
      brokerPort: stage.kompakt.port,
      keys,
      samples,
      firstVersion: 1 + (round * order.length + i) * samples * 10,
    };
    const sink =
      system === 'postgres'
        ? await startJdbcSink(stage.kompakt.port, stage.postgres.port, freshFolder(stage, 'connect'))
        : null;
    const { p50Us, p99Us } = await ask<Latencies>('visible', options);
    await sink?.stop();
    figures.note('written to the log until its key has it, p50', 'ms', system, p50Us / 1_000, true);
    figures.note('written to the log until its key has it, p99', 'ms', system, p99Us / 1_000, true);
  }
}

/** Without a network: the JVM's own store, and Kompakt as a library. */
async function inProcess(stage: Stage): Promise<void> {
  const asked = `http://127.0.0.1:${stage.streams!.httpPort}/bench?${keys}&`;
  await (await fetch(asked + measuredMs / 2)).json();
  const streams = (await (await fetch(asked + measuredMs)).json()) as Latencies;
  await stage.streams!.stop();
  stage.streams = null;
  await stage.kompakt.stop();
  const library = await ask<Library>('library', {
    dataDir: join(stage.directory, 'kompakt'),
    keys,
    measuredMs,
  });
  noteBuilt('rpc', library.buildSeconds);
  noteBuilt('http', library.buildSeconds);
  figures.note('memory per key beside its value', 'B', 'rpc', library.bytesPerKey);
  for (const [system, found] of [
    ['streams', streams],
    ['rpc', library],
  ] as const) {
    figures.note('in one process, one at a time', 'lookups/s', system, found.count / found.seconds);
    figures.note('in one process, p50', 'µs', system, found.p50Us);
    figures.note('in one process, p99', 'µs', system, found.p99Us);
  }
}

async function main(): Promise<void> {
  if (postgresPrograms() === null || !redisIsThere())
    throw new Error('PostgreSQL or Redis is not there: apt-get install postgresql redis-server');
  jdbcSinkPlugins();
  const directory = mkdtempSync(join(tmpdir(), 'lookup-'));
  chmodSync(directory, 0o755);
  const stage = await setUp(directory);
  const all: readonly System[] = ['postgres', 'redis', 'streams', 'http', 'rpc'];
  for (let round = 0; round < rounds; round++) {
    const order = [...all.slice(round % all.length), ...all.slice(0, round % all.length)];
    await build(stage);
    await lookUp(stage, order);
    await becomeVisible(stage, order, round);
    await inProcess(stage);
    stage.kompakt = await startKompakt(join(directory, 'kompakt'));
    console.error(`round ${round + 1} of ${rounds} done`);
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  console.log(
    `Kompakt ${version}, PostgreSQL ${stage.postgres.version}, Redis ${stage.redis.version}, Kafka Streams ${streamsVersion}, ` +
      `Debezium's JDBC sink ${debeziumVersion}, Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model.trim()}, ` +
      `${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}; ${keys} keys in ${partitionCount} partitions, values of ` +
      `${(stage.valueBytes / keys).toFixed(0)} B on average; ${rounds} rounds; median (min–max)\n`,
  );
  console.log(`${figures.table()}\n\n${figures.ratioTable()}`);
  await Promise.all([stage.postgres.stop(), stage.redis.stop(), stage.kompakt.stop()]);
  rmSync(directory, { recursive: true, force: true });
}

await main();
