/**
 * Apache Kafka from its published jars, for tests and benches that compare with it. Needs `java` (17 or newer) and, the first time,
 * `mvn`. The jars go to a cache folder outside the checkout; `KAFKA_LIBS` names one that is there already.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jarsOf } from '../jars.ts';

export const kafkaVersion = process.env.KAFKA_VERSION ?? '4.3.1';
const here = dirname(fileURLToPath(import.meta.url));

/** The folder with a release's jars, fetched on first need; throws with Maven's own words where that fails. */
export function kafkaLibs(version: string = kafkaVersion): string {
  if (process.env.KAFKA_LIBS !== undefined && version === kafkaVersion) return process.env.KAFKA_LIBS;
  return jarsOf(`kafka-${version}`, join(here, 'pom.xml'), { 'kafka.version': version });
}

/** Whether `java` can be started here. */
export function hasJava(): boolean {
  return spawnSync('java', ['-version']).status === 0;
}

export interface ToolResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a class of Kafka's, such as `org.apache.kafka.tools.TopicCommand`, to its end. */
export function runKafkaClass(
  className: string,
  args: readonly string[],
  input?: string,
): Promise<ToolResult> {
  return runJava(['-cp', join(kafkaLibs(), '*'), className, ...args], input);
}

/** Runs a single Java source file with Kafka's jars on its class path. */
export function runJavaSource(
  path: string,
  args: readonly string[],
  version: string = kafkaVersion,
): Promise<ToolResult> {
  return runJava(['-cp', join(kafkaLibs(version), '*'), path, ...args]);
}

function runJava(args: readonly string[], input?: string): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('java', ['-Xmx256m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', ...args]);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(input ?? '');
  });
}

export interface KafkaOptions {
  /** Left out: `kafkaVersion`. */
  readonly version?: string;
  /** Levels of features that the directory is formatted with; left out: the version's own. */
  readonly features?: Readonly<Record<string, number>>;
  /** Left out: `KAFKA_HEAP_OPTS`, else what Kafka's scripts give, 1G. */
  readonly heap?: string;
}

export interface RunningKafka {
  readonly pid: number;
  readonly bootstrapServers: string;
  /** From the start of the process to the first accepted connection. */
  readonly readyMs: number;
  /** The last lines that it has written: warnings and errors. */
  output(): string;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/**
 * Starts a single-node broker on 127.0.0.1. `directory` holds its properties and, under `data`, its log directory, which is
 * formatted when new. `properties` are added to, and win over, the small set here.
 */
export async function startKafka(
  directory: string,
  port: number,
  properties: Readonly<Record<string, string>> = {},
  { version = kafkaVersion, features = {}, heap }: KafkaOptions = {},
): Promise<RunningKafka> {
  const data = join(directory, 'data');
  mkdirSync(data, { recursive: true });
  const file = join(directory, 'server.properties');
  writeFileSync(file, propertiesText({ ...singleNode(port, data), ...properties }));
  if (!existsSync(join(data, 'meta.properties'))) await format(file, version, features);
  return startKafkaUnder(file, port, { version, ...(heap === undefined ? {} : { heap }) });
}

/** Starts a broker under a properties file as it is, on a directory that is formatted; `port` is where it says that it listens. */
export async function startKafkaUnder(
  propertiesFile: string,
  port: number,
  { version = kafkaVersion, heap }: KafkaOptions = {},
): Promise<RunningKafka> {
  const startedMs = performance.now();
  const flags = [...heapFlags(heap), ...jvmFlags];
  const classPath = ['-cp', join(kafkaLibs(version), '*')];
  const child = spawn('java', [...flags, ...classPath, 'kafka.Kafka', propertiesFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  const keep = (text: Buffer): void => {
    output.push(text.toString());
    if (output.length > 200) output.shift();
  };
  child.stdout!.on('data', keep);
  child.stderr!.on('data', keep);
  await accepting(port, child, () => output.join(''));
  return {
    pid: child.pid!,
    bootstrapServers: `127.0.0.1:${port}`,
    readyMs: performance.now() - startedMs,
    output: () => output.join(''),
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
  };
}

function heapFlags(heap: string | undefined): string[] {
  if (heap !== undefined) return [`-Xmx${heap}`, `-Xms${heap}`];
  return (process.env.KAFKA_HEAP_OPTS ?? '-Xmx1G -Xms1G').split(' ');
}

/** Those of Kafka's scripts. */
const jvmFlags = [
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

function singleNode(port: number, data: string): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${port + 1}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
  };
}

function propertiesText(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function format(
  propertiesFile: string,
  version: string,
  features: Readonly<Record<string, number>>,
): Promise<void> {
  const clusterId = 'kompaktkompaktkompaktA';
  const levels = Object.entries(features).flatMap(([name, level]) => ['--feature', `${name}=${level}`]);
  const args = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', propertiesFile, ...levels];
  const { status, stdout, stderr } = await runJava(['-cp', join(kafkaLibs(version), '*'), ...args]);
  if (status !== 0) throw new Error(`Kafka could not format its directory: ${stdout}${stderr}`);
}

/** Waits until the port takes connections; a process that ends before is an error with its last words. */
async function accepting(port: number, child: ChildProcess, lastWords: () => string): Promise<void> {
  const endMs = performance.now() + 90_000;
  while (performance.now() < endMs) {
    if (child.exitCode !== null) throw new Error(`Kafka ended with ${child.exitCode}: ${lastWords()}`);
    if (await connects(port)) return;
    await pause(5);
  }
  child.kill('SIGKILL');
  throw new Error(`Kafka does not accept connections: ${lastWords()}`);
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on('close', () => resolve());
    child.kill(signal);
  });
}
