/* Bundles what runs: each entry an ESM file of its own, what they share and what they import lazily in chunks/.
 *
 *   node build.mjs [--out DIR] [--types]     DIR defaults to dist, is made afresh
 *
 *   DIR/kompakt.js   the binary              DIR/chunks/*.js   shared and lazy parts, named by content
 *   DIR/index.js     the library             DIR/types/        declarations of the library (--types)
 *
 * Packages stay outside: they are installed beside us, and bindings and wasm find their files only from there.
 * One bundle starts in a quarter of the time that its modules take one by one (see BENCHMARKS.md). */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const entries = { kompakt: 'tools/kompakt.ts', index: 'broker/index.ts' };
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    types: { type: 'boolean', default: false },
  },
});

const present = Object.entries(entries).filter(([, path]) => existsSync(join(root, path)));
for (const [name, path] of Object.entries(entries))
  if (!present.some(([there]) => there === name))
    console.error(`build: ${path} does not exist, so there is no ${name}.js`);

rmSync(values.out, { recursive: true, force: true });
mkdirSync(values.out, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(present),
  outdir: values.out,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  // Names stay readable in stack traces; size costs less than a reader's time.
  minifyWhitespace: false,
  sourcemap: false,
  logLevel: 'warning',
});
if (present.some(([name]) => name === 'kompakt')) chmodSync(join(values.out, 'kompakt.js'), 0o755);

if (values.types) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const outDir = join(values.out, 'types');
  const flags = ['-p', 'tsconfig.build.json', '--outDir', relative(root, outDir)];
  const { status } = spawnSync(process.execPath, [tsc, ...flags], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
