/**
 * Log lines: a message that reads alone, and fields for machines. The real one (pino) is made in tools/; a library broker
 * is silent unless it is given one.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same logger under a name such as 'storage', 'groups' (Kafka's broker-logger resource sets levels by it). */
  named(name: string): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;

const nothing = (): void => {};

/** Says nothing; the default inside other people's test suites. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  named: () => silentLogger,
};
