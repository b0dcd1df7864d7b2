/**
 * What V8 made of our code, kept for the next start: compiling it is a third of a start's work. The binary does that for its own chunks.
 * Node's way (`module.enableCompileCache`, from 22.1 on) reads a file for each chunk, and spares half as much: of a start on Node 22
 * that took 128 ms of CPU with it, this one saves 30 more; on Node 24 27.
 *
 *    <own folder>/compiled-1a2b3c4d      of this Node with these flags of V8, and this place of the package: 0600, one file, read at once
 *        ┌─────────────┬──────────────────────────────────────────────┬──────┬──────┬───
 *        │ length: u32 │ JSON: [{ name, source, start, length, sum }] │ data │ data │ …
 *        └─────────────┴──────────────────────────────────────────────┴──────┴──────┴───
 *
 * `source` is the CRC of a chunk's text, `sum` that of its data, `start` counts from the end of the JSON. What does not fit is compiled as
 * if there were nothing. V8 itself looks for its version and flags, but not whether text or data are still the same. A file is written
 * beside its place, as compiled-1a2b3c4d.<pid>, and renamed.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  promises,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { isOpenToOthers, isOurs, makeOwnFolder, mayHoldCode, ownFolderPath } from './own-folder.ts';

interface Kept {
  readonly source: number;
  readonly sum: number;
  readonly data: Uint8Array;
}

interface Fresh {
  readonly source: number;
  readonly script: Script;
  made: Kept | null;
}

type Place = Pick<Kept, 'source' | 'sum'> & { name: string; start: number; length: number };

/** As Node wraps what is required; it has no line of its own, so that places in stack traces are right. */
const wrapStart = '(function (exports, require, module, __filename, __dirname) { ';
const wrapEnd = '\n});';

const lengthBytes = 4;

/** The file is read at each start. In a checkout, where chunks of past builds stay for a day, theirs would make it grow with each. */
const othersBytesMaxDefault = 4 * 1024 * 1024;
const ownerOnly = 0o600;

/** By then a broker has started and heard its first requests; whoever ends before keeps it at the end. What was read is let go after it. */
const keptAfterMs = 2000;

/** Of other places and Nodes, the last written: folders that `npx` or a build machine makes anew each time would leave one for each. */
const othersMax = 15;
/** Writing takes milliseconds: who has not renamed his file by then was killed. */
const halfEndMs = 60_000;
const fileName = /^compiled-[0-9a-f]+(\.\d+)?$/;

/** Before anything of it is loaded. */
export function reuseCompiledCode(): void {
  const { NODE_DISABLE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env;
  // Coverage counts fewer functions where they come compiled.
  if (NODE_DISABLE_COMPILE_CACHE || NODE_V8_COVERAGE || !mayHoldCode()) return;
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'chunks');
  // With other flags V8 refuses what it made: two ways to call the command would write in turns what the other cannot use.
  const of = `${process.version} ${process.arch} ${cachedDataVersionTag()} ${folder}`;
  const place = crc32(of).toString(16).padStart(8, '0');
  const code = new CompiledCode(folder, `compiled-${place}`);
  const { extensions } = createRequire(import.meta.url);
  const load = extensions['.js']!;
  extensions['.cjs'] = (module, path) => {
    if (dirname(path) === folder) code.run(module, path);
    else load(module, path);
  };
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  setTimeout(() => void code.keepInTurns(turn), keptAfterMs).unref();
  process.once('exit', () => code.keep());
}

export class CompiledCode {
  readonly #folder: string;
  readonly #name: string;
  readonly #othersBytesMax: number;
  readonly #used = new Set<string>();
  /** Read when it is asked for, and let go when that is over. */
  #kept: ReadonlyMap<string, Kept> | null = null;
  readonly #fresh = new Map<string, Fresh>();
  /** Being written; a process that ends meanwhile does not get to rename it. */
  #half: string | null = null;

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

