/** run.mjs in made-up checkouts: what it installs, builds and starts when, and what it says when it cannot.
 *
 *  npm is a stand-in (npm-cli.js) that follows orders from the environment and writes a line per call into calls.log, as
 *  does the build script; the last test uses the real one. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { skipUnless } from './skip.ts';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..');
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const fakeNpm = `
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
appendFileSync('calls.log', process.argv.slice(2, 3).join(' ') + '\\n');
rmSync('node_modules', { recursive: true, force: true });
if (process.env.NPM_FAILS) {
  console.error(process.env.NPM_FAILS);
  process.exit(1);
}
mkdirSync('node_modules/dependency', { recursive: true });
const wait = () => (process.env.NPM_WAITS_FOR && !existsSync(process.env.NPM_WAITS_FOR) ? setTimeout(wait, 20) : finish());
const finish = () => {
  writeFileSync('node_modules/dependency/package.json', '{}');
  appendFileSync('calls.log', 'ci done\\n');
};
wait();
`;
const fakeBuild = `
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
const out = process.argv[process.argv.indexOf('--out') + 1];
const source = readFileSync('tools/kompakt.ts', 'utf8');
appendFileSync('calls.log', 'build ' + source + '\\n');
if (source === 'broken') throw new Error('it does not parse');
mkdirSync(out + '/chunks', { recursive: true });
writeFileSync(out + '/kompakt.js', readFileSync('program.js'));
writeFileSync(out + '/chunks/part-' + source + '.js', '');
`;

/** A directory with run.mjs, a lock file, one source and the stand-ins. */
function checkout(program = 'console.log(JSON.stringify(process.argv.slice(2)));'): string {
  const root = mkdtempSync(join(tmpdir(), 'kompakt run ü '));
  cleanups.push(() => rmSync(root, { recursive: true, force: true, maxRetries: 10 }));
  copyFileSync(join(repository, 'run.mjs'), join(root, 'run.mjs'));
  mkdirSync(join(root, 'tools'));
  mkdirSync(join(root, 'dependency'));
  const files = {
    'package.json':
      '{"name":"made-up","version":"1.0.0","type":"module","dependencies":{"dependency":"file:dependency"}}',
    'package-lock.json': JSON.stringify({
      name: 'made-up',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'made-up', version: '1.0.0', dependencies: { dependency: 'file:dependency' } },
        dependency: { version: '1.0.0' },
        'node_modules/dependency': { resolved: 'dependency', link: true },
      },
    }),
    'dependency/package.json': '{"name":"dependency","version":"1.0.0"}',
    'tools/kompakt.ts': 'v1',
    'npm-cli.js': fakeNpm,
    'build.mjs': fakeBuild,
    'program.js': program,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  return root;
}

type Run = {
  child: ChildProcess;
  says(words: string): Promise<void>;
  ended: Promise<{ code: number | null; out: string; err: string }>;
};

function run(
  root: string,
  args: string[],
  extraEnv: Record<string, string> = {},
  nodeArgs: string[] = [],
): Run {
  const env = { ...process.env, npm_execpath: join(root, 'npm-cli.js'), ...extraEnv };
  if (extraEnv['npm_lifecycle_event'] === undefined) delete (env as NodeJS.ProcessEnv)['npm_lifecycle_event'];
  const child = spawn(process.execPath, [...nodeArgs, join(root, 'run.mjs'), ...args], { cwd: root, env });
  cleanups.push(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text;
    for (const listener of listeners) listener();
  });
  const says = (words: string) =>
    new Promise<void>((heard) => {
      const listen = () => err.includes(words) && heard();
      listeners.add(listen);
      listen();
    });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((done) =>
    child.once('close', (code) => done({ code, out, err })),
  );
  return { child, says, ended };
}

const calls = (root: string): string[] =>
  existsSync(join(root, 'calls.log')) ? readFileSync(join(root, 'calls.log'), 'utf8').trim().split('\n') : [];

/** Waits for something that another process writes; the test's own limit is the only time-out. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((wake) => setTimeout(wake, 10));
}

function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // already gone
  }
}

/** The process number of npm, once it has begun to install. */
async function npmAtWork(root: string): Promise<number> {
  let npm: number | null = null;
  await until(() => {
    try {
      npm = JSON.parse(readFileSync(join(root, '.build/lock'), 'utf8')).child;
    } catch {
      // no lock yet, or one that is just being written
    }
    return npm !== null && existsSync(join(root, 'node_modules/dependency'));
  });
  return npm!;
}

