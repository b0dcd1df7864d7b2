/**
 * `kompakt serve`: a broker as a process. Settings from the command line and a file, logs on stderr, one line on stdout when it
 * is ready, a clean end on SIGTERM and SIGINT.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { type RunningBroker, runBroker } from '../broker/broker.ts';
import type { LogLevel as BrokerLogLevel } from '../broker/config/logger-levels.ts';
import type { ControlFolder } from '../broker/control/control-server.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import { NodeTransport } from '../broker/network/node-transport.ts';
import { StartError } from '../broker/start-error.ts';
import { version } from '../broker/version.ts';
import { openControlFolder } from './control-folder.ts';
import { configurationOf, type GivenSettings } from './given-settings.ts';
import { type LogLevel, LogLines } from './serve-log.ts';

export interface ServeOptions extends GivenSettings {
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
      http: {},
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

/** One line on stdout, and in the ready file: it appears whole. */
function announce(broker: RunningBroker, { memory, readyFile }: ServeOptions): void {
  const data = memory ? 'in memory' : `data in ${broker.directory}`;
  const http = broker.httpUrl === null ? '' : `${broker.httpUrl}, `;
  const line = `kompakt ${version} ready on ${broker.bootstrapServers}, ${http}${data}, ${Math.round(performance.now())} ms\n`;
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
