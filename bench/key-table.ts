/**
 * The key table alone (broker/lookup/key-map.ts): what an entry costs in time and memory, how fast a table is read from its log, and what
 * storing it takes.
 *
 *     npm run bench:key-table [-- --keys 1000000,10000000 --rounds 3]
 *
 * All keys differ: 16 B, values of 20 B, batches of 16 KiB, no codec, the log in the page cache. "Longest slice": how long the event
 * loop was held at most by one piece of the reading.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KeyMap } from '../broker/lookup/key-map.ts';
import { KeyHasher } from '../broker/lookup/key-map-hash.ts';
import { PartitionTable } from '../broker/lookup/partition-table.ts';
import { topicDeleted } from '../broker/lookup/refuse.ts';
import { Slices } from '../broker/lookup/slices.ts';
import { keyTableFile } from '../broker/lookup/table-checkpoint.ts';
import { TableMemory } from '../broker/lookup/table-memory.ts';
import { silentLogger } from '../broker/observe/logger.ts';
import { Partition } from '../broker/partitions/partition.ts';
import { defaultTopicSettings } from '../storage/config/topic-settings.ts';
import { createNodeEnvironment } from '../storage/environment/node.ts';
import { Log } from '../storage/log/log.ts';
import { writeLog } from './cleaner-data.ts';
import { spread } from './table.ts';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000,10000000' },
    rounds: { type: 'string', default: '3' },
  },
});
const environment = createNodeEnvironment();
const { clock } = environment;
const seed = Buffer.from('sixteen bytes it');

function since(startMs: number): number {
  return clock.monotonicMs() - startMs;
}

/** Of this process, in seconds: on a crowded machine it tells more than the clock. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

type Figures = Record<string, number[]>;

function note(figures: Figures, name: string, value: number): void {
  (figures[name] ??= []).push(value);
}

/** Hashes are made before, 16 bytes each, drawn as random numbers are. */
function measureMap(keys: number, figures: Figures): void {
  const words = new Uint32Array(new Uint8Array(environment.random.bytes(16 * keys)).buffer);
  const map = new KeyMap();
  let start = cpuSeconds();
  for (let key = 0; key < keys; key++) map.put(words, 4 * key, key, false);
  note(figures, 'insert, ns of CPU', ((cpuSeconds() - start) * 1e9) / keys);
  start = cpuSeconds();
  for (let key = 0, n = 0; n < 1_000_000; n++, key = (key + 7_919_317) % keys)
    if (map.find(words, 4 * key) !== key) throw new Error(`key ${key} is lost`);
  note(figures, 'find, ns of CPU', (cpuSeconds() - start) * 1e3);
  note(figures, 'memory, bytes a key', map.memoryBytes / keys);
}

function openTable(log: Log, trustsStored: boolean): PartitionTable {
  return new PartitionTable(new Partition(log, log.topic, log.topicId, log.partition, 0), {
    hasher: new KeyHasher(seed),
    environment,
    slices: new Slices(clock),
    memory: new TableMemory(() => Number.POSITIVE_INFINITY),
    logger: silentLogger,
    trustsStored,
  });
}

/** The longest time that nothing else came to its turn until `done`. */
async function longestTurn(done: Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let isDone = false;
  let lastMs = clock.monotonicMs();
  void done.then(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise<void>((resolve) => clock.defer(resolve));
    longestMs = Math.max(longestMs, since(lastMs));
    lastMs = clock.monotonicMs();
  }
  return longestMs;
}

async function measureTable(log: Log, keys: number, figures: Figures): Promise<void> {
  let startMs = clock.monotonicMs();
  const start = cpuSeconds();
  const table = openTable(log, false);
  note(figures, 'longest slice, ms', await longestTurn(table.reached(keys)));
  note(figures, 'read from the log, records/s', (keys * 1_000) / since(startMs));
  note(figures, 'read from the log, records per second of CPU', keys / (cpuSeconds() - start));
  startMs = clock.monotonicMs();
  await table.close();
  note(figures, 'stored at a clean stop, ms', since(startMs));
  note(figures, 'stored, MB', statSync(join(log.directory, keyTableFile)).size / 1e6);
  startMs = clock.monotonicMs();
  const again = openTable(log, true);
  await again.reached(keys);
  note(figures, 'taken from what was stored, ms', since(startMs));
  again.drop(topicDeleted(log.topic));
}

async function measure(keys: number, rounds: number): Promise<Figures> {
  const figures: Figures = {};
  const scratch = mkdtempSync(join(tmpdir(), 'bench-key-table-'));
  const directory = join(scratch, 'articles-0');
  mkdirSync(directory);
  try {
    const shape = { keyBytes: 16, valueBytes: 20, batchBytes: 16 * 1024, segmentBytes: 256 * 2 ** 20 };
    writeLog(environment.files, directory, { records: keys, keys: 0, codec: 0, ...shape });
    const log = Log.open({
      environment,
      directory,
      topic: 'articles',
      partition: 0,
      topicId: 'sf0KkVQDRf6C6V3cBWHl0A',
      settings: { ...defaultTopicSettings, 'cleanup.policy': ['compact'] },
      durability: { kind: 'page-cache' },
      logger: silentLogger,
      producerIdExpirationMs: () => Number.MAX_SAFE_INTEGER,
      recoveryPoint: keys,
      logStartOffset: 0,
      cleanShutdown: true,
    });
    for (let round = 0; round < rounds; round++) {
      measureMap(keys, figures);
      await measureTable(log, keys, figures);
    }
    await log.close();
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return figures;
}

const counts = flags.keys.split(',').map(Number);
const all: Figures[] = [];
for (const keys of counts) all.push(await measure(keys, Number(flags.rounds)));
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model}, ${release()}, load ${loadavg()[0]!.toFixed(1)}\n`,
);
console.log(`| what | ${counts.map((keys) => `${keys / 1e6} M keys`).join(' | ')} |`);
console.log(`|---|${counts.map(() => '---|').join('')}`);
for (const name of Object.keys(all[0]!))
  console.log(`| ${name} | ${all.map((figures) => spread(figures[name]!)).join(' | ')} |`);
