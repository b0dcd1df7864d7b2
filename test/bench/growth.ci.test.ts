/** The growth bench, tiny: two sizes of each subject, and what it writes down; its figures say nothing here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MeasuredCurve } from '../../bench/growth/fit.ts';
import { hasCommand } from '../clients/commands.ts';
import { skipUnless } from '../skip.ts';
import { freshDirectory, runNode } from '../tools/program.ts';

const tiny = ['--rounds', '1', '--scale', '0.01', '--sizes', '2'];

test('each subject has a cost at each of its sizes, in a table and in a picture', async (context) => {
  skipUnless(context, process.platform === 'linux', 'the bench reads /proc');
  skipUnless(context, hasCommand('cc'), 'cc is not installed');
  const directory = freshDirectory();
  const { code, err, out } = await runNode(['run.mjs', 'bench', 'growth', ...tiny, '--out', directory.path])
    .ended;
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });

  const written = (name: string): string => readFileSync(join(directory.path, name), 'utf8');
  const { curves } = JSON.parse(written('growth.json')) as { curves: MeasuredCurve[] };
  const subjects = [...new Set(curves.map(({ name }) => name))];
  expect(subjects).toEqual([
    ...['produce', 'fetch', 'start', 'recovery', 'stop', 'cleaner', 'lookup'],
    ...['topics', 'connections', 'groups', 'upkeep'],
  ]);
  for (const { row, points } of curves) {
    const isCost = (seconds: readonly number[]): boolean => seconds.length === 1 && seconds[0]! > 0;
    const measured = points.map(({ cpuSeconds, wallSeconds }) => isCost(cpuSeconds) && isCost(wallSeconds));
    expect({ row, measured }).toEqual({ row, measured: [true, true] });
    expect(out).toContain(`| ${row} | `);
  }
  expect(written('growth.svg')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  directory.remove();
});
