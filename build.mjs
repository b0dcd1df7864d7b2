/* Bundles what runs: each entry an ESM file of its own, what they share and what they import lazily in chunks/.
 *
 *   node build.mjs [--out DIR] [--types]     DIR defaults to dist and is made afresh
 *
 *   DIR/kompakt.js   the binary              DIR/chunks/*.js       shared and lazy parts, named by content
 *   DIR/index.js     the library             DIR/types/            declarations of the library (--types)
 *   DIR/cleaner-worker.js   the cleaner's    DIR/THIRD-PARTY.txt   licences of the packages that went in
 *                    thread, found by its name (compaction/start-thread.ts)
 *
 * Packages stay outside, installed beside us, for bindings and wasm find their files only there; but the few small ones on
 * the way to the first connection go in, because resolving and loading one by itself takes longer than running it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const entries = {
  kompakt: 'tools/kompakt.ts',
  index: 'broker/index.ts',
  'cleaner-worker': 'compaction/worker.ts',
};
const bundled = ['commander', 'fastest-levenshtein'];
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    types: { type: 'boolean', default: false },
  },
});
const out = values.out;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: entries,
  outdir: out,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    (name) => !bundled.includes(name),
  ),
  // What was CommonJS asks for Node's own modules by require, which ESM lacks.
  banner: {
    js: `import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);`,
  },
  // Half the bytes to read and scan at start; names stay readable in stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
});
chmodSync(join(out, 'kompakt.js'), 0o755);
writeFileSync(join(out, 'THIRD-PARTY.txt'), bundled.map(licenceOf).join('\n\n'));
if (values.types) writeTypes();

function licenceOf(name) {
  const folder = join(root, 'node_modules', name);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8')}`;
}

function writeTypes() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const flags = ['-p', 'tsconfig.build.json', '--outDir', relative(root, join(out, 'types'))];
  const { status } = spawnSync(process.execPath, [tsc, ...flags], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
