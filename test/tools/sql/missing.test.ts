/** Without DuckDB, which a plain install does not bring. */
import { afterEach, expect, it, vi } from 'vitest';
import { duckDbPackage, loadDuckDb } from '../../../tools/sql/duckdb.ts';
import { sql } from '../../../tools/sql-command.ts';

afterEach(() => vi.restoreAllMocks());

function said(): string[] {
  const lines: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  return lines;
}

const failing = (code: string, message: string) => () =>
  loadDuckDb(async () => {
    throw Object.assign(new Error(message), { code });
  });

it('one line says how to get it, before any broker is asked', async () => {
  const lines = said();
  const missing = failing(
    'ERR_MODULE_NOT_FOUND',
    `Cannot find package '${duckDbPackage}' imported from here`,
  );
  expect(await sql('select 1', { memoryLimit: '1GB', dataDir: '/nowhere/at all' }, missing)).toBe(1);
  expect(lines).toEqual([
    'kompakt: sql needs DuckDB, which is not installed: npm install @duckdb/node-api (with -g if kompakt was installed so)\n',
  ]);
});

it('one line says why it cannot be loaded', async () => {
  const lines = said();
  const broken = failing('ERR_DLOPEN_FAILED', 'libduckdb.so: no such file\nRequire stack: …');
  expect(await sql('select 1', { memoryLimit: '1GB' }, broken)).toBe(1);
  expect(lines).toEqual(['kompakt: DuckDB cannot be loaded: libduckdb.so: no such file\n']);
});
