/* Apache Kafka Connect from its jars: a distributed worker, whose own topics are compacted ones on the broker, and file connectors that
 * are made over its REST interface. Needs a JDK and Maven, which fetches the jars once into a cache folder. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.mjs';

export const connectVersion = '4.3.1';
const here = fileURLToPath(new URL('.', import.meta.url));

/** null: Connect can run here; else why not. */
export function whyNoConnect() {
  const lacks = (command, flag) => spawnSync(command, [flag], { stdio: 'ignore' }).status !== 0;
  if (lacks('javac', '-version')) return 'there is no JDK';
  if (!existsSync(join(libsFolder(), '.complete')) && lacks('mvn', '-v')) return 'there is no Maven';
  return null;
}

function libsFolder() {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(cache, 'kompakt', `connect-${connectVersion}`);
}

/** Fetched on first need. */
function connectLibs() {
  const libs = libsFolder();
  if (existsSync(join(libs, '.complete'))) return libs;
  mkdirSync(libs, { recursive: true });
  const goal = ['-q', '-B', '-f', join(here, 'pom.xml'), `-Dkafka.version=${connectVersion}`];
  run('mvn', [...goal, 'dependency:copy-dependencies', `-DoutputDirectory=${libs}`]);
  writeFileSync(join(libs, '.complete'), '');
  return libs;
}

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${error ?? `${stdout}${stderr}`.slice(-2000)}`);
}

/** The file connector, and our transformation that finds a key in its lines. */
function makePlugins(folder, libs) {
  const [file, key] = [join(folder, 'connect-file'), join(folder, 'key-from-line')];
  const services = join(key, 'META-INF/services');
  for (const path of [file, services]) mkdirSync(path, { recursive: true });
  const jar = readdirSync(libs).find((name) => name.startsWith('connect-file-'));
  copyFileSync(join(libs, jar), join(file, jar));
  const classPath = readdirSync(libs).map((name) => join(libs, name));
  run('javac', ['-cp', classPath.join(delimiter), '-d', key, join(here, 'KeyFromLine.java')]);
  writeFileSync(join(services, 'org.apache.kafka.connect.transforms.Transformation'), 'KeyFromLine\n');
}

/** A worker that is ready to be asked. `feed(name, topic, file)` lets what is and will be in a file come into a topic. */
export async function startConnect({ bootstrap, directory }) {
  const libs = connectLibs();
  const plugins = join(directory, 'plugins');
  makePlugins(plugins, libs);
  const port = await freePort();
  const strings = 'org.apache.kafka.connect.storage.StringConverter';
  const topics = ['config', 'offset', 'status'].map((what) => [`${what}.storage.topic`, `connect-${what}s`]);
  const settings = {
    'bootstrap.servers': bootstrap,
    'group.id': 'connect',
    'key.converter': strings,
    'value.converter': strings,
    ...Object.fromEntries(topics),
    'config.storage.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
    'offset.flush.interval.ms': '5000',
    'plugin.path': plugins,
    'plugin.discovery': 'service_load',
    listeners: `http://127.0.0.1:${port}`,
  };
  const file = join(directory, 'worker.properties');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const flags = ['-Xmx512m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', join(libs, '*')];
  const child = spawn('java', [...flags, 'org.apache.kafka.connect.cli.ConnectDistributed', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-4000)));
  const address = `http://127.0.0.1:${port}`;
  const ask = async (path, init) => {
    if (child.exitCode !== null) throw new Error(`Kafka Connect ended: ${said}`);
    return fetch(`${address}${path}`, init).catch(() => null);
  };
  // A worker that has not joined its group yet answers 500 or not at all.
  while ((await ask('/connectors'))?.status !== 200) await pause(100);
  const names = [];
  return {
    async feed(name, topic, source) {
      await make(ask, name, { file: source, topic });
      while (!(await isRunning(ask, name))) await pause(100);
      names.push(name);
    },
    /** Throws when the worker has ended or one of its connectors has failed. */
    async check() {
      for (const name of names) await isRunning(ask, name);
    },
    stop: () => end(child),
  };
}

async function make(ask, name, { file, topic }) {
  const config = {
    'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector',
    'tasks.max': '1',
    file,
    topic,
    transforms: 'key',
    'transforms.key.type': 'KeyFromLine',
  };
  const body = JSON.stringify({ name, config });
  const headers = { 'content-type': 'application/json' };
  for (;;) {
    const made = await ask('/connectors', { method: 'POST', headers, body });
    if (made?.status === 201) return;
    // 409: the group of workers is rebalancing.
    if (made !== null && made.status !== 409) throw new Error(`connector ${name}: ${await made.text()}`);
    await pause(100);
  }
}

async function isRunning(ask, name) {
  const status = await (await ask(`/connectors/${name}/status`))?.json();
  const [task] = status?.tasks ?? [];
  if (task?.state === 'FAILED') throw new Error(`connector ${name} failed: ${task.trace}`);
  return task?.state === 'RUNNING';
}

function end(child) {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.on('close', () => done());
    child.kill('SIGTERM');
  });
}
