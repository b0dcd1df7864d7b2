/** A broker that has the process to itself: the real environment and network, found by the control commands, logging to stderr. */
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type RunningBroker, runBroker } from '../broker/broker.ts';
import type { LogLevel as BrokerLogLevel } from '../broker/config/logger-levels.ts';
import type { Configuration } from '../broker/config/settings.ts';
import type { ControlFolder } from '../broker/control/control-server.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import type { ClockOption } from '../broker/embedded/broker-clock.ts';
import { EmbeddedBroker } from '../broker/embedded/embedded-broker.ts';
import { planFork } from '../broker/embedded/forks.ts';
import type { ProcessParts } from '../broker/embedded/world.ts';
import { NodeTransport } from '../broker/network/node-transport.ts';
import { OptionError } from '../broker/options/option-error.ts';
import { StartError } from '../broker/start-error.ts';
import { openControlFolder } from './control-folder.ts';
import type { LogLevel, LogLines } from './serve-log.ts';

export interface BrokerProcess {
  readonly configuration: Configuration;
  /** No directory is given for the data: in memory, or, where it begins with one, in a temporary one beside that. */
  readonly isPlaceless: boolean;
  /** A data directory to begin with. */
  readonly from?: string;
  readonly clock?: ClockOption;
  readonly logLevel: LogLevel;
  readonly lines: LogLines;
  /** What `kompakt stop` asks for. */
  stop(): void;
  /** A test has reset it, and that failed: it has stopped. */
  failed(error: unknown): void;
}

/** What a command needs of the broker that it runs. */
export type ProcessBroker = Pick<RunningBroker, 'bootstrapServers' | 'httpUrl' | 'directory' | 'stop'>;

/** In memory a directory has a name too; nobody sees it. */
const memoryDirectory = '/kompakt-data';

/** Throws an OptionError or a StartError. */
export function startBrokerProcess(options: BrokerProcess): Promise<ProcessBroker> {
  collectAlone();
  // Nobody pays for the log of requests, or for ports that outlive a reset, unless somebody may ask for them.
  return options.configuration.settings['kompakt.test.control']
    ? startForTests(options)
    : startAlone(options);
}

function startAlone(options: BrokerProcess): Promise<RunningBroker> {
  const { configuration, isPlaceless, from, lines } = options;
  const environment = defaultEnvironment(configuration.settings, isPlaceless && from === undefined);
  const directory = isPlaceless ? null : resolve(configuration.dataDirectory);
  return runBroker({
    configuration,
    environment,
    transport: new NodeTransport(),
    logger: lines.logger(),
    processId: process.pid,
    ...processParts(options),
    ...(isPlaceless ? { directory: memoryDirectory } : {}),
    ...(from === undefined ? {} : planFork(from, environment, directory)),
    http: {},
  });
}

async function startForTests(options: BrokerProcess): Promise<ProcessBroker> {
  const { configuration, isPlaceless, from, clock, lines } = options;
  const broker = await EmbeddedBroker.open({
    configuration,
    isPlaceless,
    options: {
      logger: lines.logger(),
      ...(from === undefined ? {} : { from }),
      ...(clock === undefined ? {} : { clock }),
    },
    process: processParts(options),
    hasHttp: true,
  });
  broker.onFailure(options.failed);
  if (!isPlaceless)
    lines
      .logger('http')
      .warn(
        `whoever may use ${broker.httpUrl ?? 'HTTP'} may empty ${broker.directory}: --test-control is on`,
      );
  return broker;
}

function processParts({ logLevel, stop, isPlaceless, from, lines }: BrokerProcess): ProcessParts {
  return {
    ...(logLevel === 'silent' ? {} : { logLevel: logLevel.toUpperCase() as BrokerLogLevel }),
    control: { stop, isInMemory: isPlaceless && from === undefined, folder: controlFolder(lines) },
  };
}

/**
 * What a broker leaves for the collector's short pauses is little, and collecting it with helper threads is dearer than alone: 0.8 ms a pause
 * instead of 0.5, and a fifth more processor for each object. Where others use the processors too, all wait for the last of
 * the helpers to get one: pauses of 30 to 150 ms were seen, alone they were 3.
 */
function collectAlone(): void {
  setFlagsFromString('--no-parallel-scavenge');
}

/** Where its data is, as a person reads it. */
export function describePlace(
  { isPlaceless, from }: Pick<BrokerProcess, 'isPlaceless' | 'from'>,
  directory: string,
): string {
  if (!isPlaceless) return `data in ${directory}`;
  return from === undefined ? 'in memory' : `data in ${directory} until it stops`;
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
  if (error instanceof OptionError) return inWordsOfTheCommand(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The library calls it `dataDir`, the command --data-dir. */
function inWordsOfTheCommand({ option, message }: OptionError): string {
  const name = `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return message.startsWith(option) ? `${name}${message.slice(option.length)}` : `${name}: ${message}`;
}

/** What a user reads of us beside the log, on stderr. */
export function say(message: string): void {
  process.stderr.write(`kompakt: ${message}\n`);
}
