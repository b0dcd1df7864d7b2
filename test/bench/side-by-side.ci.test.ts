/**
 * The side-by-side bench, tiny, and what it writes down; its figures say nothing here. Each scenario runs once on the brokers that
 * start in no time; Apache Kafka, which starts a dozen times for all of them, has a few.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import type { ReportRow } from '../../bench/side-by-side/report.ts';
import { hasCommand } from '../clients/commands.ts';
import { skipUnless } from '../skip.ts';
import { freshDirectory, runNode } from '../tools/program.ts';

const tiny = [
  '--rounds',
  '1',
  '--megabytes',
  '5',
  '--scale',
  '0.01',
  '--warm-seconds',
  '0',
  '--attempts',
  '1',
];

interface Run {
  readonly rows: readonly ReportRow[];
  readonly table: string;
}

async function runBench(
  context: TestContext,
  needs: readonly string[],
  flags: readonly string[],
): Promise<Run> {
  skipUnless(context, process.platform === 'linux', 'the bench reads /proc');
  for (const command of ['cc', 'python3', ...needs])
    skipUnless(context, hasCommand(command), `${command} is not installed`);
  const directory = freshDirectory();
  const args = ['run.mjs', 'bench', 'side-by-side', ...tiny, ...flags, '--out', directory.path];
  const { code, err } = await runNode(args).ended;
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  const written = (name: string): string => readFileSync(join(directory.path, name), 'utf8');
  const { failures, rows } = JSON.parse(written('side-by-side.json')) as Run & { failures: string[] };
  expect(failures).toEqual([]);
  for (const picture of ['side-by-side.svg', 'side-by-side-all.svg'])
    expect(written(picture)).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  const table = written('side-by-side.md');
  directory.remove();
  return { rows, table };
}

const scenariosOf = (rows: readonly ReportRow[]): string[] => [
  ...new Set(rows.map(({ scenario }) => scenario)),
];

/** Each row with those that have a figure in it. */
const whoOf = (rows: readonly ReportRow[]): [row: string, who: string[]][] =>
  rows.map(({ row, values }) => [
    row,
    Object.entries(values).flatMap(([name, rounds]) => (typeof rounds[0] === 'number' ? [name] : [])),
  ]);

test('each scenario gives each row a figure of each broker that can do it', async (context) => {
  const { rows } = await runBench(context, ['go'], ['--brokers', 'kfake,kompakt']);
  expect(scenariosOf(rows)).toEqual([
    ...['size', 'start', 'cold', 'memory', 'connections', 'many', 'cleaner'],
    ...['produce', 'fetch', 'small', 'latency', 'clients', 'wide', 'topics', 'after a round'],
  ]);
  // kfake keeps nothing over its end, and cleans nothing.
  const durable = /^(clean stop|start with|start after kill|cleaner)/;
  const wanted = rows.map(({ row }) => [row, durable.test(row) ? ['kompakt'] : ['kfake', 'kompakt']]);
  expect(whoOf(rows)).toEqual(wanted);
  expect(rows.filter(({ row }) => row.startsWith('librdkafka'))).toHaveLength(4);
});

test('Apache Kafka is measured by the same rows', async (context) => {
  const flags = ['--brokers', 'kafka,kompakt', '--only', 'cleaner,fetch,latency,topics'];
  const { rows, table } = await runBench(context, ['java', 'javac', 'mvn'], flags);
  expect(scenariosOf(rows)).toEqual(['cleaner', 'fetch', 'latency', 'topics', 'after a round']);
  expect(whoOf(rows)).toEqual(rows.map(({ row }) => [row, ['kafka', 'kompakt']]));
  expect(table).toContain('| what | unit | Apache Kafka | Kompakt | Kompakt / Kafka |');
});
