/**
 * A suite of 200 small kafkajs tests (bench/suite) against Kompakt, with and without a reset before each test, and against Apache Kafka,
 * started once: its first run after the start, as in a CI job, and a second one.
 *
 *     npm run bench:suite [-- --rounds 3]
 *
 * Needs Linux (/proc), a JDK and, the first time, Maven. Run by vitest in one process; CPU is that of the runner, the clients and the broker
 * together, and says more than the clock where the machine has other work.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kafkaLibs, kafkaVersion } from '../test/clients/java/apache-kafka.ts';
import { cleanEnvironment, startBrokerProcess } from './side-by-side/broker-processes.ts';
import { cpuSecondsOf, cpuSecondsOfEndedChildren } from './side-by-side/proc.ts';
import { type WideRow, wideTable } from './table.ts';

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const rounds = Number(flags.rounds);
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

interface SuiteRun {
  /** From the start of the runner to its end. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly testMs: readonly number[];
}

async function runSuite(
  directory: string,
  env: Record<string, string>,
  brokerPid?: number,
): Promise<SuiteRun> {
  const output = join(directory, 'results.json');
  const used = (): number =>
    cpuSecondsOfEndedChildren() + (brokerPid === undefined ? 0 : cpuSecondsOf(brokerPid));
  const [cpu, startMs] = [used(), performance.now()];
  const args = [
    'run',
    '--config',
    file('suite/vitest.config.ts'),
    '--reporter=json',
    `--outputFile=${output}`,
  ];
  const child = spawn(process.execPath, [file('../node_modules/vitest/vitest.mjs'), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const status = await new Promise((done) => child.once('close', done));
  const seconds = (performance.now() - startMs) / 1000;
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as {
    testResults: {
      assertionResults: { status: string; duration: number; fullName: string; failureMessages: string[] }[];
    }[];
  };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests
    .filter((test) => test.status !== 'passed')
    .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0]}`);
  if (status !== 0 || failed.length > 0 || tests.length !== 200)
    throw new Error(`${tests.length} tests, of them failed: ${failed.join('\n') || 'none'}`);
  return { seconds, cpuSeconds: used() - cpu, testMs: tests.map(({ duration }) => duration) };
}

const columns = ['Kompakt', 'Kompakt, reset for each test', 'Apache Kafka', 'Apache Kafka, second run'];
const found = columns.map((): SuiteRun[] => []);
const kafkaStartSeconds: number[] = [];

async function onKafka(parent: string): Promise<void> {
  const directory = mkdtempSync(join(parent, 'kafka-'));
  const broker = await startBrokerProcess('kafka', directory);
  kafkaStartSeconds.push(broker.readyMs / 1000);
  for (const [again, runs] of found.slice(2).entries()) {
    const env = { SUITE_BROKERS: `127.0.0.1:${broker.port}`, SUITE_RUN: `${again}-` };
    runs.push(await runSuite(directory, env, broker.pid));
  }
  await broker.stop();
}

async function onKompakt(parent: string): Promise<void> {
  found[0]!.push(await runSuite(parent, {}));
  found[1]!.push(await runSuite(parent, { SUITE_RESET: 'yes' }));
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

function row(name: string, unit: string, of: (run: SuiteRun) => number): WideRow {
  return { name, unit, cells: found.map((runs) => runs.map(of)) };
}

cleanEnvironment();
kafkaLibs();
const parent = mkdtempSync(join(tmpdir(), 'suite-'));
try {
  await runSuite(parent, {}); // so that nobody's first run reads packages from the disk
  for (let round = 0; round < rounds; round++) {
    const turns = round % 2 === 0 ? [onKompakt, onKafka] : [onKafka, onKompakt];
    for (const turn of turns) await turn(parent);
    console.error(`round ${round + 1} of ${rounds} done`);
  }
} finally {
  rmSync(parent, { recursive: true, force: true });
}
const { version } = JSON.parse(readFileSync(file('../package.json'), 'utf8')) as { version: string };
const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}`;
const day = new Date().toISOString().slice(0, 10);
console.log(
  `Apache Kafka ${kafkaVersion}, Kompakt ${version}, Node ${process.version}, ${machine}; ${day}, ${rounds} rounds; median (min–max)\n`,
);
const rows: WideRow[] = [
  {
    name: 'start of the broker, before the suite',
    unit: 's',
    cells: [undefined, undefined, kafkaStartSeconds, undefined],
  },
  row('the suite, runner included', 's', ({ seconds }) => seconds),
  row('a test, p50', 'ms', ({ testMs }) => percentile(testMs, 0.5)),
  row('a test, p99', 'ms', ({ testMs }) => percentile(testMs, 0.99)),
  row('CPU of runner, clients and broker', 's', ({ cpuSeconds }) => cpuSeconds),
];
console.log(wideTable(columns, rows));
