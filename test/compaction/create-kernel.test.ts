/** Which kernel a process gets: WebAssembly as text in the program, JavaScript where that cannot run. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKernel } from '../../compaction/create-kernel.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'kompakt-kernel-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('from its source', () => expect(createKernel().kind).toBe('wasm'));

test('its code is what the compiler makes of compaction/kernel', () => {
  const { status, stderr } = spawnSync(process.execPath, ['build-kernel.mjs', '--check'], { cwd: root });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
});

const bundle = join(directory, 'bundle.cjs');

/** One file, as another's bundler makes it: no file of ours beside it. */
beforeAll(async () => {
  const entry = join(directory, 'entry.ts');
  writeFileSync(
    entry,
    `import { createKernel } from ${JSON.stringify(join(root, 'compaction/create-kernel.ts'))};
    const kernel = createKernel();
    kernel.begin(64, 32, Buffer.alloc(16));
    console.log(kernel.kind, kernel.entries, kernel.find(Buffer.from('key')));`,
  );
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', outfile: bundle });
});

function run(...flags: string[]): string {
  return spawnSync(process.execPath, [...flags, bundle]).stdout.toString();
}

test('in one file of CommonJS', () => expect(run()).toBe('wasm 0 -1\n'));

test('with --jitless', () => expect(run('--jitless')).toBe('javascript 0 -1\n'));

/** Node 24 itself does not start with --no-expose-wasm. */
test('without WebAssembly', () => {
  const preload = join(directory, 'no-wasm.cjs');
  writeFileSync(preload, 'delete globalThis.WebAssembly;');
  expect(run('--require', preload)).toBe('javascript 0 -1\n');
});
