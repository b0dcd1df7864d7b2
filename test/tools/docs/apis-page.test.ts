import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { messages } from '../../../protocol/messages/index.ts';
import { apisPage } from '../../../tools/docs/apis-page.ts';

test('APIS.md is what schemas and handlers say (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../../../protocol/APIS.md', import.meta.url), 'utf8');
  expect(page.replaceAll('\r\n', '\n')).toBe(apisPage());
});

test('it has every API once, with what it does', () => {
  const rows = apisPage().match(/^\| \d+ \|.*$/gm)!;
  const wanted = Object.values(messages).map(({ key, name }) => `${key} [${name}]`);
  expect(rows.map((row) => row.replace(/^\| (\d+) \| (\[\w+\]).*/, '$1 $2')).sort()).toEqual(wanted.sort());
  for (const row of rows) expect(row).toMatch(/\| [A-Z][^|]*[.)] \|$/);
});
