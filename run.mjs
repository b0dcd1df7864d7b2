#!/usr/bin/env node
/* What `npm start` and `npm test` run: brings the checkout up to date, then starts the broker or runs the tests.
 *
 *   node run.mjs start [ARG …]     kompakt serve ARG …, in this process
 *   node run.mjs test [ARG …]      types, lint and vitest ARG …: see test/run-tests.mjs
 *   node run.mjs prepare           only installs and builds what is missing or stale
 *   node run.mjs pack              builds afresh with type declarations, for `npm pack`
 *
 * It uses Node alone: no dependency (there may be none yet) and no shell (Windows has another).
 *
 *   node_modules/.kompakt-install  {lock, node, platform} of the install; written last, so an interrupted one lacks it
 *   dist/.source-hash              hash of all that went into the build; the build appears by rename, whole or not at all
 *   .build/lock                    held while installing or building; see the comment at lockPath
 *   .build/{install,build}.log     what npm and the bundler said
 *
 * Fresh, this costs a pass of SHA-256 over lock file and sources. The syntax stays old enough for Node 14 to be refused. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const scratch = join(root, '.build');
const dist = join(root, 'dist');
const installStamp = join(root, 'node_modules', '.kompakt-install');
/** 21 and the first of 22 lack what 20 was given later (`process.getBuiltinModule`). */
const oldestNode = [20, 19];
const oldestOf22 = 3;
/** What a build is made from. */
const sourceFolders = ['protocol', 'storage', 'compaction', 'broker', 'tools'];
const sourceFiles = ['build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json'];

/** A failure that the user can act on: its message is all that is printed. */
class Refusal extends Error {}

const say = (line) => process.stderr.write(`kompakt: ${line}\n`);
const readIfThere = (path) => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : null);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function wantedInstall() {
  const lock = readIfThere(join(root, 'package-lock.json'));
  if (lock === null)
    throw new Refusal('package-lock.json is missing; restore it with git checkout package-lock.json');
  const node = process.versions.node.split('.')[0];
  return { lock: sha256(lock), node, platform: `${process.platform}-${process.arch}` };
}

function isInstalled() {
  return readIfThere(installStamp) === JSON.stringify(wantedInstall());
}

function sourceHash() {
  const hash = createHash('sha256');
  const addFile = (name) => {
    const bytes = fs.readFileSync(join(root, name));
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  };
  const addFolder = (name) => {
    const entries = fs.readdirSync(join(root, name), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (/^\.|~$/.test(entry.name)) continue;
      if (entry.isDirectory()) addFolder(`${name}/${entry.name}`);
      else addFile(`${name}/${entry.name}`);
    }
  };
  const isThere = (name) => fs.existsSync(join(root, name));
  sourceFolders.filter(isThere).forEach(addFolder);
  sourceFiles.filter(isThere).forEach(addFile);
  return hash.digest('hex');
}

function isBuilt() {
  return readIfThere(join(dist, '.source-hash')) === sourceHash();
}

async function prepare() {
  if (isInstalled() && isBuilt()) return;
  await withLock(async (children) => {
    // Asked again: whoever held the lock before us may have done it.
    if (!isInstalled()) await install(children);
    if (!isBuilt()) await build(children);
  });
}

async function install(children) {
  if (npmInstalledTheSame()) {
    fs.writeFileSync(installStamp, JSON.stringify(wantedInstall()));
    return;
  }
  say('installing dependencies (npm ci), once per lock file, Node release and platform …');
  const log = join(scratch, 'install.log');
  fs.rmSync(installStamp, { force: true });
  const flags = ['--include=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=notice'];
  const retries = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
  const [command, ...prefix] = npmCommand();
  const code = await children.run(command, [...prefix, 'ci', ...flags, ...retries], log);
  if (code !== 0)
    throw new Refusal(
      `${whyNpmFailed(readIfThere(log) || '')}; npm's own words are in ${relative(root, log)}`,
    );
  fs.writeFileSync(installStamp, JSON.stringify(wantedInstall()));
}

/** npm started us, so its script is known; else it lies beside node. `npm.cmd` would need a shell. */
function npmCommand() {
  const bin = dirname(process.execPath);
  const beside = [
    join(bin, 'node_modules/npm/bin/npm-cli.js'),
    join(bin, '../lib/node_modules/npm/bin/npm-cli.js'),
  ];
  const startedBy = process.env.npm_execpath || '';
  const script = /^npm-cli\.c?js$/.test(basename(startedBy))
    ? startedBy
    : beside.find((path) => fs.existsSync(path));
  return script === undefined ? ['npm'] : [process.execPath, script];
}

function whyNpmFailed(log) {
  const code = (/^npm (?:error|ERR!) code (\S+)/m.exec(log) || [])[1];
  const detail = (/^npm (?:error|ERR!) (?!code |errno |syscall |path |A complete log)(.+)/m.exec(log) ||
    [])[1];
  if (
    /^(ENOTFOUND|EAI_AGAIN|ECONN\w+|E\w*TIMEOUT|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED)$/.test(
      code || '',
    )
  )
    return `could not install the dependencies: no network to the npm registry (${code})`;
  return `could not install the dependencies: ${detail || code || 'npm failed'}`;
}

