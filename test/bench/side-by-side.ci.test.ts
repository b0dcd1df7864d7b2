/** The side-by-side bench, whole and tiny: each scenario on each broker once, and what it writes down. Its figures say nothing here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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
/** What kfake cannot do: it keeps nothing over its end, and cleans nothing. */
const durable = /^(clean stop|start with|start after kill|cleaner)/;

test('each row has a figure of each broker that can do it', async (context) => {
  skipUnless(context, process.platform === 'linux', 'the bench reads /proc');
  for (const command of ['java', 'javac', 'mvn', 'go', 'cc', 'python3'])
    skipUnless(context, hasCommand(command), `${command} is not installed`);
  const directory = freshDirectory();
  const { code, err } = await runNode(['run.mjs', 'bench', 'side-by-side', ...tiny, '--out', directory.path])
    .ended;
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });

  const written = (name: string): string => readFileSync(join(directory.path, name), 'utf8');
  const { failures, rows } = JSON.parse(written('side-by-side.json')) as {
    failures: string[];
    rows: ReportRow[];
  };
  expect(failures).toEqual([]);
  expect([...new Set(rows.map(({ scenario }) => scenario))]).toEqual([
    ...['size', 'start', 'cold', 'memory', 'connections', 'many', 'cleaner'],
    ...['produce', 'fetch', 'small', 'latency', 'clients', 'wide', 'topics', 'after a round'],
  ]);
  for (const { row, unit, values } of rows) {
    const who = Object.entries(values).filter(([, each]) => each.length === 1 && each[0] !== null);
    const wanted = durable.test(row) ? ['kafka', 'kompakt'] : ['kafka', 'kfake', 'kompakt'];
    expect({ row, unit, who: who.map(([name]) => name) }).toEqual({ row, unit, who: wanted });
  }
  expect(rows.filter(({ row }) => row.startsWith('librdkafka'))).toHaveLength(4);
  expect(written('side-by-side.md')).toContain('| what | unit | Apache Kafka | kfake | Kompakt |');
  for (const picture of ['side-by-side.svg', 'side-by-side-all.svg'])
    expect(written(picture)).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  directory.remove();
});
