/** What V8 made of a chunk: taken up by the next process, and by none where it is not sure to be of that chunk and of ours. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  promises,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CompiledCode } from '../../tools/compiled-code.ts';
import { mayHoldCode, ownFolderPath } from '../../tools/own-folder.ts';
import { skipUnless } from '../skip.ts';
import { freshDirectory, runNode } from './program.ts';

const name = 'compiled-1';
const other = './b.cjs';
let directory: { path: string; remove(): void };
let chunks: string;
const kept = () => join(ownFolderPath(), name);

beforeEach(() => {
  directory = freshDirectory();
  chunks = join(directory.path, 'chunks');
  mkdirSync(chunks);
  for (const variable of ['TMPDIR', 'TEMP', 'TMP']) vi.stubEnv(variable, directory.path);
  writeFileSync(join(chunks, 'a.cjs'), `exports.answer = () => require(${JSON.stringify(other)}) + 1;`);
  writeFileSync(join(chunks, 'b.cjs'), 'module.exports = 41;');
});
afterEach(() => {
  vi.unstubAllEnvs();
  directory.remove();
});

/** As a process does that loads this chunk: what it exports, and what had to be compiled. */
function load(chunk = 'a.cjs') {
  const code = new CompiledCode(chunks, name);
  const module = { exports: {} } as NodeJS.Module;
  code.run(module, join(chunks, chunk));
  return { code, exports: module.exports as { answer(): number; n?: number }, fresh: code.fresh };
}

function keepAll(): void {
  load().code.keep();
}

test('the first process compiles and keeps it, the second one finds it', () => {
  const first = load();
  expect(first.fresh).toEqual(['a.cjs']);
  expect(first.exports.answer()).toBe(42);
  first.code.keep();
  expect(first.code.fresh).toEqual([]);
  const second = load();
  expect(second.fresh).toEqual([]);
  expect(second.exports.answer()).toBe(42);
});

test('what others have kept meanwhile stays, but for chunks that are gone', () => {
  const first = load('a.cjs');
  load('b.cjs').code.keep();
  first.code.keep();
  expect([load('a.cjs').fresh, load('b.cjs').fresh]).toEqual([[], []]);
  rmSync(join(chunks, 'a.cjs'));
  writeFileSync(join(chunks, 'c.cjs'), '');
  load('c.cjs').code.keep();
  expect(readFileSync(kept(), 'latin1')).toMatch(/b\.cjs.*c\.cjs/);
  expect(readFileSync(kept(), 'latin1')).not.toContain('a.cjs');
});

test('of too much only what was used is kept again', () => {
  load('a.cjs').code.keep();
  load('b.cjs').code.keep();
  writeFileSync(join(chunks, 'c.cjs'), '');
  const code = new CompiledCode(chunks, name, 1);
  for (const chunk of ['b.cjs', 'c.cjs']) code.run({ exports: {} } as NodeJS.Module, join(chunks, chunk));
  code.keep();
  expect(['a.cjs', 'b.cjs', 'c.cjs'].map((chunk) => load(chunk).fresh)).toEqual([['a.cjs'], [], []]);
});

test('an error tells its place as if the chunk had been required', () => {
  writeFileSync(join(chunks, 'a.cjs'), 'throw new Error("on the first line");');
  for (let process = 0; process < 2; process++) {
    const code = new CompiledCode(chunks, name);
    const failure = (() => {
      try {
        code.run({ exports: {} } as NodeJS.Module, join(chunks, 'a.cjs'));
      } catch (error) {
        return error as Error;
      }
    })();
    expect(failure?.stack).toContain('a.cjs:1:7');
    code.keep();
  }
});

test('another text of the same length is compiled', () => {
  writeFileSync(join(chunks, 'a.cjs'), 'exports.n = 1;');
  keepAll();
  writeFileSync(join(chunks, 'a.cjs'), 'exports.n = 2;');
  const { fresh, exports } = load();
  expect({ fresh, ...exports }).toEqual({ fresh: ['a.cjs'], n: 2 });
});

test('a file that is damaged or cut anywhere is as none', () => {
  keepAll();
  const whole = readFileSync(kept());
  for (let n = 0; n < whole.length; n += 7) {
    const damaged = Buffer.from(whole);
    damaged[n]! ^= 0x55;
    for (const bytes of [damaged, whole.subarray(0, n)]) {
      writeFileSync(kept(), bytes);
      expect(load().exports.answer()).toBe(42);
    }
  }
  const { fresh, code } = load();
  expect(fresh).toEqual(['a.cjs']);
  code.keep();
  expect(load().fresh).toEqual([]);
});

test('code that others may write is not run, and is replaced by ours', (context) => {
  skipUnless(context, process.platform !== 'win32', 'there are no modes');
  keepAll();
  expect(statSync(kept()).mode & 0o777).toBe(0o600);
  for (const path of [kept(), ownFolderPath()]) {
    chmodSync(path, 0o777);
    const { fresh, code } = load();
    expect(fresh).toEqual(['a.cjs']);
    code.keep();
    expect(load().fresh).toEqual([]);
  }
});

test('where there is no place for it nothing is kept, and nothing fails', (context) => {
  skipUnless(context, process.platform !== 'win32', 'links need a privilege');
  const elsewhere = join(directory.path, 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, ownFolderPath());
  keepAll();
  expect(readdirSync(elsewhere)).toEqual([]);
  rmSync(ownFolderPath());
  writeFileSync(ownFolderPath(), '');
  keepAll();
  expect(load().fresh).toEqual(['a.cjs']);
  expect(existsSync(kept())).toBe(false);
});

