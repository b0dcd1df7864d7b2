import type { LoggerLevels, LogLevel } from '../config/logger-levels.ts';
import type { LogFields, Logger } from './logger.ts';

/** Lets through what the levels of the broker-logger resource let through; each name becomes a logger that it knows. */
export function leveledLogger(target: Logger, levels: LoggerLevels, name: string): Logger {
  levels.register(name);
  const at =
    (level: LogLevel, write: (message: string, fields?: LogFields) => void) =>
    (message: string, fields?: LogFields): void => {
      if (levels.isEnabled(name, level)) write(message, fields);
    };
  return {
    debug: at('DEBUG', target.debug),
    info: at('INFO', target.info),
    warn: at('WARN', target.warn),
    error: at('ERROR', target.error),
    named: (inner) => leveledLogger(target.named(inner), levels, inner),
  };
}