test('a fresh checkout installs, builds and serves with the arguments given; after that it only serves', async () => {
  const root = checkout();
  const first = await run(root, ['start', '--port', '19092', 'a b']).ended;
  expect(first).toMatchObject({ code: 0, out: '["serve","--port","19092","a b"]\n' });
  expect(calls(root)).toEqual(['ci', 'ci done', 'build v1']);
  const second = await run(root, ['start']).ended;
  expect(second).toEqual({ code: 0, out: '["serve"]\n', err: '' });
  expect(calls(root)).toHaveLength(3);
});

test('a changed source is built again, a changed lock file or another Node installed again', async () => {
  const root = checkout();
  await run(root, ['prepare']).ended;
  writeFileSync(join(root, 'tools/kompakt.ts'), 'v2');
  await run(root, ['prepare']).ended;
  expect(calls(root).slice(3)).toEqual(['build v2']);
  writeFileSync(
    join(root, 'package-lock.json'),
    readFileSync(join(root, 'package-lock.json'), 'utf8').replace('"requires":true,', ''),
  );
  await run(root, ['prepare']).ended;
  expect(calls(root).slice(4)).toEqual(['ci', 'ci done', 'build v2']);
  const stamp = join(root, 'node_modules/.kompakt-install');
  writeFileSync(stamp, readFileSync(stamp, 'utf8').replace(/"node":"\d+"/, '"node":"19"'));
  await run(root, ['prepare']).ended;
  expect(calls(root).slice(7)).toEqual(['ci', 'ci done']);
});

test('lazy parts of the build that a running broker came from stay for a day', async () => {
  const root = checkout();
  await run(root, ['prepare']).ended;
  const old = join(root, 'dist/chunks/part-old.js');
  writeFileSync(old, '');
  utimesSync(old, 0, 0);
  writeFileSync(join(root, 'tools/kompakt.ts'), 'v2');
  await run(root, ['prepare']).ended;
  expect(existsSync(join(root, 'dist/chunks/part-v1.js'))).toBe(true);
  expect(existsSync(join(root, 'dist/chunks/part-v2.js'))).toBe(true);
  expect(existsSync(old)).toBe(false);
});

test('two that start together install and build once', async () => {
  const root = checkout();
  const env = { NPM_WAITS_FOR: join(root, 'go') };
  const runs = [run(root, ['start', 'one'], env), run(root, ['start', 'two'], env)];
  await Promise.race(runs.map(({ says }) => says('waiting for process')));
  writeFileSync(join(root, 'go'), '');
  const [one, two] = await Promise.all(runs.map(({ ended }) => ended));
  expect([one?.code, one?.out]).toEqual([0, '["serve","one"]\n']);
  expect([two?.code, two?.out]).toEqual([0, '["serve","two"]\n']);
  expect(calls(root)).toEqual(['ci', 'ci done', 'build v1']);
});

test('an install that was killed with its npm is noticed and redone', async () => {
  const root = checkout();
  const first = run(root, ['prepare'], { NPM_WAITS_FOR: join(root, 'never') });
  const npm = await npmAtWork(root);
  first.child.kill('SIGKILL');
  killHard(npm);
  await first.ended;
  expect((await run(root, ['prepare']).ended).code).toBe(0);
  expect(calls(root)).toEqual(['ci', 'ci', 'ci done', 'build v1']);
});

test('an npm whose parent was killed is waited for before its install is redone', async () => {
  const root = checkout();
  const first = run(root, ['prepare'], { NPM_WAITS_FOR: join(root, 'go') });
  await npmAtWork(root);
  first.child.kill('SIGKILL');
  const second = run(root, ['prepare']);
  await second.says('waiting for process');
  expect(calls(root)).toEqual(['ci']);
  writeFileSync(join(root, 'go'), '');
  expect((await second.ended).code).toBe(0);
  expect(calls(root)).toEqual(['ci', 'ci done', 'ci', 'ci done', 'build v1']);
});

test('a signal during the install ends npm too and leaves no lock', async () => {
  const root = checkout();
  const first = run(root, ['prepare'], { NPM_WAITS_FOR: join(root, 'never') });
  const npm = await npmAtWork(root);
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(143);
  expect(existsSync(join(root, '.build/lock'))).toBe(false);
  await until(() => {
    try {
      return !process.kill(npm, 0);
    } catch {
      return true;
    }
  });
});

