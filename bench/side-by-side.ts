/**
 * Apache Kafka and Kompakt in one run: same clients, same load, same durability, one broker at a time, in turns.
 *
 *     npm run bench:side-by-side [-- --rounds 5 --only produce,fetch --megabytes 500 --warm-seconds 30 --out DIR]
 *
 * Needs Linux (/proc), a C compiler, a JDK and, the first time, Maven; librdkafka's rows need python3 with confluent-kafka. Each round
 * starts both on fresh directories, warms them up (uncounted: 30 s and 2 GB, since a cold JVM costs several times more) and then goes
 * through the rows; rows of starting and of the first seconds use processes of their own. A load during which others used more than 0.3
 * cores is repeated, twice at most. Trust the ratios, and of them those of CPU first: client and broker share the machine's cores.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kafkaLibs, kafkaVersion } from '../test/clients/java/apache-kafka.ts';
import { type BrokerName, cleanEnvironment, startBrokerProcess } from './side-by-side/broker-processes.ts';
import { memoryOf } from './side-by-side/proc.ts';
import { compileClient } from './side-by-side/raw.ts';
import { chartOf, type RoundFigures, rowsOf, tableOf } from './side-by-side/report.ts';
import { clientRows, hasLibrdkafka } from './side-by-side/rows-clients.ts';
import {
  batchBytes,
  fetchRows,
  latencyRows,
  produceRows,
  produceTo,
  smallRequestRows,
} from './side-by-side/rows-data.ts';
import { connectionRows, topicRows, wideRequestRows } from './side-by-side/rows-many.ts';
import { startRows } from './side-by-side/rows-start.ts';
import { type Figure, Stage } from './side-by-side/stage.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    megabytes: { type: 'string', default: '500' },
    'warm-seconds': { type: 'string', default: '30' },
    out: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const totalBytes = Number(flags.megabytes) * 1e6;
const warmMs = Number(flags['warm-seconds']) * 1e3;

/** On a warm broker, in this order. */
const scenarios: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  produce: (stage) => produceRows(stage, totalBytes),
  fetch: (stage) => fetchRows(stage, totalBytes),
  small: (stage) => smallRequestRows(stage, totalBytes / 10_000),
  latency: (stage) => latencyRows(stage, 10_000),
  clients: (stage) => clientRows(stage, totalBytes / 50_000),
  wide: wideRequestRows,
  topics: topicRows,
  connections: connectionRows,
};
const known = ['start', ...Object.keys(scenarios)];
const wanted = flags.only?.split(',') ?? known;
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0)
  throw new Error(`--only: there is no ${unknown.join(', ')}; there are ${known.join(', ')}`);

async function warmUp(stage: Stage): Promise<void> {
  const startMs = performance.now();
  for (
    let bytes = 0;
    bytes < 2e9 * (warmMs / 30_000) || performance.now() - startMs < warmMs;
    bytes += 250e6
  ) {
    const { topic } = await produceTo(stage, { partitions: 1, recordBytes: 1024, batchBytes }, 200e6);
    await stage.drop(topic);
    const small = await produceTo(stage, { partitions: 1, recordBytes: 1024, batchBytes: 1024 }, 10e6, {
      inFlight: 64,
    });
    await stage.drop(small.topic);
  }
  const quiet = new Stage(stage.broker, stage.folder);
  await fetchRows(quiet, 100e6);
}

async function measure(name: BrokerName, parent: string): Promise<Figure[]> {
  const directory = mkdtempSync(join(parent, `${name}-`));
  const broker = await startBrokerProcess(name, directory);
  const stage = new Stage(broker, parent);
  const warm = wanted.filter((each) => each in scenarios);
  if (warm.length > 0) await warmUp(stage);
  for (const each of warm) {
    await scenarios[each]!(stage);
    console.error(`  ${name}: ${each}`);
  }
  if (warm.length > 0) {
    stage.note('memory after all that', 'MB', memoryOf(broker.pid, 'VmRSS'), 'less');
    stage.note('memory at its highest', 'MB', memoryOf(broker.pid, 'VmHWM'), 'less');
  }
  await broker.stop();
  if (wanted.includes('start')) await startRows(stage, name, parent);
  stage.close();
  rmSync(directory, { recursive: true, force: true });
  return stage.figures;
}

cleanEnvironment();
kafkaLibs();
const parent = mkdtempSync(join(tmpdir(), 'side-by-side-'));
process.on('exit', () => rmSync(parent, { recursive: true, force: true }));
compileClient(parent);
if (!hasLibrdkafka()) console.error('no python3 with confluent-kafka: librdkafka’s rows are missing');
const found: RoundFigures[] = [];
for (let round = 0; round < rounds; round++) {
  for (const broker of round % 2 === 0 ? (['kafka', 'kompakt'] as const) : (['kompakt', 'kafka'] as const)) {
    found.push({ broker, round, figures: await measure(broker, parent) });
    console.error(`round ${round + 1} of ${rounds}: ${broker} done`);
  }
}

const packageFile = fileURLToPath(new URL('../package.json', import.meta.url));
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`;
const caption =
  `Apache Kafka ${kafkaVersion}, Kompakt ${version}, Node ${process.version}, ${machine}; ` +
  `${new Date().toISOString().slice(0, 10)}, ${rounds} rounds, ${flags.megabytes} MB each`;
const rows = rowsOf(found);
console.log(
  `${caption}; median (min–max), the ratio round by round; † the client used over 0.9 of a core, ‡ others over 0.3\n`,
);
console.log(tableOf(rows));
if (flags.out !== undefined) {
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(join(flags.out, 'side-by-side.json'), `${JSON.stringify({ caption, rows }, null, 2)}\n`);
  writeFileSync(join(flags.out, 'side-by-side.svg'), chartOf(rows, caption));
}