test('the compiled code of a running broker is made a chunk a turn, and written at the end', async () => {
  const code = new CompiledCode(chunks, name);
  for (const chunk of ['a.cjs', 'b.cjs']) code.run({ exports: {} } as NodeJS.Module, join(chunks, chunk));
  const create = vi.spyOn(Script.prototype, 'createCachedData');
  const seen: [number, boolean][] = [];
  await code.keepInTurns(async () => {
    seen.push([create.mock.calls.length, existsSync(kept())]);
  });
  expect(seen).toEqual([
    [1, false],
    [2, false],
  ]);
  expect(create).toHaveBeenCalledTimes(2);
  expect([code.fresh, load('a.cjs').fresh, load('b.cjs').fresh]).toEqual([[], [], []]);
  create.mockRestore();
});

test('a process that ends while its file is written keeps it all the same, and leaves no half', async () => {
  const { code } = load();
  const rename = promises.rename;
  const renames = vi.spyOn(promises, 'rename').mockImplementation((from, to) => {
    expect(existsSync(from as string)).toBe(true);
    code.keep();
    return rename(from, to);
  });
  await code.keepInTurns(async () => {});
  expect(renames).toHaveBeenCalledTimes(1);
  renames.mockRestore();
  expect(readdirSync(ownFolderPath())).toEqual([name]);
  expect([code.fresh, load().fresh]).toEqual([[], []]);
});

test('what was loaded while the file was written is kept at the end', async () => {
  const { code } = load();
  const rename = promises.rename;
  const renames = vi.spyOn(promises, 'rename').mockImplementation((from, to) => {
    code.run({ exports: {} } as NodeJS.Module, join(chunks, 'b.cjs'));
    return rename(from, to);
  });
  await code.keepInTurns(async () => {});
  renames.mockRestore();
  expect(code.fresh).toEqual(['b.cjs']);
  code.keep();
  expect([load('a.cjs').fresh, load('b.cjs').fresh]).toEqual([[], []]);
});

test('what was read is let go, and read again for a chunk that comes later', () => {
  vi.useFakeTimers();
  try {
    load('a.cjs').code.keep();
    const { code } = load('a.cjs');
    load('b.cjs').code.keep();
    vi.advanceTimersByTime(2000);
    code.run({ exports: {} } as NodeJS.Module, join(chunks, 'b.cjs'));
    expect(code.fresh).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test('halves that the killed left go, and of other places all but the last written fifteen', () => {
  keepAll();
  const old = (file: string, minutes: number) => {
    const path = join(ownFolderPath(), file);
    writeFileSync(path, '', { mode: 0o600 });
    const seconds = Date.now() / 1000 - 60 * minutes;
    utimesSync(path, seconds, seconds);
  };
  for (let place = 10; place < 30; place++) old(`compiled-${place}`, place);
  old('compiled-10.77', 2);
  old('compiled-10.78', 0);
  old('9092-ab.control', 1000);
  load('b.cjs').code.keep();
  const left = [...Array(15).keys()].map((n) => `compiled-${n + 10}`);
  expect(readdirSync(ownFolderPath()).sort()).toEqual(
    ['9092-ab.control', name, ...left, 'compiled-10.78'].sort(),
  );
});

test('a half of a process with our number, in another container, is left to it', () => {
  keepAll();
  const half = `${kept()}.${process.pid}`;
  writeFileSync(half, 'half');
  load('b.cjs').code.keep();
  expect(readFileSync(half, 'utf8')).toBe('half');
  expect([load('a.cjs').fresh, load('b.cjs').fresh]).toEqual([[], ['b.cjs']]);
});

test('a temporary folder that is not there is not made', () => {
  const missing = join(directory.path, 'missing');
  for (const variable of ['TMPDIR', 'TEMP', 'TMP']) vi.stubEnv(variable, missing);
  keepAll();
  expect(existsSync(missing)).toBe(false);
});

test('without modes code lies only below the home of its user', (context) => {
  skipUnless(context, process.platform !== 'win32', 'there the home is of the profile');
  const home = join(directory.path, 'home');
  mkdirSync(join(home, 'temp'), { recursive: true });
  mkdirSync(`${home}-of-all`);
  vi.stubEnv('HOME', home);
  const mayHold = (temporary: string): boolean => {
    vi.stubEnv('TMPDIR', temporary);
    return mayHoldCode(false);
  };
  expect(mayHold(join(home, 'temp'))).toBe(true);
  expect([`${home}-of-all`, directory.path, join(home, 'missing')].map(mayHold)).toEqual([
    false,
    false,
    false,
  ]);
  expect(mayHoldCode(true)).toBe(true);
});

test('the command keeps it at its end, once, and not where Node is told to keep none', async () => {
  const place = { TMPDIR: directory.path, TEMP: directory.path, TMP: directory.path };
  const ask = async (env: Readonly<Record<string, string>> = {}) => {
    const { code, out } = await runNode(['dist/kompakt.js', '--version'], { ...place, ...env }).ended;
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  };
  await ask({ NODE_DISABLE_COMPILE_CACHE: '1' });
  expect(existsSync(ownFolderPath())).toBe(false);
  await ask();
  const files = readdirSync(ownFolderPath());
  expect(files).toEqual([expect.stringMatching(/^compiled-[0-9a-f]{8}$/)]);
  const { ino } = statSync(join(ownFolderPath(), files[0]!));
  await ask();
  expect(statSync(join(ownFolderPath(), files[0]!)).ino).toBe(ino);
  // V8 with other flags can use none of it: it has a file of its own, instead of both writing in turns.
  await ask({ NODE_OPTIONS: '--stack-trace-limit=50' });
  expect(readdirSync(ownFolderPath())).toHaveLength(2);
  expect(statSync(join(ownFolderPath(), files[0]!)).ino).toBe(ino);
});
