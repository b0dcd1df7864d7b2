/**
 * The broker-logger resource (KIP-412): levels of single loggers, changed while the broker runs and forgotten when it stops. A logger
 * without a level of its own has that of `root`.
 */
import { errors } from '../../protocol/errors.ts';
import { configSources, type DescribedConfig } from './describe.ts';
import type { ConfigProblem } from './rules.ts';

/** Kafka's names, the most talkative first. */
export const logLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LogLevel = (typeof logLevels)[number];

export const rootLogger = 'root';

export class LoggerLevels {
  readonly #own = new Map<string, LogLevel | null>();
  #root: LogLevel;

  constructor(root: LogLevel = 'INFO') {
    this.#root = root;
  }

  /** Makes a logger known, so that it can be described and changed. */
  register(name: string): void {
    if (!this.#own.has(name)) this.#own.set(name, null);
  }

  has(name: string): boolean {
    return name === rootLogger || this.#own.has(name);
  }

  levelOf(name: string): LogLevel {
    return this.#own.get(name) ?? this.#root;
  }

  isEnabled(name: string, level: LogLevel): boolean {
    return logLevels.indexOf(level) >= logLevels.indexOf(this.levelOf(name));
  }

  set(name: string, level: LogLevel): void {
    if (name === rootLogger) this.#root = level;
    else this.#own.set(name, level);
  }

  /** Back to the level of `root`. */
  reset(name: string): void {
    if (this.#own.has(name)) this.#own.set(name, null);
  }

  names(): readonly string[] {
    return [rootLogger, ...[...this.#own.keys()].sort()];
  }
}

/** Codes of IncrementalAlterConfigs. */
const set = 0;
const remove = 1;

export interface LoggerOperation {
  readonly name: string;
  readonly operation: number;
  readonly value: string | null;
}

/** Changes levels as asked, all of them or none. Null, or why not. */
export function alterLoggerLevels(
  levels: LoggerLevels,
  operations: readonly LoggerOperation[],
  validateOnly: boolean,
): ConfigProblem | null {
  for (const operation of operations) {
    const problem = problemOf(levels, operation);
    if (problem) return problem;
  }
  if (validateOnly) return null;
  for (const { name, operation, value } of operations) {
    if (operation === remove) levels.reset(name);
    else levels.set(name, value as LogLevel);
  }
  return null;
}

function problemOf(levels: LoggerLevels, { name, operation, value }: LoggerOperation): ConfigProblem | null {
  if (operation !== set && operation !== remove) {
    const errorMessage = `Operation ${operation} is not allowed for the BROKER_LOGGER resource`;
    return { errorCode: errors.invalidRequest.code, errorMessage };
  }
  if (!levels.has(name)) {
    return { errorCode: errors.invalidConfig.code, errorMessage: `Logger ${name} does not exist!` };
  }
  if (operation === remove && name === rootLogger) {
    return {
      errorCode: errors.invalidRequest.code,
      errorMessage: 'Removing the log level of the root logger is not allowed',
    };
  }
  if (operation === set && !(logLevels as readonly (string | null)[]).includes(value)) {
    const errorMessage = `${value} is not a level for ${name}; there are ${logLevels.join(', ')}`;
    return { errorCode: errors.invalidConfig.code, errorMessage };
  }
  return null;
}

/** As DescribeConfigs shows loggers. */
export function describeLoggers(levels: LoggerLevels): DescribedConfig[] {
  return levels.names().map((name) => ({
    name,
    value: levels.levelOf(name),
    readOnly: false,
    isDefault: false,
    configSource: configSources.brokerLogger,
    isSensitive: false,
    synonyms: [],
    configType: 0,
    documentation: null,
  }));
}
