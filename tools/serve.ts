/**
 * `kompakt serve`: a broker as a process. Settings from the command line and a file, logs on stderr, one line on stdout when it
 * is ready, a clean end on SIGTERM and SIGINT.
 */
import { version } from '../broker/version.ts';
import {
  describeFailure,
  describePlace,
  type ProcessBroker,
  say,
  startBrokerProcess,
} from './broker-process.ts';
import { clockOf, configurationOf, type GivenSettings, namesDirectory } from './given-settings.ts';
import { ReadyFile } from './ready-file.ts';
import { type LogLevel, LogLines } from './serve-log.ts';

export interface ServeOptions extends GivenSettings {
  readonly set: readonly string[];
  readonly readyFile?: string;
  readonly logLevel: LogLevel;
}

/** Runs until it is told to stop; resolves with the exit code. */
export async function serve(options: ServeOptions): Promise<number> {
  const read = configurationOf(options);
  if (typeof read === 'string') return fail(read);
  const readyFile = new ReadyFile(options.readyFile);
  const inTheWay = readyFile.clear();
  if (inTheWay !== undefined) return fail(inTheWay);
  const { logLevel, from, memory = false } = options;
  const isPlaceless = memory || (from !== undefined && !namesDirectory(options, read));
  const lines = new LogLines({ isSilent: logLevel === 'silent', isReadable: process.stderr.isTTY });
  const signals = watchSignals();
  let broker: ProcessBroker;
  let failure: string | undefined;
  try {
    broker = await startBrokerProcess({
      configuration: read,
      isPlaceless,
      ...(from === undefined ? {} : { from }),
      clock: clockOf(options)!,
      logLevel,
      lines,
      stop: signals.stop,
      failed: (error) => {
        failure = `a reset failed: ${describeFailure(error)}`;
        signals.stop();
      },
    });
  } catch (error) {
    signals.forget();
    await lines.load();
    return fail(describeFailure(error));
  }
  // Before the line: who reads that may go and look for the file. Without its file nobody would know of this broker.
  const unwritten = readyFile.write(broker, isPlaceless);
  if (unwritten === undefined) {
    announce(broker, describePlace({ isPlaceless, from }, broker.directory));
    // Whoever waited for that line comes first: what writes the log takes 20 ms to load.
    const written = isQuiet(signals.stopped).then(() => lines.load());
    await Promise.all([written, signals.stopped]);
    readyFile.clear();
  }
  try {
    await broker.stop();
  } catch (error) {
    return fail(`did not stop cleanly: ${describeFailure(error)}`);
  } finally {
    signals.forget();
  }
  const wrong = unwritten ?? failure;
  return wrong === undefined ? 0 : fail(wrong);
}

/** So long after the start nobody measures it any more, and nobody has missed the log. */
const quietMs = 100;

/** Resolves then, or when the process is to stop. */
function isQuiet(stopped: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, quietMs);
    void stopped.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** One line on stdout. */
function announce(broker: ProcessBroker, place: string): void {
  const http = broker.httpUrl === null ? '' : `${broker.httpUrl}, `;
  process.stdout.write(
    `kompakt ${version} ready on ${broker.bootstrapServers}, ${http}${place}, ${Math.round(performance.now())} ms\n`,
  );
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

function fail(message: string): number {
  say(message);
  return 1;
}
