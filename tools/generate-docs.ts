/** Writes the generated pages of the documentation (`npm run docs`). Each page is a function that returns its whole text. */
import { writeFileSync } from 'node:fs';
import { apisPage } from './docs/apis-page.ts';
import { configPage } from './docs/config-page.ts';
import { gapsPage } from './docs/gaps-page.ts';

/** Path from the project's root, and what makes it. */
const pages: readonly (readonly [string, () => string])[] = [
  ['broker/config/KEYS.md', configPage],
  ['protocol/APIS.md', apisPage],
  ['broker/observe/GAPS.md', gapsPage],
];

for (const [path, render] of pages) {
  writeFileSync(new URL(`../${path}`, import.meta.url), render());
  process.stdout.write(`${path}\n`);
}
