/* Compiles compaction/kernel (AssemblyScript) to WebAssembly and puts it into a module, as text: what is part of the program
 * is there from source, from the bundle, from the package and from another's bundle, and no file can get lost.
 *
 *   npm run kernel                     writes compaction/kernel-wasm-code.ts
 *   node build-kernel.mjs --check      fails unless that file is what the sources give (test/compaction/kernel-code.test.ts)
 *
 * The compiler is WebAssembly itself: the same release gives the same bytes on every machine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import asc from 'assemblyscript/asc';

const root = dirname(fileURLToPath(import.meta.url));
const target = join(root, 'compaction/kernel-wasm-code.ts');
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

let code = null;
const { error, stderr } = await asc.main(
  [
    'compaction/kernel/index.ts',
    '--outFile',
    'kernel.wasm',
    '-O3',
    '--converge',
    // No heap: memory is laid out by the caller.
    '--runtime',
    'stub',
    '--importMemory',
    '--noExportMemory',
  ],
  {
    readFile: (name, base) => readIfThere(join(root, base ?? '.', name)),
    writeFile: (_name, bytes) => {
      code = Buffer.from(bytes).toString('base64');
    },
    listFiles: () => [],
  },
);
if (error) {
  process.stderr.write(`${stderr.toString()}${error.message}\n`);
  process.exit(1);
}

const text = `/** compaction/kernel as WebAssembly, in base64. Written by \`npm run kernel\`: change the sources instead. */
export const kernelCode =
  '${code}';
`;
if (!values.check) writeFileSync(target, text);
else if (readIfThere(target) !== text) {
  process.stderr.write(
    'compaction/kernel-wasm-code.ts is not what compaction/kernel gives: npm run kernel\n',
  );
  process.exit(1);
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
