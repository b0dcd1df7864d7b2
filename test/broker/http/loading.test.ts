/** What HTTP costs who does not use it: nothing is loaded for it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../../tools/program.ts';

const sources = ['broker', 'tools']
  .flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
      join(folder, path),
    ),
  )
  .filter((path) => path.endsWith('.ts'));

/** Files that import it at once, and not its types alone. */
function loadedBy(specifier: RegExp): string[] {
  return sources.filter((path) => {
    const imports =
      readFileSync(join(repository, path), 'utf8').match(/^import [^;]*? from '[^']+';/gm) ?? [];
    return imports.some((one) => specifier.test(one) && !one.startsWith('import type'));
  });
}

test('fastify is loaded with the first request, and all of HTTP only where it is served', () => {
  const inFolder = (name: string) => join('broker', 'http', name);
  expect(loadedBy(/'(fastify|ajv)'/)).toEqual([inFolder('http-app.ts')]);
  expect(loadedBy(/\/http-app\.ts'/)).toEqual([]);
  expect(loadedBy(/\/open-http\.ts'/)).toEqual([]);
  expect(loadedBy(/\/node-http\.ts'/)).toEqual([inFolder('open-http.ts')]);
  expect(loadedBy(/'node:https?'/)).toEqual([inFolder('node-http.ts')]);
});
