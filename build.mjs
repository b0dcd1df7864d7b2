/* Bundles what runs: each entry an ESM file of its own, what they share and what they import lazily in chunks/.
 *
 *   node build.mjs [--out DIR] [--types]     DIR defaults to dist and is made afresh
 *
 *   DIR/kompakt.js   the binary              DIR/chunks/*.js       shared and lazy parts, named by content
 *   DIR/index.js     the library             DIR/types/            declarations of the library (--types)
 *   DIR/cleaner-worker.js   the cleaner's    DIR/THIRD-PARTY.txt   licences of the packages that went in
 *                    thread, found by its name (compaction/start-thread.ts)
 *
 * Packages stay outside, installed beside us, for bindings and wasm find their files only there; but some go in: the few small
 * ones on the way to the first connection, because resolving and loading one by itself takes longer than running it; and
 * fastify, of which 0.6 MB is used and 8 MB would be installed (so it and ajv are dependencies of development alone). */
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
const bundled = ['commander', 'cross-spawn', 'fastest-levenshtein', 'fastify', 'ajv'];
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
const { metafile } = await build({
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
  metafile: true,
});
chmodSync(join(out, 'kompakt.js'), 0o755);
writeFileSync(join(out, 'THIRD-PARTY.txt'), packageFolders(metafile).map(licenceOf).join('\n\n'));
if (values.types) writeTypes();

/** Of every package of which something went in. */
function packageFolders({ inputs }) {
  const folders = Object.keys(inputs).map(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0],
  );
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

function licenceOf(path) {
  const folder = join(root, path);
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? `Licence: ${license}\n` : readFileSync(join(folder, file), 'utf8');
  return `${name} ${version}\n\n${text}`;
}

function writeTypes() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const flags = ['-p', 'tsconfig.build.json', '--outDir', relative(root, join(out, 'types'))];
  const { status } = spawnSync(process.execPath, [tsc, ...flags], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
