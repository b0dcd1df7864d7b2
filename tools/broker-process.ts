/** A broker that has the process to itself: the real environment and network, found by the control commands, logging to stderr. */
import { type RunningBroker, runBroker } from '../broker/broker.ts';
import type { LogLevel as BrokerLogLevel } from '../broker/config/logger-levels.ts';
import type { Configuration } from '../broker/config/settings.ts';
import type { ControlFolder } from '../broker/control/control-server.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import { TestControl } from '../broker/faults/test-control.ts';
import { NodeTransport } from '../broker/network/node-transport.ts';
import { StartError } from '../broker/start-error.ts';
import { openControlFolder } from './control-folder.ts';
import type { LogLevel, LogLines } from './serve-log.ts';

export interface BrokerProcess {
  readonly configuration: Configuration;
  readonly isInMemory: boolean;
  readonly logLevel: LogLevel;
  readonly lines: LogLines;
  /** What `kompakt stop` asks for. */
  stop(): void;
}

/** In memory a directory has a name too; nobody sees it. */
const memoryDirectory = '/kompakt-data';

export function startBrokerProcess(options: BrokerProcess): Promise<RunningBroker> {
  const { configuration, isInMemory, logLevel, lines, stop } = options;
  const testControl = configuration.settings['kompakt.test.control'] ? new TestControl(null) : null;
  return runBroker({
    configuration,
    environment: defaultEnvironment(configuration.settings, isInMemory),
    transport: new NodeTransport(),
    logger: lines.logger(),
    processId: process.pid,
    ...(logLevel === 'silent' ? {} : { logLevel: logLevel.toUpperCase() as BrokerLogLevel }),
    ...(isInMemory ? { directory: memoryDirectory } : {}),
    // Nobody pays for the log of requests unless somebody may ask for it.
    ...(testControl === null ? { http: {} } : { hook: testControl.hook, http: { testControl } }),
    control: { stop, isInMemory, folder: controlFolder(lines) },
  });
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

/** Why a broker did not start or stop: a sentence, or of an error that nobody expected all there is. */
export function describeFailure(error: unknown): string {
  if (error instanceof StartError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What a user reads of us beside the log, on stderr. */
export function say(message: string): void {
  process.stderr.write(`kompakt: ${message}\n`);
}
