/**
 * Apache Kafka, kfake and Kompakt in one run: same clients, same load, same durability, one under load at a time, in turns.
 *
 *     npm run bench:side-by-side [-- --rounds 5 --only produce,fetch --megabytes 500 --warm-seconds 30 --out DIR]
 *     npm run bench:side-by-side -- --rounds 1 --megabytes 5 --scale 0.01 --warm-seconds 0      everything once, tiny, to try it
 *
 * Needs Linux (/proc), a C compiler, a JDK and, the first time, Maven; kfake's column needs Go, librdkafka's rows python3 with
 * confluent-kafka. First come the rounds of what has processes of its own (start, memory, cleaner …), then all brokers are started and
 * warmed up (uncounted: 30 s and 2 GB each, since a cold JVM costs several times more), and stay for the rounds of the rest: within a
 * round each scenario is run on one broker after the other, the first of them another in each round, while the others are idle. A load
 * during which others used more than 0.3 cores is repeated, twice at most (`--attempts 1`: never). Trust the ratios, and of them those of
 * CPU first: client and broker share the machine's cores.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kafkaLibs, kafkaVersion } from '../test/clients/java/apache-kafka.ts';
import { cleanerVersion } from '../test/clients/java-cleaner/kafka-cleaner.ts';
import {
  type BrokerName,
  type BrokerProcess,
  brokerNames,
  cleanEnvironment,
  killBrokersBut,
  startBrokerProcess,
} from './side-by-side/broker-processes.ts';
import { headlineChart, wholeChart } from './side-by-side/chart.ts';
import { hasGo, kfakeProgram, kfakeVersion } from './side-by-side/kfake.ts';
import { isRunning, memoryOf, resetPeakOf } from './side-by-side/proc.ts';
import { compileClient } from './side-by-side/raw.ts';
import { rowsOf, type TurnFigures, tableOf } from './side-by-side/report.ts';
import { hasLibrdkafka } from './side-by-side/rows-clients.ts';
import { startOnce } from './side-by-side/rows-start.ts';
import { ownScenarios, warmScenarios } from './side-by-side/scenarios.ts';
import { Sizes } from './side-by-side/site.ts';
import { type Figure, type Note, noteInto, Stage, setAttempts } from './side-by-side/stage.ts';
import { warmUp } from './side-by-side/warm-up.ts';

const known = [...Object.keys(ownScenarios), ...Object.keys(warmScenarios)];
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: known.join(',') },
    brokers: { type: 'string', default: brokerNames.join(',') },
    megabytes: { type: 'string', default: '500' },
    scale: { type: 'string', default: '1' },
    'warm-seconds': { type: 'string', default: '30' },
    attempts: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
});

function chosen(flag: 'only' | 'brokers', from: readonly string[]): string[] {
  const names = flags[flag].split(',');
  const unknown = names.filter((name) => !from.includes(name));
  if (unknown.length > 0)
    throw new Error(`--${flag}: there is no ${unknown.join(', ')}; there are ${from.join(', ')}`);
  return from.filter((name) => names.includes(name));
}

function numberOf(
  flag: 'rounds' | 'megabytes' | 'scale' | 'warm-seconds' | 'attempts',
  least: number,
): number {
  const number = Number(flags[flag]);
  if (!(number >= least)) throw new Error(`--${flag}: ${flags[flag]} is not a number from ${least} on`);
  return number;
}

const rounds = numberOf('rounds', 1);
const wanted = chosen('only', known);
const warmMs = numberOf('warm-seconds', 0) * 1e3;
const sizes = new Sizes(numberOf('megabytes', 1) * 1e6, numberOf('scale', 0.001));
let brokers = chosen('brokers', brokerNames) as BrokerName[];

/** Those that live through the rounds. */
const warm = new Map<BrokerName, BrokerProcess>();
const turns: TurnFigures[] = [];
const failures: string[] = [];
const startedMs = performance.now();
setAttempts(numberOf('attempts', 1));

/** The first of a round is another in the next. */
const inTurn = (round: number): BrokerName[] => brokers.map((_, i) => brokers[(round + i) % brokers.length]!);

/** A failure is told, and takes this turn's figures with it, not those of half an hour. */
async function turn(
  scenario: string,
  broker: BrokerName,
  round: number,
  run: (note: Note) => Promise<void>,
): Promise<void> {
  const figures: Figure[] = [];
  const fromMs = performance.now();
  try {
    await run(noteInto(figures));
    turns.push({ scenario, broker, round, figures });
  } catch (error) {
    failures.push(`${scenario} on ${broker} in round ${round + 1}: ${error}`);
    console.error(failures.at(-1));
    await killBrokersBut([...warm.values()]);
  }
  const seconds = ((performance.now() - fromMs) / 1e3).toFixed(1);
  console.error(`round ${round + 1} of ${rounds}, ${scenario}: ${broker} ${seconds} s`);
}

async function ownRounds(): Promise<void> {
  const names = wanted.filter((name) => name in ownScenarios);
  try {
    for (let round = 0; round < rounds; round++) await ownRound(names, round);
  } finally {
    for (const name of names) await ownScenarios[name]!.close?.();
  }
}