test('no network is one line', async () => {
  const root = checkout();
  const words =
    'npm error code ENOTFOUND\nnpm error errno ENOTFOUND\nnpm error network request to https://x failed';
  const { code, out, err } = await run(root, ['start'], { NPM_FAILS: words }).ended;
  expect([code, out]).toEqual([1, '']);
  const lines = err.trim().split('\n').slice(1);
  expect(lines).toEqual([
    `kompakt: could not install the dependencies: no network to the npm registry (ENOTFOUND); npm's own words are in ${join('.build', 'install.log')}`,
  ]);
  expect(readFileSync(join(root, '.build/install.log'), 'utf8')).toContain('request to https://x failed');
});

test('a broken source is reported and the last build stays', async () => {
  const root = checkout();
  await run(root, ['prepare']).ended;
  writeFileSync(join(root, 'tools/kompakt.ts'), 'broken');
  const { code, err } = await run(root, ['start']).ended;
  expect(code).toBe(1);
  expect(err).toContain('it does not parse');
  expect(existsSync(join(root, 'dist/kompakt.js'))).toBe(true);
});

test.each([
  ['20.18.9', 'Node 20.19 or newer is needed'],
  ['22.2.0', 'Node 20.19 or 22.3 or newer is needed'],
])('too old a Node (%s) is one line', async (node, words) => {
  const root = checkout();
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${node}'}})`;
  const { code, err } = await run(root, ['start'], {}, ['--import', pretend]).ended;
  expect([code, err]).toEqual([1, `kompakt: ${words}; this is ${node}\n`]);
  expect(calls(root)).toEqual([]);
});

test('under npm a Ctrl-C counts once, though it arrives from the terminal and from npm', async () => {
  const program = `
    let count = 0;
    process.on('SIGINT', () => count++);
    process.emit('SIGINT', 'SIGINT');
    process.emit('SIGINT', 'SIGINT');
    console.log(count);`;
  const root = checkout(program);
  expect((await run(root, ['start'], { npm_lifecycle_event: 'start' }).ended).out).toBe('1\n');
  expect((await run(root, ['start']).ended).out).toBe('2\n');
});

test.for(['SIGTERM', 'SIGINT'] as const)(
  'npm start hands %s on and ends when the broker has, with its exit code',
  async (signal, context) => {
    skipUnless(context, process.platform !== 'win32', 'Windows has no signals');
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
    const root = checkout(`
      process.on('${signal}', () => setTimeout(() => (console.log('stopped'), process.exit(0)), 100));
      console.log('ready');
      setInterval(() => {}, 1000);`);
    await run(root, ['prepare']).ended;
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    writeFileSync(
      join(root, 'package.json'),
      JSON.stringify({ ...manifest, scripts: { start: scripts.start } }),
    );
    const npm = spawn('npm', ['start', '--silent'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(() => npm.kill('SIGKILL'));
    let out = '';
    npm.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      if (text.includes('ready')) npm.kill(signal);
    });
    const code = await new Promise((done) => npm.once('close', done));
    expect({ code, out }).toEqual({ code: 0, out: 'ready\nstopped\n' });
  },
);

test('under npm the end of the shell that npm has put between us is a SIGTERM', async (context) => {
  skipUnless(context, process.platform !== 'win32', 'Windows has no signals');
  const program = `
    process.on('SIGTERM', () => (console.log('stopped'), process.exit(0)));
    console.log('ready');
    setInterval(() => {}, 1000);`;
  const root = checkout(program);
  await run(root, ['prepare']).ended;
  // What follows the command keeps the shell from becoming node.
  const env = { ...process.env, npm_lifecycle_event: 'start', NODE: process.execPath };
  const shell = spawn('sh', ['-c', '"$NODE" run.mjs start; exit $?'], { cwd: root, env });
  let out = '';
  const closed = new Promise((done) => shell.stdout.once('close', done));
  shell.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    if (text.includes('ready')) shell.kill('SIGKILL');
  });
  await closed;
  expect(out).toBe('ready\nstopped\n');
});

test('the real npm installs from the lock file, and what it installed by hand is taken as it is', async () => {
  const root = checkout();
  const { code, err } = await run(root, ['prepare'], { npm_execpath: '' }).ended;
  expect([code, err]).toEqual([0, expect.stringContaining('installing dependencies (npm ci)')]);
  expect(existsSync(join(root, 'node_modules/dependency/package.json'))).toBe(true);
  rmSync(join(root, 'node_modules/.kompakt-install'));
  expect(await run(root, ['prepare'], { npm_execpath: '' }).ended).toEqual({ code: 0, out: '', err: '' });
  rmSync(join(root, 'node_modules/.kompakt-install'));
  rmSync(join(root, 'node_modules/.package-lock.json'));
  expect((await run(root, ['prepare'], { npm_execpath: '' }).ended).err).toContain('installing dependencies');
});
