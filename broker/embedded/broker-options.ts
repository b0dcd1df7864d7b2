/** What a program may ask of a broker inside it, what of that cannot be meant, and the configuration that it comes to. */

import type { Environment } from '../../storage/environment/environment.ts';
import { type Configuration, readConfiguration } from '../config/settings.ts';
import { textsOf } from '../config/sources.ts';
import type { RequestHook } from '../network/request-hook.ts';
import type { Transport } from '../network/transport.ts';
import type { Logger } from '../observe/logger.ts';
import { checkInteger, checkNames, checkText } from '../options/check-options.ts';
import { OptionError } from '../options/option-error.ts';
import { Snapshot } from '../snapshots/snapshot.ts';
import { StartError } from '../start-error.ts';
import { type ClockOption, checkClock } from './broker-clock.ts';

export interface BrokerOptions {
  /** Where the log lies; made if it is not there. Left out: in memory. */
  readonly dataDir?: string;
  /**
   * The state to begin with, which is never changed by that: a data directory that no broker uses, such as `broker.snapshot(dir)` makes, or
   * what `broker.snapshot()` gives. With `dataDir`, which must be empty then, it goes on there. Else a directory goes on in a temporary one
   * beside it, which the stop removes, and a snapshot in memory.
   */
  readonly from?: string | Snapshot;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Kafka's configuration keys, and Kompakt's own. */
  readonly config?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Sees every request, and may fail, delay or drop it. */
  readonly onRequest?: RequestHook;
  /** 'virtual': time stands still until `broker.clock.advance` moves it. Default: 'real'. */
  readonly clock?: ClockOption;
  /** Time, disk and chance other than the real ones, for simulations. */
  readonly environment?: Environment;
  /** A network other than TCP. */
  readonly transport?: Transport;
  /** Serves HTTP: by default on any free port of 127.0.0.1. Left out: not at all. */
  readonly http?: HttpOptions;
}

export interface HttpOptions {
  /** Default 127.0.0.1; one beyond this machine needs `token`. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** What each request has to show, as `Authorization: Bearer …`. */
  readonly token?: string;
  /** Names of this server besides loopback and `host`. */
  readonly allowedHosts?: readonly string[];
  /** Origins whose web pages may read and write. */
  readonly corsOrigins?: readonly string[];
  /** Tests may control the broker over HTTP too, in any language: docs/test-control.md. Default: they may not. */
  readonly testControl?: boolean;
}

type Config = NonNullable<BrokerOptions['config']>;
type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

const optionNames: Names<BrokerOptions> = {
  dataDir: true,
  from: true,
  host: true,
  port: true,
  config: true,
  logger: true,
  onRequest: true,
  clock: true,
  environment: true,
  transport: true,
  http: true,
};

/** Each option of HTTP, and the key that says the same. */
const httpKeys: { readonly [Name in keyof Required<HttpOptions>]: string } = {
  host: 'kompakt.http.host',
  port: 'kompakt.http.port',
  token: 'kompakt.http.token',
  allowedHosts: 'kompakt.http.allowed.hosts',
  corsOrigins: 'kompakt.http.cors.origins',
  testControl: 'kompakt.test.control',
};
const httpSwitch = 'kompakt.http.enable';

const portMax = 65_535;

/** Keys that say where the data is. */
const directoryKeys = ['log.dirs', 'log.dir'];
const memoryKey = 'kompakt.memory.limit.bytes';

/** Throws an OptionError for what nobody knows or nobody can mean; what a key may be, its configuration says. */
export function checkBrokerOptions(options: BrokerOptions): void {
  checkNames('startBroker', options, optionNames);
  const { dataDir, host, port, http, config = {} } = options;
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new OptionError('config', 'config takes keys and values: { "num.partitions": 4 }');
  if (options.clock !== undefined) {
    checkClock(options.clock);
    if (options.environment !== undefined)
      throw new OptionError(
        'clock',
        'clock and environment contradict each other: an environment has its own clock',
      );
  }
  if (dataDir !== undefined) checkText('dataDir', dataDir);
  if (options.from !== undefined) checkFrom(options);
  if (host !== undefined) checkText('host', host);
  if (port !== undefined) checkInteger('port', port, 0, portMax);
  for (const option of ['host', 'port'] as const)
    if (options[option] !== undefined) refuseBoth(option, config, 'listeners');
  if (dataDir !== undefined) {
    for (const key of directoryKeys) refuseBoth('dataDir', config, key);
    if (memoryKey in config)
      throw new OptionError(
        'dataDir',
        `dataDir and config ${memoryKey} contradict each other: the limit is for a broker in memory`,
      );
  }
  checkHttp(http, config);
}

function checkFrom({ from, environment }: BrokerOptions): void {
  if (!(from instanceof Snapshot) && (typeof from !== 'string' || from === ''))
    throw new OptionError('from', 'from is a data directory, or what broker.snapshot() gave');
  if (environment !== undefined)
    throw new OptionError(
      'from',
      'from and environment contradict each other: an environment has its own files',
    );
}

function checkHttp(http: HttpOptions | undefined, config: Config): void {
  if (http === undefined) {
    for (const key of [httpSwitch, ...Object.values(httpKeys)])
      if (key in config && !(key === httpSwitch && String(config[key]) === 'false'))
        throw new OptionError('http', `config ${key} is without effect unless the option http is given`);
    return;
  }
  if (typeof http !== 'object' || http === null)
    throw new OptionError('http', 'http takes its options: { port: 9080 }, or {} for a free port');
  checkNames('http', http, httpKeys, 'http.');
  if (http.port !== undefined) checkInteger('http.port', http.port, 0, portMax);
  for (const [name, key] of Object.entries(httpKeys))
    if (http[name as keyof HttpOptions] !== undefined) refuseBoth(`http.${name}`, config, key);
  if (httpSwitch in config) refuseBoth('http', config, httpSwitch);
}

function refuseBoth(option: string, config: Config, key: string): void {
  if (key in config)
    throw new OptionError(option, `${option} and config ${key} contradict each other; give one of them`);
}

/** A new one each time: what clients change of it lives as long as the broker that it is for. */
export function configurationOf({ dataDir, port, host, http, config = {} }: BrokerOptions): Configuration {
  const result = readConfiguration({
    defaultAddress: { host: '127.0.0.1', port: 0 },
    set: textsOf({ ...config, ...httpConfig(http, config) }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(dataDir === undefined ? {} : { dataDirectory: dataDir }),
  });
  if (!result.ok) throw new StartError(result.messages.join('; '));
  return result.configuration;
}

export function isInMemory({ staticTexts }: Configuration): boolean {
  return !directoryKeys.some((key) => staticTexts.has(key));
}

/** What is asked of HTTP, as configuration; a port is always asked for, so that one which is taken is an error. */
function httpConfig(http: HttpOptions | undefined, config: Config): Config {
  if (http === undefined) return { [httpSwitch]: false };
  const values: Record<string, Config[string]> = { [httpSwitch]: true };
  if (!(httpKeys.port in config)) values[httpKeys.port] = 0;
  for (const [name, key] of Object.entries(httpKeys)) {
    const value = http[name as keyof HttpOptions];
    if (value !== undefined) values[key] = value;
  }
  return values;
}