/** True after an `npm install` or `npm ci` by hand: npm writes its own record of what lies in node_modules last, and
 *  that record is the lock file without what other platforms need. */
function npmInstalledTheSame() {
  const stamp = JSON.parse(readIfThere(installStamp) || 'null');
  const { node, platform } = wantedInstall();
  if (stamp !== null && (stamp.node !== node || stamp.platform !== platform)) return false;
  const record = readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (record === null) return false;
  const there = JSON.parse(record).packages;
  const wanted = JSON.parse(readIfThere(join(root, 'package-lock.json'))).packages;
  const isSame = (path) =>
    there[path] === undefined
      ? wanted[path].optional === true && !isForThisPlatform(wanted[path])
      : there[path].integrity === wanted[path].integrity && fs.existsSync(join(root, path, 'package.json'));
  return (
    Object.keys(there).every((path) => wanted[path] !== undefined) &&
    Object.keys(wanted).every((path) => path === '' || isSame(path))
  );
}

/** A binding built for just this platform; one that also names a libc is left to npm. */
function isForThisPlatform({ os, cpu, libc }) {
  if (os === undefined || cpu === undefined || libc !== undefined) return false;
  return os.includes(process.platform) && cpu.includes(process.arch);
}

async function build(children, isRelease = false) {
  const startMs = Date.now();
  const hash = sourceHash();
  const log = join(scratch, 'build.log');
  for (const name of fs.readdirSync(scratch)) if (/^(new|old)-/.test(name)) removeTree(join(scratch, name));
  const fresh = join(scratch, `new-${process.pid}`);
  const flags = isRelease ? ['--types'] : [];
  const code = await children.run(process.execPath, [join(root, 'build.mjs'), '--out', fresh, ...flags], log);
  const words = (readIfThere(log) || '').trim();
  if (code !== 0) throw new Refusal(`the build failed:\n${words}`);
  if (words !== '') process.stderr.write(`${words}\n`);
  if (!isRelease) keepOldChunks(fresh);
  fs.writeFileSync(join(fresh, '.source-hash'), hash);
  const old = join(scratch, `old-${process.pid}`);
  if (fs.existsSync(dist)) await renameSoon(dist, old);
  await renameSoon(fresh, dist);
  removeTree(old);
  say(`built in ${Date.now() - startMs} ms`);
}

/** A broker that runs from the build we replace may still load one of its lazy chunks. They are named by content, so
 *  yesterday's can lie beside today's. */
function keepOldChunks(fresh) {
  const from = join(dist, 'chunks');
  const dayMs = 24 * 3600 * 1000;
  if (!fs.existsSync(from)) return;
  for (const name of fs.readdirSync(from)) {
    const to = join(fresh, 'chunks', name);
    const isRecent = Date.now() - fs.statSync(join(from, name)).mtimeMs < dayMs;
    if (isRecent && !fs.existsSync(to)) fs.cpSync(join(from, name), to, { preserveTimestamps: true });
  }
}

/** Windows refuses a rename while a virus scanner or an indexer looks into the directory. */
async function renameSoon(from, to) {
  for (let attempt = 1; ; attempt++) {
    try {
      fs.renameSync(from, to);
      return;
    } catch (error) {
      if (attempt === 20 || !['EPERM', 'EBUSY', 'EACCES'].includes(error.code)) throw error;
      await pause(100);
    }
  }
}

const removeTree = (path) => fs.rmSync(path, { recursive: true, force: true, maxRetries: 5 });
const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

// .build/lock holds {token, host, pid, child}; its modification time moves every second while the holder lives. It is
// free when it does not exist, when holder and child are dead (same host), or when the time stood still for 30 s of our
// own watching (another host or container, or a process number used again). So a kill -9 needs no clean-up by hand. The
// child counts because an npm whose parent was killed still writes into node_modules.

const lockPath = join(scratch, 'lock');
const lockPollMs = 100;
const lockStillPolls = 300;

async function withLock(work) {
  fs.mkdirSync(scratch, { recursive: true });
  const token = randomBytes(8).toString('hex');
  const holder = { token, host: hostname(), pid: process.pid, child: null };
  await acquireLock(holder);
  const isOurs = () => readLock()?.token === token;
  const beat = setInterval(() => isOurs() && fs.utimesSync(lockPath, new Date(), new Date()), 1000);
  const children = childRunner((pid) => {
    holder.child = pid;
    if (isOurs()) fs.writeFileSync(lockPath, JSON.stringify(holder));
  });
  try {
    await work(children);
  } finally {
    clearInterval(beat);
    children.release();
    if (isOurs()) fs.rmSync(lockPath, { force: true });
  }
}

