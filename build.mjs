/* Bundles what runs. All code is CommonJS, in chunks that are loaded when they are needed; what is imported rather than required
 * is a thin ES module in front of it. So there is one copy of the code on the disk, and in a process that both imports and
 * requires the library there is one copy in memory: its error classes and its locks are the same whichever way they are reached.
 * And the programs start sooner: Node's loader of ES modules takes 10 ms of a start, 7 of them even for an entry of one line; and of
 * what a module imports it first scans the source for the names of its exports, in a thread with a scanner in JavaScript.
 *
 *   node build.mjs [--out DIR] [--types]     DIR defaults to dist and is made afresh
 *
 *   DIR/kompakt.js           the binary
 *   DIR/cleaner-worker.js    the cleaner's thread, found by its name (compaction/start-thread.ts)
 *   DIR/index.mjs            the library, for `import`: an ES module
 *   DIR/index.cjs            the library, for `require`
 *   DIR/chunks/*.cjs         shared and lazy parts, named by content
 *   DIR/package.json         says that what is called .js here is CommonJS
 *   DIR/index.d.mts, .d.cts  declarations of the library, in one file for each of the two (--types)
 *   DIR/THIRD-PARTY.txt      licences of the packages that went in
 *
 * Packages with bindings or WebAssembly stay outside, installed beside us, for they find their files only there, and so does pino,
 * which the library never loads. The others go in, because of them a small part is used: 1.3 MB of the 13 that would be installed
 * (so they are dependencies of development alone). */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, transform } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const entries = {
  kompakt: 'tools/kompakt.ts',
  index: 'broker/index.ts',
  'cleaner-worker': 'compaction/worker.ts',
};
/** These are programs, known by names that end in .js. */
const programs = ['kompakt', 'cleaner-worker'];
const bundled = ['commander', 'cross-spawn', 'fastest-levenshtein', 'fastify', 'ajv', 'protobufjs', 're2js'];
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    types: { type: 'boolean', default: false },
  },
});
const out = values.out;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const shape = {
  platform: 'node',
  target: 'node20.19',
  // Half the bytes to read and scan at start; names stay readable in stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  // Node prints the line where an error was thrown that nobody catches.
  lineLimit: 160,
  legalComments: 'none',
  logLevel: 'warning',
};

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'chunks'), { recursive: true });
const { metafile, outputFiles } = await build({
  ...shape,
  absWorkingDir: root,
  entryPoints: entries,
  outdir: out,
  chunkNames: 'chunks/[name]-[hash]',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  external: Object.keys({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.peerDependencies,
  }).filter((name) => !bundled.includes(name)),
  write: false,
  metafile: true,
});
refuseCircles(metafile);
for (const { path, text } of outputFiles) {
  const name = basename(path, '.cjs');
  const isProgram = dirname(path) === out && programs.includes(name);
  writeFileSync(isProgram ? join(out, `${name}.js`) : path, await asCommonJs(text));
}
writeFileSync(join(out, 'package.json'), '{ "type": "commonjs" }\n');
writeFileSync(join(out, 'index.mjs'), forwarder());
chmodSync(join(out, 'kompakt.js'), 0o755);
writeFileSync(join(out, 'THIRD-PARTY.txt'), packageFolders(metafile).map(licenceOf).join('\n\n'));
if (values.types) await writeTypes();

/** esbuild cuts ES modules into chunks, but not CommonJS; so each chunk is turned by itself. `import()` goes too: jest has none. */
async function asCommonJs(module) {
  const [, shebang = '', text] = /^(#!.*\n)?([\s\S]*)$/.exec(module);
  const url = `const ownUrl=require("node:url").pathToFileURL(__filename).href;`;
  const { imports, code: esm, exports } = betweenChunks(text);
  const { code } = await transform(esm.includes('import.meta.url') ? url + esm : esm, {
    ...shape,
    format: 'cjs',
    define: { 'import.meta.url': 'ownUrl' },
    supported: { 'dynamic-import': false },
  });
  return `${shebang}${imports}${code}${exports}`;
}

/** What a chunk takes from another one it takes once, as constants. esbuild's own way asks two getters at each use, because an ES module
 * may change what it exports (ours do not, says test/tidy.test.ts) and modules may import each other (see `refuseCircles`); that cost
 * a request of one record 15 % of its CPU. */
function betweenChunks(text) {
  let imports = '';
  let exports = '';
  const code = text
    .replace(/\bimport\s*(?:\{([^}"']*)\}\s*from\s*)?("\.[\w./-]+\.cjs");?/g, (_whole, names, path) => {
      imports += names === undefined ? `require(${path});` : `const{${pattern(names)}}=require(${path});\n`;
      return '';
    })
    .replace(/\bexport\s*\{([^}"']*)\};?\s*$/, (_whole, names) => {
      exports = `module.exports={${properties(names)}};\n`;
      return '';
    });
  return { imports, code, exports };
}

/** A chunk that imports one which is waiting for it would find constants that are not there yet. */
function refuseCircles({ outputs }) {
  const done = new Set();
  const visit = (path, above) => {
    if (above.includes(path)) throw new Error(`chunks import each other: ${[...above, path].join(' -> ')}`);
    if (done.has(path)) return;
    for (const { path: next, kind, external } of outputs[path].imports)
      if (kind === 'import-statement' && !external) visit(next, [...above, path]);
    done.add(path);
  };
  for (const path of Object.keys(outputs)) visit(path, []);
}

/** `there as here,c` of an import. */
function pattern(list) {
  return list.replace(/\s+as\s+/g, ':');
}

/** `here as there,c` of an export. */
function properties(list) {
  return list.replace(/([\w$]+)\s+as\s+([\w$]+)/g, '$2:$1');
}

/** The library's exports, by name, so that nobody's scan of CommonJS decides what can be imported. */
function forwarder() {
  return `import library from './index.cjs';\nexport const { ${libraryExports().join(', ')} } = library;\n`;
}

function libraryExports() {
  return metafile.outputs[relative(root, join(out, 'index.cjs')).replaceAll('\\', '/')].exports;
}

/** A class of which only the type is shown would else be declared as if it could be imported. */
function withHonestExports(declarations) {
  const lists = /^export (?:type )?\{ ([^}]*) \};?\n?/gm;
  const names = [...declarations.matchAll(lists)].flatMap(([, list]) => list.split(', '));
  const shown = libraryExports();
  const types = names.filter((name) => !shown.includes(name));
  const rest = declarations.replace(lists, '').trimEnd();
  return `${rest}\n\nexport { ${shown.join(', ')} };\nexport type { ${types.join(', ')} };\n`;
}

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

/** The declarations of what the library shows, in one file; the compiler alone would leave those of every room of ours. */
async function writeTypes() {
  const parts = mkdtempSync(join(out, 'types-'));
  try {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const flags = ['-p', 'tsconfig.build.json', '--outDir', parts];
    const { status } = spawnSync(process.execPath, [tsc, ...flags], { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exit(1);
    const { rollup } = await import('rollup');
    const { dts } = await import('rollup-plugin-dts');
    const bundle = await rollup({
      input: join(parts, 'broker/index.d.ts'),
      external: (id) => !id.startsWith('.') && !id.startsWith(parts),
      plugins: [dts()],
    });
    const { output } = await bundle.generate({ format: 'es' });
    const text = `/// <reference types="node" />\n${withHonestExports(output[0].code)}`;
    for (const name of ['index.d.mts', 'index.d.cts']) writeFileSync(join(out, name), text);
  } finally {
    rmSync(parts, { recursive: true, force: true });
  }
}
