/**
 * Apache Kafka, kfake and Kompakt as processes under measurement: the same durability (no sync before an acknowledgement; kfake has
 * memory alone), a clean environment.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { startKafka } from '../../test/clients/java/apache-kafka.ts';
import { quietPort } from '../../test/quiet-port.ts';
import { Client } from '../../tools/client.ts';
import { kfakeProgram } from './kfake.ts';

const program = fileURLToPath(new URL('../../dist/kompakt.js', import.meta.url));

export const brokerNames = ['kafka', 'kfake', 'kompakt'] as const;
export type BrokerName = (typeof brokerNames)[number];

export interface BrokerProcess {
  readonly name: BrokerName;
  readonly pid: number;
  readonly port: number;
  /** From the start of the process to the first answered Metadata; formatting a directory is not in it. */
  readonly readyMs: number;
  /** Where it has a directory for each partition; a broker in memory has none. */
  readonly dataDirectory?: string;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

export interface BrokerOptions {
  /** Kafka's heap, as its scripts set it; the others have none. */
  readonly heap?: string;
  readonly properties?: Readonly<Record<string, string>>;
}

/** What would change a broker, or only one of them: NODE_EXTRA_CA_CERTS alone costs Node 20 forty milliseconds. */
export function cleanEnvironment(): void {
  for (const name of Object.keys(process.env))
    if (
      /^(NODE_|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|KAFKA_OPTS|KAFKA_JVM|GOGC|GOMEMLIMIT|GODEBUG|GOMAXPROCS|npm_config_)/.test(
        name,
      )
    )
      delete process.env[name];
}

const alive = new Set<BrokerProcess>();

export async function startBrokerProcess(
  name: BrokerName,
  directory: string,
  options: BrokerOptions = {},
): Promise<BrokerProcess> {
  const start = { kafka: startApacheKafka, kfake: startKfake, kompakt: startKompakt }[name];
  const started = await start(directory, options);
  const ended = (end: () => Promise<void>) => async (): Promise<void> => {
    await end();
    alive.delete(broker);
  };
  const broker = { ...started, stop: ended(started.stop), kill: ended(started.kill) };
  alive.add(broker);
  return broker;
}

/** What a failure left running would disturb all that comes after it. */
export async function killBrokersBut(wanted: readonly BrokerProcess[]): Promise<void> {
  for (const broker of [...alive]) if (!wanted.includes(broker)) await broker.kill();
}

async function startApacheKafka(
  directory: string,
  { heap = '1G', properties }: BrokerOptions,
): Promise<BrokerProcess> {
  const port = await quietPort();
  const kafka = await startKafka(directory, port, properties, { heap });
  const acceptedMs = performance.now();
  await answersMetadata(port);
  return {
    name: 'kafka',
    pid: kafka.pid,
    port,
    readyMs: kafka.readyMs + performance.now() - acceptedMs,
    dataDirectory: join(directory, 'data'),
    stop: () => kafka.stop(),
    kill: () => kafka.kill(),
  };
}

async function startKompakt(directory: string, { properties = {} }: BrokerOptions): Promise<BrokerProcess> {
  const sets = Object.entries({ 'group.initial.rebalance.delay.ms': '0', ...properties });
  const port = await quietPort();
  const dataDirectory = join(directory, 'data');
  const serve = ['serve', '--host', '127.0.0.1', '--port', String(port), '--data-dir', dataDirectory];
  const args = [program, ...serve, ...sets.flatMap(([key, value]) => ['--set', `${key}=${value}`])];
  return { name: 'kompakt', ...(await startProgram(process.execPath, args, port)), dataDirectory };
}

/** What is in `properties` is about files and the wait for a group's members, of which it has neither. */
async function startKfake(): Promise<BrokerProcess> {
  const port = await quietPort();
  return { name: 'kfake', ...(await startProgram(kfakeProgram(), ['-port', String(port)], port)) };
}

async function startProgram(
  path: string,
  args: readonly string[],
  port: number,
): Promise<Omit<BrokerProcess, 'name'>> {
  const startedMs = performance.now();
  const child = spawn(path, args, { stdio: 'ignore' });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await answersMetadata(port, () => child.exitCode === null);
  const readyMs = performance.now() - startedMs;
  const end = (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    return closed;
  };
  return { pid: child.pid!, port, readyMs, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

export async function answersMetadata(port: number, isAlive = () => true): Promise<void> {
  for (;;) {
    if (!isAlive()) throw new Error('the broker ended before it answered');
    try {
      const client = await Client.connect('127.0.0.1', port);
      const { brokers } = await client.request(metadata, 9, { topics: [], allowAutoTopicCreation: false });
      client.close();
      if (brokers.length > 0) return;
    } catch {
      await pause(2);
    }
  }
}
