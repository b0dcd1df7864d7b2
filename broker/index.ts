/**
 * Kompakt as a library: a broker inside another program, usually a test suite. Everything that a process would do of itself is
 * left out: no output, no signal handlers, no environment variables, no files unless a directory is given.
 */

import type { CompactionReceipt } from '../compaction/receipt.ts';
import type { Environment } from '../storage/environment/environment.ts';
import { runBroker } from './broker.ts';
import type { CompactOptions, ExplainOptions } from './cleaning/compactions.ts';
import type { PartitionExplanation } from './cleaning/explain-log.ts';
import type { CleanerStatus } from './cleaning/log-cleaner.ts';
import { readConfiguration } from './config/settings.ts';
import { textsOf } from './config/sources.ts';
import { type Tables, tablesOf } from './connect-lookup.ts';
import { defaultEnvironment } from './default-environment.ts';
import type { FaultOptions } from './faults/fault-options.ts';
import type { Fault } from './faults/fault-rules.ts';
import type { RequestFilter, SeenRequest } from './faults/request-log.ts';
import { TestControl } from './faults/test-control.ts';
import type { Lookups } from './lookup/lookup.ts';
import { NodeTransport } from './network/node-transport.ts';
import type { RequestHook } from './network/request-hook.ts';
import type { Transport } from './network/transport.ts';
import type { Gap } from './observe/gaps.ts';
import { type Logger, silentLogger } from './observe/logger.ts';
import { StartError } from './start-error.ts';

export type { UncleanableReason } from '../compaction/clean-job.ts';
export type { ExplainedRecord, PartitionState } from '../compaction/explain.ts';
export type { CompactionReceipt, KeptRecords, RemovedRecords } from '../compaction/receipt.ts';
export { CompactionRefused } from './cleaning/compaction-refused.ts';
export type {
  CompactionProgress,
  CompactOptions,
  ExplainOptions,
} from './cleaning/compactions.ts';
export type { PartitionExplanation } from './cleaning/explain-log.ts';
export type { CleanerStatus, RunningPass } from './cleaning/log-cleaner.ts';
export type { Trouble } from './cleaning/troubled-logs.ts';
export type { LookupAddress, LookupClient, TableOptions, Tables } from './connect-lookup.ts';
export { connectLookup } from './connect-lookup.ts';
export type { FaultError, FaultOptions, FaultyApi } from './faults/fault-options.ts';
export { FaultRefused } from './faults/fault-options.ts';
export type { Fault } from './faults/fault-rules.ts';
export type { RequestFilter, SeenRecords, SeenRequest } from './faults/request-log.ts';
export type {
  Change,
  ChangesOptions,
  GetOptions,
  History,
  HistoryOptions,
  KeyAnswer,
  KeyRecord,
  LiveRecord,
  LookupRefusal,
  Lookups,
  Page,
  PageOptions,
  RecordHeader,
  RecordId,
  TableStatus,
  WaitOptions,
  WriteOptions,
  Written,
} from './lookup/lookup.ts';
export { etagOf, LookupRefused } from './lookup/lookup.ts';
export { LookupConnectionError } from './lookup/rpc-channel.ts';
export type {
  ScanOptions,
  Table,
  TableAnswer,
  TableChange,
  TableChangesOptions,
  TableHistory,
  TableKey,
  TableRecord,
} from './lookup/table.ts';
export { UnreadableValue } from './lookup/table.ts';
export type { ValueCodec, ValueFormat } from './lookup/value-codecs.ts';
export type { HookedRequest, HookVerdict, RequestHook } from './network/request-hook.ts';
export type { Gap, GapKind } from './observe/gaps.ts';
export type { LogFields, Logger } from './observe/logger.ts';
export { StartError } from './start-error.ts';

export interface BrokerOptions {
  /** Where the log lies; made if it is not there. Left out: in memory. */
  readonly dataDir?: string;
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
}