async function ownRound(names: readonly string[], round: number): Promise<void> {
  const fromMs = performance.now();
  for (const scenario of names) {
    const own = ownScenarios[scenario]!;
    if (round >= (own.roundsMax ?? rounds)) continue;
    for (const name of inTurn(round))
      await turn(scenario, name, round, (note) => own.run({ name, parent, sizes, note }));
  }
  tellRound('processes of their own', round, fromMs);
}

async function warmRounds(): Promise<void> {
  const names = wanted.filter((name) => name in warmScenarios);
  if (names.length === 0) return;
  try {
    for (const name of brokers) await startWarm(name);
    for (let round = 0; round < rounds; round++) await warmRound(names, round);
  } finally {
    for (const broker of warm.values()) await broker.stop();
  }
}

async function startWarm(name: BrokerName): Promise<void> {
  const directory = mkdtempSync(join(parent, `${name}-`));
  // What a load leaves is gone before the next, not in the middle of a later one.
  const properties = { 'log.segment.delete.delay.ms': '200' };
  const broker = await startBrokerProcess(name, directory, { properties });
  warm.set(name, broker);
  const stage = new Stage(broker, parent);
  await warmUp(stage, warmMs);
  stage.close();
  console.error(`${name} is warm`);
}

async function warmRound(names: readonly string[], round: number): Promise<void> {
  const fromMs = performance.now();
  // One that died in a round, which is told, is there again in the next.
  for (const [name, { pid }] of warm) if (!isRunning(pid)) await startWarm(name);
  for (const { pid } of warm.values()) resetPeakOf(pid);
  for (const scenario of names)
    for (const name of inTurn(round))
      await turn(scenario, name, round, async (note) => {
        const stage = new Stage(warm.get(name)!, parent, { note });
        await warmScenarios[scenario]!(stage, sizes);
        stage.close();
      });
  for (const [name, { pid }] of warm)
    await turn('after a round', name, round, async (note) => {
      note('memory after a round of all that', 'MB', memoryOf(pid, 'VmRSS'), 'less');
      note('memory at its highest in the round', 'MB', memoryOf(pid, 'VmHWM'), 'less');
    });
  tellRound('warm brokers', round, fromMs);
}

function tellRound(what: string, round: number, fromMs: number): void {
  const seconds = ((performance.now() - fromMs) / 1e3).toFixed(0);
  console.error(`round ${round + 1} of ${rounds}, ${what}: ${seconds} s in all`);
  report();
}

function captionOf(): string {
  const packageFile = fileURLToPath(new URL('../package.json', import.meta.url));
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  const names = {
    kafka: `Apache Kafka ${kafkaVersion} (its cleaner ${cleanerVersion})`,
    kfake: `kfake ${kfakeVersion()}`,
    kompakt: `Kompakt ${version}`,
  };
  const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`;
  return (
    `${brokers.map((name) => names[name]).join(', ')}, Node ${process.version}; ${machine}, ` +
    `${new Date().toISOString().slice(0, 10)}, ${rounds === 1 ? 'one round' : `${rounds} rounds`}, ${flags.megabytes} MB a load`
  );
}

/** After each round, so that a run that is ended early leaves what it has. */
function report(): string {
  const rows = rowsOf(turns);
  const minutes = ((performance.now() - startedMs) / 60e3).toFixed(0);
  const caption = captionOf();
  const legend =
    'median (min–max) over the rounds, the ratio round by round; † a client used over 0.9 of a core, ‡ others over 0.3';
  const text = `${caption}, ${minutes} minutes, ${flags['warm-seconds']} s of warm-up; ${legend}\n\n${tableOf(rows)}\n`;
  if (flags.out !== undefined) {
    mkdirSync(flags.out, { recursive: true });
    const write = (name: string, content: string): void => writeFileSync(join(flags.out!, name), content);
    write('side-by-side.md', text);
    write('side-by-side.json', `${JSON.stringify({ caption, failures, rows }, null, 2)}\n`);
    write('side-by-side.svg', headlineChart(rows, caption));
    write('side-by-side-all.svg', wholeChart(rows, caption));
  }
  return text;
}

cleanEnvironment();
const parent = mkdtempSync(join(tmpdir(), 'side-by-side-'));
process.on('exit', () => rmSync(parent, { recursive: true, force: true }));
if (brokers.includes('kafka')) kafkaLibs();
if (brokers.includes('kfake') && !hasGo()) {
  console.error('no Go: the column of kfake is missing');
  brokers = brokers.filter((name) => name !== 'kfake');
}
if (brokers.includes('kfake')) kfakeProgram();
compileClient(parent);
if (!hasLibrdkafka()) console.error('no python3 with confluent-kafka: the rows of librdkafka are missing');
for (const name of brokers) await startOnce({ name, parent, sizes, note: () => {} });
try {
  await ownRounds();
  await warmRounds();
} finally {
  await killBrokersBut([]);
}
console.log(report());
if (failures.length > 0) {
  console.error(`failed:\n${failures.join('\n')}`);
  process.exitCode = 1;
}