async function acquireLock(holder) {
  let seen = null;
  let stillPolls = 0;
  for (let polls = 0; ; polls++) {
    try {
      fs.writeFileSync(lockPath, JSON.stringify(holder), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw new Refusal(`cannot write ${lockPath}: ${error.message}`);
    }
    const lock = readLock();
    if (lock === null) {
      await pause(10);
      continue;
    }
    const state = `${lock.token} ${lock.mtimeMs}`;
    stillPolls = state === seen ? stillPolls + 1 : 0;
    seen = state;
    if (isDead(lock) || stillPolls > lockStillPolls) takeAway(lock);
    else if (polls === 3) say(`waiting for process ${lock.pid}, which is installing or building here …`);
    await pause(lockPollMs);
  }
}

/** null when there is none, or none yet to read. A holder writes its few bytes at once, so an empty one is aged out. */
function readLock() {
  try {
    const { mtimeMs } = fs.statSync(lockPath);
    const text = fs.readFileSync(lockPath, 'utf8');
    return text === '' ? { token: '', pid: 0, host: '', mtimeMs } : { ...JSON.parse(text), mtimeMs };
  } catch {
    return null;
  }
}

function isDead(lock) {
  return lock.host === hostname() && !isAlive(lock.pid) && !(lock.child && isAlive(lock.child));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Two may find the same dead lock: the slower must not take away what the faster has put in its place. */
function takeAway(dead) {
  const aside = `${lockPath}-${randomBytes(4).toString('hex')}`;
  try {
    fs.renameSync(lockPath, aside);
    if (JSON.parse(fs.readFileSync(aside, 'utf8') || '{"token":""}').token !== dead.token)
      fs.linkSync(aside, lockPath);
    fs.rmSync(aside, { force: true });
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
}

/** Runs one child at a time with its output in a log file; SIGINT and SIGTERM end the child, then us. */
function childRunner(tellPid) {
  let child = null;
  const stop = (signal) => {
    if (child !== null) child.kill(signal);
    if (readLock()?.pid === process.pid) fs.rmSync(lockPath, { force: true });
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return {
    release: () => process.off('SIGINT', stop).off('SIGTERM', stop),
    run: (command, args, log) =>
      new Promise((done, fail) => {
        const output = fs.openSync(log, 'w');
        child = spawn(command, args, { cwd: root, stdio: ['ignore', output, output], windowsHide: true });
        tellPid(child.pid === undefined ? null : child.pid);
        child.once('error', (error) => fail(new Refusal(`cannot run ${command}: ${error.message}`)));
        child.once('exit', (code) => {
          fs.closeSync(output);
          child = null;
          tellPid(null);
          done(code === null ? 1 : code);
        });
      }),
  };
}

async function start(args) {
  await prepare();
  const bin = join(dist, 'kompakt.js');
  process.argv = [process.execPath, bin, 'serve', ...args];
  await import(pathToFileURL(bin).href);
}

/** Under npm Ctrl-C comes twice, from the terminal and passed on, while to the broker a second signal means "at once": what
 *  follows within a moment is the same key press. And where a shell between npm and us (`exec` in package.json sees to it that
 *  the broker has none) or npm itself ends, no signal reaches us: being left by our parent counts as a SIGTERM. */
function hearSignalsThroughNpm() {
  const twinMs = 200;
  const pollMs = 200;
  const lastMs = {};
  const emit = process.emit;
  process.emit = function (name, ...rest) {
    if (name === 'SIGINT' || name === 'SIGTERM' || name === 'SIGHUP') {
      clearInterval(watch);
      const nowMs = performance.now();
      const isTwin = nowMs - lastMs[name] < twinMs;
      lastMs[name] = nowMs;
      if (isTwin) return true;
    }
    return emit.call(this, name, ...rest);
  };
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, pollMs);
  watch.unref();
}

const pack = () =>
  withLock(async (children) => {
    if (!isInstalled()) await install(children);
    await build(children, true);
  });

/** Tests need what was just installed; the script of their own keeps this one about set-up. */
async function test(args) {
  await prepare();
  const { runTests } = await import('./test/run-tests.mjs');
  await runTests(root, args);
}

/** `bench NAME ARG …`: bench/NAME.ts from its source. */
async function bench([name, ...args]) {
  await prepare();
  process.argv = [process.execPath, name, ...args];
  (await import('tsx/esm/api')).register();
  await import(`./bench/${name}.ts`);
}

const commands = { start, test, prepare, pack, bench };

async function main() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]))
    throw new Refusal(`Node ${oldestNode.join('.')} or newer is needed; this is ${process.versions.node}`);
  if (major === 21 || (major === 22 && minor < oldestOf22))
    throw new Refusal(`Node 20.19 or 22.${oldestOf22} or newer is needed; this is ${process.versions.node}`);
  const command = commands[process.argv[2]];
  if (!command) throw new Refusal(`usage: node run.mjs ${Object.keys(commands).join('|')} [ARG …]`);
  if (process.env.npm_lifecycle_event !== undefined) hearSignalsThroughNpm();
  await command(process.argv.slice(3));
}

main().catch((error) => {
  if (!(error instanceof Refusal)) throw error;
  say(error.message);
  process.exitCode = 1;
});