  /** All at once it takes 20 ms, and the disk may be busy: a broker has others who wait. */
  async keepInTurns(turn: () => Promise<void>): Promise<void> {
    try {
      for (const fresh of this.#fresh.values()) {
        make(fresh);
        await turn();
      }
      if (this.#fresh.size === 0) return;
      const path = this.#place();
      const kept = [...this.#fresh.keys()];
      const bytes = this.#gather(path);
      const half = halfOf(path);
      const file = await promises.open(half, 'wx', ownerOnly);
      this.#half = half;
      try {
        await file.writeFile(bytes).finally(() => file.close());
        await promises.rename(half, path);
      } finally {
        await promises.rm(half, { force: true });
        this.#half = null;
      }
      for (const name of kept) this.#fresh.delete(name);
    } catch {
      // At the end it is tried once more.
    }
  }

  /** A start does not depend on it, and an end neither. */
  keep(): void {
    if (this.#fresh.size === 0) return;
    try {
      if (this.#half !== null) rmSync(this.#half, { force: true });
      const path = this.#place();
      replace(path, this.#gather(path));
      this.#fresh.clear();
    } catch {
      // No place for it: the next start compiles.
    }
  }

  #place(): string {
    const folder = makeOwnFolder();
    removeLeftovers(folder, this.#name);
    return join(folder, this.#name);
  }

  #gather(path: string): Buffer {
    // Another process may have kept other chunks meanwhile.
    const there = [...read(path)].filter(([name]) => existsSync(join(this.#folder, name)));
    const isSmall = there.reduce((sum, [, { data }]) => sum + data.length, 0) <= this.#othersBytesMax;
    const all = new Map(there.filter(([name]) => isSmall || this.#used.has(name)));
    for (const [name, fresh] of this.#fresh) all.set(name, make(fresh));
    return encode(all);
  }

  #compile(path: string, text: Buffer): Script {
    const name = path.slice(this.#folder.length + sep.length);
    const source = crc32(text);
    const kept = this.#read().get(name);
    const isSound = kept?.source === source && kept.sum === crc32(kept.data);
    const script = new Script(`${wrapStart}${text.toString()}${wrapEnd}`, {
      filename: path,
      columnOffset: -wrapStart.length,
      ...(isSound ? { cachedData: kept.data } : {}),
    });
    if (!isSound || script.cachedDataRejected) this.#fresh.set(name, { source, script, made: null });
    else this.#used.add(name);
    return script;
  }

  /** What is loaded together reads the file once. */
  #read(): ReadonlyMap<string, Kept> {
    if (this.#kept === null) {
      this.#kept = read(join(ownFolderPath(), this.#name));
      setTimeout(() => {
        this.#kept = null;
      }, keptAfterMs).unref();
    }
    return this.#kept;
  }
}

function make(fresh: Fresh): Kept {
  if (fresh.made === null) {
    const data = fresh.script.createCachedData();
    fresh.made = { source: fresh.source, sum: crc32(data), data };
  }
  return fresh.made;
}

/** Halves of the killed, and files of the past. */
function removeLeftovers(folder: string, own: string): void {
  const files = readdirSync(folder)
    .filter((name) => fileName.test(name) && name !== own)
    .map((name) => ({ path: join(folder, name), isHalf: name.includes('.') }))
    .map((file) => ({ ...file, ms: statSync(file.path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.ms - a.ms);
  const halves = files.filter(({ isHalf, ms }) => isHalf && ms < Date.now() - halfEndMs);
  const past = files.filter(({ isHalf }) => !isHalf).slice(othersMax);
  for (const { path } of [...halves, ...past]) rmSync(path, { force: true });
}

/** One that is there is another's: containers have the same pids. */
function halfOf(path: string): string {
  return `${path}.${process.pid}`;
}

/** Whole or not at all. */
function replace(path: string, bytes: Buffer): void {
  const half = halfOf(path);
  const file = openSync(half, 'wx', ownerOnly);
  try {
    try {
      writeFileSync(file, bytes);
    } finally {
      closeSync(file);
    }
    renameSync(half, path);
  } catch (error) {
    rmSync(half, { force: true });
    throw error;
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
