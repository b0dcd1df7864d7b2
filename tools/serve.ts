/**
 * `kompakt serve`: a broker as a process. Settings from the command line and a file, logs on stderr, one line on stdout when it
 * is ready, a clean end on SIGTERM and SIGINT.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type RunningBroker, runBroker } from '../broker/broker.ts';
import type { LogLevel as BrokerLogLevel } from '../broker/config/logger-levels.ts';
import { type Configuration, readConfiguration, type SettingsSources } from '../broker/config/settings.ts';
import { parseAssignments } from '../broker/config/sources.ts';
import type { ControlFolder } from '../broker/control/control-server.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import { NodeTransport } from '../broker/network/node-transport.ts';
import { StartError } from '../broker/start-error.ts';
import { version } from '../broker/version.ts';
import { openControlFolder } from './control-folder.ts';
import { type LogLevel, LogLines } from './serve-log.ts';

export interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly memory?: boolean;
  readonly properties?: string;
  readonly set: readonly string[];
  readonly readyFile?: string;
  readonly logLevel: LogLevel;
}

/** In memory a directory has a name too; nobody sees it. */
const memoryDirectory = '/kompakt-data';

/** Runs until it is told to stop; resolves with the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const read = configurationOf(options);
  if (typeof read === 'string') return fail([read]);
  try {
    // One of an earlier run would say that this one is ready.
    if (options.readyFile !== undefined) rmSync(options.readyFile, { force: true });
  } catch (error) {
    return fail([`cannot write --ready-file: ${(error as Error).message}`]);
  }
  const { logLevel, memory = false } = options;
  const lines = new LogLines({ isSilent: logLevel === 'silent', isReadable: process.stderr.isTTY });
  const signals = watchSignals();
  let broker: RunningBroker;
  try {
    broker = await runBroker({
      configuration: read,
      environment: defaultEnvironment(read.settings, memory),
      transport: new NodeTransport(),
      logger: lines.logger(),
      processId: process.pid,
      ...(logLevel === 'silent' ? {} : { logLevel: logLevel.toUpperCase() as BrokerLogLevel }),
      ...(memory ? { directory: memoryDirectory } : {}),
      control: { stop: signals.stop, isInMemory: memory, folder: controlFolder(lines) },
    });
  } catch (error) {
    signals.forget();
    await lines.load();
    return fail([describe(error)]);
  }
  announce(broker, options);
  await lines.load();
  await signals.stopped;
  try {
    await broker.stop();
  } catch (error) {
    return fail([`did not stop cleanly: ${describe(error)}`]);
  } finally {
    signals.forget();
  }
  return 0;
}

/** Null where there can be none, which is no reason not to run. */
function controlFolder(lines: LogLines): ControlFolder | null {
  try {
    return openControlFolder();
  } catch (error) {
    lines.logger('control').warn('this broker cannot be found by --bootstrap', { error });
    return null;
  }
}

/** The configuration, or the line that says what is wrong with it. */
function configurationOf(options: ServeOptions): Configuration | string {
  const port = options.port === undefined ? undefined : Number(options.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    return `--port ${options.port} is not a port: a number from 0 to 65535`;
  if (options.memory && options.dataDir !== undefined)
    return '--memory and --data-dir contradict each other; give one of them';
  const assignments = parseAssignments(options.set);
  if (!assignments.ok) return assignments.message;
  let sources: SettingsSources = { set: assignments.set };
  if (options.host !== undefined) sources = { ...sources, host: options.host };
  if (port !== undefined) sources = { ...sources, port };
  if (options.dataDir !== undefined) sources = { ...sources, dataDirectory: options.dataDir };
  if (options.properties !== undefined) {
    try {
      const text = readFileSync(options.properties, 'utf8');
      sources = { ...sources, file: { name: options.properties, text } };
    } catch (error) {
      return `cannot read ${options.properties}: ${(error as Error).message}`;
    }
  }
  const result = readConfiguration(sources);
  return result.ok ? result.configuration : result.messages.join('; ');
}

/** One line on stdout, and in the ready file: it appears whole. */
function announce(broker: RunningBroker, { memory, readyFile }: ServeOptions): void {
  const data = memory ? 'in memory' : `data in ${broker.directory}`;
  const line = `kompakt ${version} ready on ${broker.bootstrapServers}, ${data}, ${Math.round(performance.now())} ms\n`;
  try {
    // First: who reads the line on stdout may go and look for the file.
    if (readyFile !== undefined) {
      writeFileSync(`${readyFile}.tmp`, line);
      renameSync(`${readyFile}.tmp`, readyFile);
    }
  } catch (error) {
    process.stderr.write(`kompakt: cannot write --ready-file: ${(error as Error).message}\n`);
  }
  process.stdout.write(line);
}

const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

interface Signals {
  /** Resolves at the first signal, or when `stop` is called. */
  readonly stopped: Promise<void>;
  stop(): void;
  forget(): void;
}

/** The first signal stops the broker, a second one the process, at once. */
function watchSignals(): Signals {
  let stop!: () => void;
  let isStopping = false;
  const stopped = new Promise<void>((done) => {
    stop = () => {
      isStopping = true;
      done();
    };
  });
  const names = Object.keys(signalNumbers) as (keyof typeof signalNumbers)[];
  const listener = (name: keyof typeof signalNumbers): void => {
    if (isStopping) process.exit(128 + signalNumbers[name]);
    stop();
  };
  for (const name of names) process.on(name, listener);
  // A broker whose sockets are all that keeps the process going would end with code 0 if they went; it must not end by itself.
  const forget = (): void => {
    for (const name of names) process.off(name, listener);
  };
  return { stopped, stop, forget };
}

function describe(error: unknown): string {
  if (error instanceof StartError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function fail(messages: readonly string[]): number {
  for (const message of messages) process.stderr.write(`kompakt: ${message}\n`);
  return 1;
}