export interface Broker extends AsyncDisposable {
  /** host:port, for a client's list of brokers. */
  readonly bootstrapServers: string;
  /** The same as a list, as kafkajs wants it. */
  readonly brokers: string[];
  readonly port: number;
  /** Where HTTP is, such as http://127.0.0.1:9080; null without `http`. */
  readonly httpUrl: string | null;
  readonly clusterId: string;
  /**
   * Compacts a topic now, whether it is due or not, and tells for each partition what went, what stayed and why. Rejects with
   * `CompactionRefused` where there is no such topic, or it is not compacted.
   */
  compact(topic: string, options?: CompactOptions): Promise<CompactionReceipt[]>;
  /** The records of a key (text counts as UTF-8) that are still in the topic's logs, each with why and until when. */
  explain(topic: string, key: string | Uint8Array, options?: ExplainOptions): Promise<PartitionExplanation[]>;
  /** Compacted topics as the key/value stores that they are. */
  readonly lookups: Lookups;
  /** One of them, with its values decoded; nothing is asked before it is used. */
  readonly table: Tables;
  /** Where `connectLookup` reaches this broker over TCP; null without `kompakt.lookup.rpc.port`. */
  readonly lookupPort: number | null;
  /** What the cleaner is doing, and which logs it cannot clean. */
  cleanerStatus(): CleanerStatus;
  /**
   * Lets requests go wrong: fails, delays, throttles or cuts off those that match, until `remove` is called on what it gives, or
   * `times` of them have been hit. Throws a `FaultRefused` that names the option which makes no sense.
   */
  fault(options: FaultOptions): Fault;
  /** The latest requests of clients, decoded, in the order in which they came; at most 2000 of them. */
  requests(filter?: RequestFilter): SeenRequest[];
  /**
   * What clients asked this broker for, or its configuration, and it refused or ignored: with counts, clients and the page that
   * explains it.
   */
  gaps(): Gap[];
  /** Closes everything that was opened; waiting fetches are dropped. Idempotent. */
  stop(): Promise<void>;
}

/** In memory a directory has a name too; nobody sees it. */
const memoryDirectory = '/kompakt-data';

/** Starts a broker; throws a StartError that says why it cannot. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const { dataDir, port, host, config = {} } = options;
  const result = readConfiguration({
    defaultAddress: { host: '127.0.0.1', port: 0 },
    set: textsOf({ ...config, ...httpConfig(options.http, config) }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(dataDir === undefined ? {} : { dataDirectory: dataDir }),
  });
  if (!result.ok) throw new StartError(result.messages.join('; '));
  const { configuration } = result;
  const isInMemory =
    dataDir === undefined &&
    !configuration.staticTexts.has('log.dirs') &&
    !configuration.staticTexts.has('log.dir');
  const control = new TestControl(options.onRequest ?? null);
  const broker = await runBroker({
    configuration,
    environment: options.environment ?? defaultEnvironment(configuration.settings, isInMemory),
    transport: options.transport ?? new NodeTransport(),
    logger: options.logger ?? silentLogger,
    processId: process.pid,
    hook: control.hook,
    ...(options.http === undefined ? {} : { http: {} }),
    ...(isInMemory ? { directory: memoryDirectory } : {}),
  });
  const { bootstrapServers, clusterId } = broker;
  const stop = () => broker.stop();
  return {
    bootstrapServers,
    brokers: [bootstrapServers],
    port: broker.listeners[0]!.endpoints[0]!.port,
    httpUrl: broker.httpUrl,
    clusterId,
    compact: (topic, options) => broker.compactions.compact(topic, options),
    explain: (topic, key, options) => broker.compactions.explain(topic, Buffer.from(key), options),
    lookups: broker.lookups,
    table: tablesOf(broker.lookups),
    lookupPort: broker.lookupEndpoint?.port ?? null,
    cleanerStatus: () => broker.cleanerStatus(),
    fault: (options) => control.faults.add(options),
    requests: (filter) => control.requests.list(filter),
    gaps: () => broker.gaps.list(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

type Config = NonNullable<BrokerOptions['config']>;

/** What is asked of HTTP, as configuration; a port is always asked for, so that one which is taken is an error. */
function httpConfig(http: HttpOptions | undefined, config: Config): Config {
  if (http === undefined) return { 'kompakt.http.enable': false };
  const { host, port, token, allowedHosts, corsOrigins } = http;
  const values = {
    'kompakt.http.enable': true,
    'kompakt.http.host': host,
    'kompakt.http.port': port ?? config['kompakt.http.port'] ?? 0,
    'kompakt.http.token': token,
    'kompakt.http.allowed.hosts': allowedHosts,
    'kompakt.http.cors.origins': corsOrigins,
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Config;
}
