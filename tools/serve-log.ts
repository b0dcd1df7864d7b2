/**
 * The broker's log on stderr: pino's JSON lines, or readable ones on a terminal.
 *
 * pino and pino-pretty take longer to load than a broker to start, so lines are kept, with their time, until `load` has loaded
 * them, which happens when the broker listens, or fails to.
 */
import type { Logger as Pino } from 'pino';
import type { LogFields, Logger } from '../broker/observe/logger.ts';

export type LogLevel = LineLevel | 'silent';
type LineLevel = 'debug' | 'info' | 'warn' | 'error';

interface Line {
  readonly timeMs: number;
  readonly level: LineLevel;
  readonly name: string;
  readonly message: string;
  readonly fields: LogFields;
}

export class LogLines {
  readonly #isSilent: boolean;
  readonly #isReadable: boolean;
  #kept: Line[] = [];
  #pino: Pino | null = null;
  #loading: Promise<void> | null = null;
  /** The time of the line being written, which may have waited. */
  #lineTimeMs = 0;

  /** What is not to be logged at all does not come here: see broker/observe/leveled-logger.ts. */
  constructor(options: { isSilent: boolean; isReadable: boolean }) {
    this.#isSilent = options.isSilent;
    this.#isReadable = options.isReadable;
  }

  logger(name = 'broker'): Logger {
    const at =
      (level: LineLevel) =>
      (message: string, fields: LogFields = {}): void =>
        this.#line({ timeMs: Date.now(), level, name, message, fields });
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      named: (inner) => this.logger(inner),
    };
  }

  /** Loads what writes the lines, and writes those that were kept. */
  load(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load(): Promise<void> {
    const stderr = 2;
    const { pino } = await import('pino');
    const options = {
      level: this.#isSilent ? 'silent' : 'debug',
      base: null,
      timestamp: () => `,"time":${this.#lineTimeMs}`,
      serializers: { error: pino.stdSerializers.err },
    };
    if (this.#isReadable) {
      const { default: pretty } = await import('pino-pretty');
      const style = { destination: stderr, sync: true, ignore: 'name', translateTime: 'SYS:HH:MM:ss.l' };
      this.#pino = pino(options, pretty({ ...style, messageFormat: '{name}: {msg}' }));
    } else {
      this.#pino = pino(options, pino.destination({ dest: stderr, sync: true }));
    }
    for (const line of this.#kept) this.#write(line);
    this.#kept = [];
  }

  #line(line: Line): void {
    if (this.#pino === null) this.#kept.push(line);
    else this.#write(line);
  }

  #write({ timeMs, level, name, message, fields }: Line): void {
    this.#lineTimeMs = timeMs;
    this.#pino![level]({ ...fields, name }, message);
  }
}
