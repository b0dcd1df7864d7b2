/**
 * `kompakt exec -- COMMAND …`: a broker for as long as a command runs, usually a test suite in whatever language.
 *
 *   broker on a free port ▶ COMMAND, which finds it in KAFKA_BROKERS ▶ it ends ▶ broker stopped ▶ its exit code
 *
 * stdin and stdout are the command's alone; what we have to say goes to stderr. Exit codes are those that timeout, env and docker
 * run give: the command's own, 128 + n of one that a signal ended, 127 where there is no such command, 126 where it cannot be
 * run, and 125 when it is us who failed.
 */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import crossSpawn from 'cross-spawn';
import type { Configuration } from '../broker/config/settings.ts';
import { describeFailure, type ProcessBroker, say, startBrokerProcess } from './broker-process.ts';
import { clockOf, configurationOf, type GivenSettings, namesDirectory } from './given-settings.ts';
import { ReadyFile } from './ready-file.ts';
import { type LogLevel, LogLines } from './serve-log.ts';

export interface ExecOptions extends GivenSettings {
  readonly set: readonly string[];
  readonly readyFile?: string;
  readonly logLevel: LogLevel;
}

const exitCodes = { ours: 125, notRunnable: 126, notFound: 127 } as const;
const signalExit = (name: NodeJS.Signals): number => 128 + constants.signals[name];

/** Resolves with the exit code. */
export async function exec(words: readonly string[], options: ExecOptions): Promise<number> {
  const configuration = execConfiguration(options);
  if (typeof configuration === 'string') return fail(configuration);
  const readyFile = new ReadyFile(options.readyFile);
  const inTheWay = readyFile.clear();
  if (inTheWay !== undefined) return fail(inTheWay);
  const isPlaceless = options.memory === true || !namesDirectory(options, configuration);
  const { logLevel, from } = options;
  const lines = new LogLines({ isSilent: logLevel === 'silent', isReadable: process.stderr.isTTY });
  const command = new ForegroundCommand();
  try {
    let broker: ProcessBroker;
    let failure: string | undefined;
    try {
      // `kompakt stop` ends the command, and so us: a suite that lost its broker has nothing to go on with.
      const stop = () => command.signal('SIGTERM');
      broker = await startBrokerProcess({
        configuration,
        isPlaceless,
        ...(from === undefined ? {} : { from }),
        clock: clockOf(options)!,
        logLevel,
        lines,
        stop,
        failed: (error) => {
          failure = `a reset failed: ${describeFailure(error)}`;
          stop();
        },
      });
    } catch (error) {
      await lines.load();
      return fail(describeFailure(error));
    }
    const unwritten = readyFile.write(broker, isPlaceless);
    const ended = unwritten === undefined ? command.run(words, environmentFor(broker)) : fail(unwritten);
    await lines.load();
    const code = await ended;
    readyFile.clear();
    try {
      await broker.stop();
    } catch (error) {
      const ours = fail(`did not stop cleanly: ${describeFailure(error)}`);
      return code === 0 ? ours : code;
    }
    return failure === undefined ? code : fail(failure);
  } finally {
    command.forgetSignals();
  }
}

/** As for `serve`, but in memory, on a free port and without HTTP, unless the options say otherwise. */
function execConfiguration(options: ExecOptions): Configuration | string {
  const isSet = (prefix: string): boolean => options.set.some((assignment) => assignment.startsWith(prefix));
  const { httpHost, httpPort, httpTokenFile, testControl } = options;
  const asksForHttp =
    (httpHost ?? httpPort ?? httpTokenFile ?? testControl) !== undefined || isSet('kompakt.http.');
  const http = !asksForHttp
    ? { http: false }
    : httpPort === undefined && !isSet('kompakt.http.port=')
      ? { httpPort: '0' }
      : {};
  return configurationOf({ ...options, ...http }, { host: '127.0.0.1', port: 0 });
}

/** Under both names that programs look for. */
function environmentFor({ bootstrapServers, httpUrl }: ProcessBroker): NodeJS.ProcessEnv {
  return {
    ...process.env,
    KAFKA_BROKERS: bootstrapServers,
    KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
    // Not that of a broker further out.
    KOMPAKT_HTTP_URL: httpUrl ?? undefined,
  };
}

const signalNames = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const;

/** One command in our place: it has our terminal, and gets the signals that are meant for us. */
class ForegroundCommand {
  #child: ChildProcess | null = null;
  #hasEnded = false;
  /** Arrived when there was nobody yet to pass it on to. */
  #early: NodeJS.Signals | null = null;

  constructor() {
    for (const name of signalNames) process.on(name, this.#onSignal);
    process.on('exit', this.#onExit);
  }

  forgetSignals(): void {
    for (const name of signalNames) process.off(name, this.#onSignal);
    process.off('exit', this.#onExit);
  }

  signal(name: NodeJS.Signals): void {
    if (this.#child === null) this.#early = name;
    else if (!this.#hasEnded) this.#child.kill(name);
    // Nothing but our own end is left to wait for, and somebody will not wait.
    else process.exit(signalExit(name));
  }

  /** Resolves with the exit code that its end, or its not beginning, stands for. */
  run([command, ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
    if (this.#early !== null) return Promise.resolve(signalExit(this.#early));
    return new Promise((done) => {
      const end = (code: number): void => {
        this.#hasEnded = true;
        done(code);
      };
      try {
        // It starts what on Windows is a script, such as npm, which Node's own does not.
        this.#child = crossSpawn(command!, args, { stdio: 'inherit', env });
      } catch (error) {
        return end(sayWhyNot(command!, error));
      }
      this.#child.once('error', (error) => end(sayWhyNot(command!, error)));
      this.#child.once('exit', (code, signal) => end(signal === null ? code! : signalExit(signal)));
    });
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    const isRunning = this.#child !== null && !this.#hasEnded;
    if (!isRunning || !isForWholeGroup(name)) this.signal(name);
  };

  /** However we come to end before it: without its broker it would go on for nothing. */
  readonly #onExit = (): void => {
    if (!this.#hasEnded) this.#child?.kill('SIGTERM');
  };
}

/**
 * Ctrl-C and Ctrl-\ in a terminal go to every process in the foreground, the command included; twice is "at once" to many. On
 * Windows that is so of each of these, and passing one on would be a kill.
 */
function isForWholeGroup(name: NodeJS.Signals): boolean {
  if (process.platform === 'win32') return true;
  const isAtTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  return isAtTerminal && (name === 'SIGINT' || name === 'SIGQUIT');
}

function sayWhyNot(command: string, error: unknown): number {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    say(`${command}: no such command`);
    return exitCodes.notFound;
  }
  say(`cannot run ${command}: ${code === 'EACCES' ? 'it is not a program that may be run' : message}`);
  return exitCodes.notRunnable;
}

function fail(message: string): number {
  say(message);
  return exitCodes.ours;
}
