/** docs/CLOCK.md says line by line whose time a wait is of: here is a test for each line, by its name, and none for what it does not say. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { connectionLines } from './clock-lines/connections.ts';
import { groupLines } from './clock-lines/groups.ts';
import { logLines } from './clock-lines/logs.ts';
import { transactionLines } from './clock-lines/transactions.ts';

import { type ClockLine, type OpenTimes, TwoTimes } from './clock-lines/two-times.ts';

const page = new URL('../../../docs/CLOCK.md', import.meta.url);
const tested: Readonly<Record<string, ClockLine>> = {
  ...logLines,
  ...groupLines,
  ...transactionLines,
  ...connectionLines,
};

const opened: TwoTimes[] = [];
const open: OpenTimes = async (config, more) => {
  const times = await TwoTimes.open(config, more);
  opened.push(times);
  return times;
};
afterEach(async () => {
  for (const times of opened.splice(0)) await times.stop();
});

test.each(Object.entries(tested))('%s', (_line, run) => run(open));

test('every line of the table has its test', () => {
  const lines = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| what '))
    .map((line) => line.split('|')[1]!.trim());
  expect(lines.sort()).toEqual(Object.keys(tested).sort());
});
