/** The configuration that the options of a command give. */
import { readFileSync } from 'node:fs';
import { type Configuration, readConfiguration, type SettingsSources } from '../broker/config/settings.ts';
import { parseAssignments } from '../broker/config/sources.ts';
import type { ClockOption } from '../broker/index.ts';

export interface GivenSettings {
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly memory?: boolean;
  readonly ignoreAcls?: boolean;
  /** false: --no-http. */
  readonly http?: boolean;
  readonly httpHost?: string;
  readonly httpPort?: string;
  /** Path of a file with the token. */
  readonly httpTokenFile?: string;
  readonly testControl?: boolean;
  /** A data directory to begin with. */
  readonly from?: string;
  /** See clockForms. */
  readonly clock?: string;
  /** Path of a server.properties. */
  readonly properties?: string;
  /** key=value */
  readonly set?: readonly string[];
}

/** The configuration, or the line that says what is wrong with it; `defaultAddress` is where to listen unless the options say. */
export function configurationOf(
  options: GivenSettings,
  defaultAddress?: { readonly host: string; readonly port: number },
): Configuration | string {
  for (const [option, text] of [
    ['--port', options.port],
    ['--http-port', options.httpPort],
  ])
    if (text !== undefined && !isPort(text))
      return `${option} ${text} is not a port: a number from 0 to 65535`;
  const port = options.port === undefined ? undefined : Number(options.port);
  if (options.memory && options.from !== undefined)
    return '--memory and --from contradict each other: what is in a directory goes on in a temporary one';
  if (options.memory && options.dataDir !== undefined)
    return '--memory and --data-dir contradict each other; give one of them';
  const assignments = parseAssignments(options.set ?? []);
  if (!assignments.ok) return assignments.message;
  const directoryKey = ['log.dirs', 'log.dir'].find((key) => assignments.set.has(key));
  if (options.memory && directoryKey !== undefined)
    return `--memory and --set ${directoryKey} contradict each other; give one of them`;
  const set = new Map(assignments.set);
  if (options.ignoreAcls) set.set('kompakt.ignore.acls', 'true');
  const wrong = setHttp(options, set);
  if (wrong !== undefined) return wrong;
  for (const [variable, key] of [
    [httpTokenVariable, 'kompakt.http.token'],
    [lookupTokenVariable, 'kompakt.lookup.rpc.token'],
  ] as const) {
    const token = process.env[variable];
    if (token !== undefined && !set.has(key)) set.set(key, token);
  }
  let sources: SettingsSources = { set };
  if (defaultAddress !== undefined) sources = { ...sources, defaultAddress };
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
  if (!result.ok) return result.messages.join('; ');
  const { configuration } = result;
  const clock = clockOf(options);
  if (clock === null) return `--clock ${options.clock} is none of ${clockForms}`;
  if (clock !== 'real' && !configuration.settings['kompakt.test.control'])
    return `--clock ${options.clock} is for tests: without --test-control nobody could move it`;
  return configuration;
}

/** Whether it is said where the data is to be. */
export function namesDirectory({ dataDir }: GivenSettings, { staticTexts }: Configuration): boolean {
  return dataDir !== undefined || staticTexts.has('log.dirs') || staticTexts.has('log.dir');
}

const clockForms =
  'real, virtual, and virtual@ with a time from 1970 on, such as virtual@2026-01-01T00:00:00Z';
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/** Of `--clock`; null for what is none. */
export function clockOf({ clock = 'real' }: GivenSettings): ClockOption | null {
  if (clock === 'real' || clock === 'virtual') return clock;
  const [kind, at = '', ...rest] = clock.split('@');
  const startMs = isoTime.test(at) ? Date.parse(at) : Number.NaN;
  return kind === 'virtual' && rest.length === 0 && startMs >= 0 ? { kind, startMs } : null;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

/** Environment variables that hold tokens, where no list of processes shows them. */
const httpTokenVariable = 'KOMPAKT_HTTP_TOKEN';
/** For the broker; the commands that call it read the same one (open-lookups.ts). */
const lookupTokenVariable = 'KOMPAKT_LOOKUP_TOKEN';

/** What the options for HTTP are as keys; what is wrong with them, or undefined. */
function setHttp(options: GivenSettings, set: Map<string, string>): string | undefined {
  const { http, httpHost, httpPort, httpTokenFile, testControl } = options;
  if (http === false && (httpHost ?? httpPort ?? httpTokenFile ?? testControl) !== undefined)
    return '--no-http and the other options for HTTP contradict each other';
  const given: [option: string, key: string, text: string | undefined][] = [
    ['--no-http', 'kompakt.http.enable', http === false ? 'false' : undefined],
    ['--http-host', 'kompakt.http.host', httpHost],
    ['--http-port', 'kompakt.http.port', httpPort],
    ['--test-control', 'kompakt.test.control', testControl ? 'true' : undefined],
  ];
  if (httpTokenFile !== undefined) {
    try {
      given.push(['--http-token-file', 'kompakt.http.token', readFileSync(httpTokenFile, 'utf8').trim()]);
    } catch (error) {
      return `cannot read ${httpTokenFile}: ${(error as Error).message}`;
    }
  }
  for (const [option, key, text] of given) {
    if (text === undefined) continue;
    if (set.has(key)) return `${option} and --set ${key} contradict each other; give one of them`;
    set.set(key, text);
  }
  return undefined;
}
