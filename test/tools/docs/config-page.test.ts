import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configPage } from '../../../tools/docs/config-page.ts';

test('KEYS.md is what the tables of keys say (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../../../broker/config/KEYS.md', import.meta.url), 'utf8');
  expect(page.replaceAll('\r\n', '\n')).toBe(configPage());
});
