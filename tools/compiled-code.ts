/**
 * What V8 made of our code, kept for the next start: compiling it is a third of a start's work. The binary does that for its own chunks.
 * Node's way (`module.enableCompileCache`, from 22.1 on) reads a file for each chunk, and spares half as much: of a start on Node 22
 * that took 128 ms of CPU with it, this one saves 30 more; on Node 24 27.
 *
 *    <own folder>/compiled-1a2b3c4d      of this Node and this place of the package: 0600, one file, read at once
 *        ┌─────────────┬──────────────────────────────────────────────┬──────┬──────┬───
 *        │ length: u32 │ JSON: [{ name, source, start, length, sum }] │ data │ data │ …
 *        └─────────────┴──────────────────────────────────────────────┴──────┴──────┴───
 *
 * `source` is the CRC of a chunk's text, `sum` that of its data, `start` counts from the end of the JSON. What does not fit is compiled as
 * if there were nothing. V8 itself looks for its version and flags, but not whether text or data are still the same.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { isOpenToOthers, isOurs, makeOwnFolder, ownFolderPath } from './own-folder.ts';

interface Kept {
  readonly source: number;
  readonly sum: number;
  readonly data: Uint8Array;
}

type Place = Pick<Kept, 'source' | 'sum'> & { name: string; start: number; length: number };

/** As Node wraps what is required; it has no line of its own, so that places in stack traces are right. */
const wrapStart = '(function (exports, require, module, __filename, __dirname) { ';
const wrapEnd = '\n});';

const lengthBytes = 4;

/** The file is read at each start. In a checkout, where chunks of past builds stay for a day, theirs would make it grow with each. */
const othersBytesMaxDefault = 4 * 1024 * 1024;
const ownerOnly = 0o600;

/** By then a broker has started and heard its first requests; whoever ends before keeps it at the end. */
const keptAfterMs = 2000;

/** Before anything of it is loaded. */
export function reuseCompiledCode(): void {
  const { NODE_DISABLE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env;
  // Coverage counts fewer functions where they come compiled.
  if (NODE_DISABLE_COMPILE_CACHE || NODE_V8_COVERAGE) return;
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'chunks');
  const place = crc32(`${process.version} ${process.arch} ${folder}`).toString(16).padStart(8, '0');
  const code = new CompiledCode(folder, `compiled-${place}`);
  const { extensions } = createRequire(import.meta.url);
  const load = extensions['.js']!;
  extensions['.cjs'] = (module, path) => {
    if (dirname(path) === folder) code.run(module, path);
    else load(module, path);
  };
  const keep = () => code.keep();
  setTimeout(keep, keptAfterMs).unref();
  process.once('exit', keep);
}

export class CompiledCode {
  readonly #folder: string;
  readonly #name: string;
  readonly #othersBytesMax: number;
  readonly #used = new Set<string>();
  /** Read when it is asked for, and let go when that is over. */
  #kept: ReadonlyMap<string, Kept> | null = null;
  readonly #fresh = new Map<string, { readonly source: number; readonly script: Script }>();

  /** Of the chunks in `folder`, in a file of this name; of more than so many bytes only what this process used is kept again. */
  constructor(folder: string, name: string, othersBytesMax = othersBytesMaxDefault) {
    this.#folder = folder;
    this.#name = name;
    this.#othersBytesMax = othersBytesMax;
  }

  /** Names of chunks that had to be compiled, and are not yet kept. */
  get fresh(): string[] {
    return [...this.#fresh.keys()];
  }

  run(module: NodeJS.Module, path: string): void {
    const text = readFileSync(path);
    const run = this.#compile(path, text).runInThisContext();
    run.call(module.exports, module.exports, createRequire(path), module, path, dirname(path));
  }

  /** A start does not depend on it, and an end neither. */
  keep(): void {
    this.#kept = null;
    if (this.#fresh.size === 0) return;
    try {
      const path = join(makeOwnFolder(), this.#name);
      // Another process may have kept other chunks meanwhile.
      const there = [...read(path)].filter(([name]) => existsSync(join(this.#folder, name)));
      const isSmall = there.reduce((sum, [, { data }]) => sum + data.length, 0) <= this.#othersBytesMax;
      const all = new Map(there.filter(([name]) => isSmall || this.#used.has(name)));
      for (const [name, { source, script }] of this.#fresh) {
        const data = script.createCachedData();
        all.set(name, { source, sum: crc32(data), data });
      }
      this.#fresh.clear();
      const half = `${path}.${process.pid}`;
      try {
        writeFileSync(half, encode(all), { flag: 'wx', mode: ownerOnly });
        renameSync(half, path);
      } finally {
        rmSync(half, { force: true });
      }
    } catch {
      // No place for it: the next start compiles.
    }
  }

  #compile(path: string, text: Buffer): Script {
    const name = path.slice(this.#folder.length + sep.length);
    const source = crc32(text);
    this.#kept ??= read(join(ownFolderPath(), this.#name));
    const kept = this.#kept.get(name);
    const isSound = kept?.source === source && kept.sum === crc32(kept.data);
    const script = new Script(`${wrapStart}${text.toString()}${wrapEnd}`, {
      filename: path,
      columnOffset: -wrapStart.length,
      ...(isSound ? { cachedData: kept.data } : {}),
    });
    if (!isSound || script.cachedDataRejected) this.#fresh.set(name, { source, script });
    else this.#used.add(name);
    return script;
  }
}

function encode(all: ReadonlyMap<string, Kept>): Buffer {
  const places: Place[] = [];
  let start = 0;
  for (const [name, { source, sum, data }] of all) {
    places.push({ name, source, start, length: data.length, sum });
    start += data.length;
  }
  const head = Buffer.from(JSON.stringify(places));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, ...[...all.values()].map(({ data }) => data)]);
}

/** Empty where there is none, or it could be somebody else's: this is code. */
function read(path: string): Map<string, Kept> {
  try {
    const bytes = readOwn(path);
    const headEnd = lengthBytes + bytes.readUInt32LE();
    const places = JSON.parse(bytes.toString('utf8', lengthBytes, headEnd)) as Place[];
    return new Map(
      places.map(({ name, source, start, length, sum }) => {
        const data = bytes.subarray(headEnd + start, headEnd + start + length);
        return [name, { source, sum, data }];
      }),
    );
  } catch {
    return new Map();
  }
}

function readOwn(path: string): Buffer {
  const folder = lstatSync(dirname(path));
  if (!folder.isDirectory() || !isOurs(folder) || isOpenToOthers(folder)) throw new Error('not ours alone');
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || !isOurs(stat) || isOpenToOthers(stat)) throw new Error('not ours alone');
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
