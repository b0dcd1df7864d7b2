/**
 * Puts a broker together from an environment, a transport and a configuration, in the order in which it starts; nothing is
 * decided here. Each step says how it is undone, and a stop, or a start that fails half-way, undoes them in reverse:
 *
 *    directory lock ▶ ports bound ▶ log directory ▶ cluster metadata ▶ partitions, epochs raised ▶ groups, transactions ▶ serving ▶ tasks
 */

import { resolve } from 'node:path';
import type { Cleanable } from '../compaction/cleanable.ts';
import type { ControlStatus } from '../protocol/control/messages.ts';
import type { LogDirectory } from '../storage/directory/log-directory.ts';
import { outsideClock, turn } from '../storage/environment/clock.ts';
import type { Environment } from '../storage/environment/environment.ts';
import type { FileSystem } from '../storage/environment/files.ts';
import type { Log } from '../storage/log/log.ts';
import { allHandlers } from './apis/index.ts';
import { servedApis } from './apis/served-apis.ts';
import type { Compactions } from './cleaning/compactions.ts';
import type { CleanerStatus } from './cleaning/log-cleaner.ts';
import { type Cleaning, openCleaning } from './cleaning/open-cleaning.ts';
import { followBrokerConfigs } from './config/follow-cluster.ts';
import { LoggerLevels, type LogLevel } from './config/logger-levels.ts';
import { ConfigRules } from './config/rules.ts';
import type { Configuration } from './config/settings.ts';
import { cleanerToMessage } from './control/control-messages.ts';
import { type ControlFolder, ControlServer } from './control/control-server.ts';
import { GroupCoordinator } from './groups/group-coordinator.ts';
import { startTasks } from './housekeeping/tasks.ts';
import type { HttpPort } from './http/http-port.ts';
import type { HttpParts } from './http/open-http.ts';
import { LateLookups } from './lookup/late-lookups.ts';
import type { Lookups, ServedLookups } from './lookup/lookup.ts';
import { openLookupListener } from './lookup/open-listener.ts';
import type { LookupDoor } from './lookup/rpc-door.ts';
import { type OpenedCluster, openCluster } from './metadata/open-cluster.ts';
import {
  type BoundNetwork,
  bindPorts,
  bootstrapServers,
  registeredEndpoints,
} from './network/configured-network.ts';
import { Dispatch } from './network/dispatch.ts';
import { hostAndPort } from './network/hosts.ts';
import type { BoundListener } from './network/network.ts';
import type { BrokerHook } from './network/request-hook.ts';
import type { Endpoint, Transport } from './network/transport.ts';
import { Gaps } from './observe/gaps.ts';
import { leveledLogger } from './observe/leveled-logger.ts';
import type { Logger } from './observe/logger.ts';
import { reportStart } from './observe/start-report.ts';
import { openLogs, startErrorOf, takeDirectory } from './open-directory.ts';
import { FetchSessions } from './partitions/fetch-sessions.ts';
import type { Partitions } from './partitions/partitions.ts';
import type { Services } from './services.ts';
import { takeSnapshot } from './snapshots/take-snapshot.ts';
import { ProducerIds } from './transactions/producer-ids.ts';
import { TransactionCoordinator } from './transactions/transaction-coordinator.ts';
import { UndoList } from './undo-list.ts';
import { version } from './version.ts';

export interface BrokerParts {
  readonly environment: Environment;
  readonly transport: Transport;
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly logLevel?: LogLevel;
  /** Where the data is; absolute, or a made-up name in memory. Left out: what the configuration says. */
  readonly directory?: string;
  /** What is to happen in the directory when it is ours, before anything in it is read. */
  readonly prepareDirectory?: (directory: string) => void;
  /** Called when nothing is left open, also after a start that failed. */
  readonly afterwards?: () => void;
  /** For a directory that is new. Left out: a random one. */
  readonly clusterId?: string;
  readonly processId: number;
  /** Listens on the control socket. */
  readonly control?: ControlParts;
  readonly hook?: BrokerHook | null;
  /** Serves HTTP, unless `kompakt.http.enable` is false. */
  readonly http?: HttpParts;
}

export interface ControlParts {
  /** What `kompakt stop` calls. */
  stop(): void;
  /** No other process sees the data directory. */
  readonly isInMemory: boolean;
  readonly folder: ControlFolder | null;
}

export interface RunningBroker {
  readonly directory: string;
  readonly clusterId: string;
  readonly nodeId: number;
  /** host:port of the first listener, as a client of this machine would write it. */
  readonly bootstrapServers: string;
  readonly listeners: readonly BoundListener[];
  /** Compaction for whoever asks. */
  readonly compactions: Compactions;
  /** Keys of compacted topics. */
  readonly lookups: Lookups;
  /** Where lookups are answered over TCP, as bound; null: nowhere. */
  readonly lookupEndpoint: Endpoint | null;
  /** Null: no HTTP. */
  readonly httpUrl: string | null;
  cleanerStatus(): CleanerStatus;
  /** The state of now, for another broker, in an empty directory. */
  snapshot(files: FileSystem, directory: string): Promise<void>;
  /** What of a log may be cleaned now, and whether a pass is under way. */
  cleanable(log: Log): { readonly cleanable: Cleanable; readonly isBusy: boolean };
  /** Calls back whenever a log has left the cleaner's hands. */
  onCleanerIdle(listener: () => void): () => void;
  /** What stands behind the APIs, for a program that has the broker inside itself. */
  readonly services: Services;
  status(): ControlStatus;
  /** What clients asked for, or the configuration, and this broker has not. */
  readonly gaps: Gaps;
  /** Closes everything; resolves when nothing is left open. Idempotent. */
  stop(): Promise<void>;
}

/** Starts a broker; throws a StartError, with nothing left open, when it cannot. */
export async function runBroker(parts: BrokerParts): Promise<RunningBroker> {
  const undo = new UndoList();
  if (parts.afterwards) undo.push(parts.afterwards);
  try {
    return await start(parts, undo);
  } catch (error) {
    // What fails now fails because of the first error, which is the one to tell.
    await undo.run().catch(() => {});
    throw startErrorOf(error);
  }
}

async function start(parts: BrokerParts, undo: UndoList): Promise<RunningBroker> {
  const { environment, configuration } = parts;
  const { settings } = configuration;
  const startedMs = outsideClock(environment.clock).monotonicMs();
  const loggerLevels = new LoggerLevels(parts.logLevel);
  const logger = leveledLogger(parts.logger, loggerLevels, 'kompakt');
  const directory = parts.directory ?? resolve(configuration.dataDirectory);
  const keepsKafkaOut = takeDirectory(environment, directory, parts.processId, undo);
  parts.prepareDirectory?.(directory);
  // Opened when all is ready; closed after everything else, so that `kompakt stop` can wait for it.
  let control: ControlServer | null = null;
  undo.push(async () => control?.close());

  const net = await bindPorts({
    transport: parts.transport,
    clock: outsideClock(environment.clock),
    configuration,
    logger: logger.named('network'),
  });
  undo.push(() => net.network.stop());
  const cluster = await openCluster({
    environment,
    directory,
    nodeId: configuration.staticTexts.has('node.id') ? settings['node.id'] : null,
    ...(parts.clusterId === undefined ? {} : { clusterId: parts.clusterId }),
    settings,
    rules: new ConfigRules(configuration),
    endpoints: registeredEndpoints(net),
    logger: logger.named('metadata'),
  });
  undo.push(async () => void (await cluster.close()));
  configuration.adoptNodeId(cluster.state.nodeId);
  undo.push(followBrokerConfigs(configuration, cluster.state));
  const { logDirectory, partitions } = await openLogs(
    parts,
    directory,
    cluster,
    logger.named('storage'),
    undo,
  );
  const groups = await openGroups(parts, cluster, partitions, logger.named('groups'), undo);
  const producerIds = new ProducerIds(cluster.controller);
  const transactions = new TransactionCoordinator({
    environment,
    settings,
    cluster: cluster.state,
    metadata: cluster.controller,
    partitions,
    groups,
    producerIds,
    logger: logger.named('transactions'),
  });
  undo.push(() => transactions.close());
  await transactions.start();

  const services: Services = {
    environment,
    settings,
    configuration,
    loggerLevels,
    logger,
    gaps: new Gaps(environment.clock, configuration),
    apis: servedApis(allHandlers),
    cluster: cluster.state,
    metadata: cluster.controller,
    advertised: net.advertised,
    partitions,
    logDirectory,
    fetchSessions: new FetchSessions(
      environment,
      cluster.state,
      () => settings['max.incremental.fetch.session.cache.slots'],
    ),
    groups,
    producerIds,
    transactions,
  };
  serve(parts, net, services, undo);
  const cleaning = openCleaning({
    environment,
    configuration,
    cluster: cluster.state,
    partitions,
    logDirectory,
    logger: logger.named('cleaner'),
  });
  undo.push(() => cleaning.stop());
  const { ranges } = cleaning.cleaner;
  const lookups = new LateLookups({
    ...services,
    ranges,
    logger: logger.named('lookup'),
    wasStoppedClean: logDirectory.cleanShutdown !== null,
  });
  undo.push(() => lookups.stop());
  const door = {
    lookups,
    callBytesMax: settings['socket.request.max.bytes'],
    logger: logger.named('lookup'),
  };
  const lookupListener = await openLookupListener({ ...parts, ...door, settings });
  undo.push(async () => lookupListener?.close());
  const lookupEndpoint = lookupListener?.local ?? null;
  startTasks({ environment, settings, logDirectory, cleaner: cleaning.cleaner, logger }, undo);
  const http = await openHttp(parts, services, lookups, undo);
  reportStart({ configuration, listeners: net.listeners, keepsKafkaOut, logger });
  const broker = runningBroker(
    parts,
    {
      directory,
      net,
      cluster,
      logDirectory,
      cleaning,
      lookups,
      lookupEndpoint,
      http,
      services,
      startedMs,
    },
    undo,
  );
  control = await openControl(parts, broker, door, logger);
  return broker;
}

async function openGroups(
  { environment, configuration: { settings } }: BrokerParts,
  { state, controller }: OpenedCluster,
  partitions: Partitions,
  logger: Logger,
  undo: UndoList,
): Promise<GroupCoordinator> {
  const groups = new GroupCoordinator({
    environment,
    settings,
    cluster: state,
    metadata: controller,
    partitions,
    logger,
  });
  undo.push(() => groups.close());
  await groups.start();
  return groups;
}

function serve(parts: BrokerParts, net: BoundNetwork, services: Services, undo: UndoList): void {
  const { settings } = parts.configuration;
  const dispatch = new Dispatch({
    handlers: allHandlers,
    services,
    logger: services.logger.named('requests'),
    log: net.log,
    counts: net.counts,
    requestElementsMax: settings['kompakt.request.elements.max'],
    responseBytesMax: settings['kompakt.response.max.bytes'],
    fetchCacheBytesMax: settings['kompakt.fetch.cache.max.bytes'],
    hook: parts.hook ?? null,
    onClient: (caller) => services.groups.clientConnected(caller),
  });
  // A second time, so that nobody asks for anything while the rest closes.
  undo.push(() => net.network.stop().finally(() => dispatch.close()));
  net.network.serve(dispatch);
}

interface Opened {
  readonly directory: string;
  readonly net: BoundNetwork;
  readonly cluster: OpenedCluster;
  readonly logDirectory: LogDirectory;
  readonly cleaning: Cleaning;
  readonly lookups: Lookups;
  readonly lookupEndpoint: Endpoint | null;
  readonly http: HttpPort | null;
  readonly services: Services;
  readonly startedMs: number;
}

function runningBroker(parts: BrokerParts, opened: Opened, undo: UndoList): RunningBroker {
  const { directory, net, cluster, logDirectory, cleaning, lookups, lookupEndpoint, http, startedMs } =
    opened;
  const { clusterId, nodeId } = cluster.state;
  return {
    directory,
    compactions: cleaning.compactions,
    lookups,
    lookupEndpoint,
    gaps: opened.services.gaps,
    httpUrl: http?.url ?? null,
    cleanerStatus: () => cleaning.cleaner.status,
    cleanable: (log) => {
      return { cleanable: cleaning.cleaner.look(log).cleanable, isBusy: cleaning.cleaner.isBusyWith(log) };
    },
    snapshot: (files, target) => takeSnapshot({ ...opened, files: parts.environment.files }, files, target),
    onCleanerIdle: (listener) => cleaning.cleaner.onIdle(listener),
    services: opened.services,
    clusterId,
    nodeId,
    listeners: net.listeners,
    bootstrapServers: bootstrapServers(parts.configuration, net.listeners),
    status: () => ({
      version,
      pid: parts.processId,
      uptimeMs: outsideClock(parts.environment.clock).monotonicMs() - startedMs,
      dataDirectory: parts.control?.isInMemory ? '' : directory,
      clusterId,
      nodeId,
      listeners: boundAddresses(net),
      httpUrl: http?.url ?? '',
      lookupAddress: lookupEndpoint === null ? '' : hostAndPort(lookupEndpoint.host, lookupEndpoint.port),
      topics: cluster.state.topicCount,
      partitions: cluster.state.partitionCount(),
      connections: net.network.connectionCount,
      requests: net.counts.requests,
      unforeseenErrors: net.counts.unforeseenErrors,
      offline: logDirectory.isOffline,
      cleaner: cleanerToMessage(cleaning.cleaner.status),
    }),
    stop: () => undo.run(),
  };
}

/** Last, and loaded only here, so that a broker serves Kafka's clients no later for it. */
async function openHttp(
  { http }: BrokerParts,
  services: Services,
  lookups: ServedLookups,
  undo: UndoList,
): Promise<HttpPort | null> {
  if (http === undefined || !services.settings['kompakt.http.enable']) return null;
  // Clients that wait already are answered before another 6 ms of code are loaded: accepted, read and answered, a turn each.
  for (let turns = 0; turns < 3; turns++) await turn(outsideClock(services.environment.clock));
  const { openHttp: open } = await import('./http/open-http.ts');
  const port = await open(http, services, lookups);
  undo.push(async () => port?.close());
  return port;
}

async function openControl(
  { environment, transport, processId, control }: BrokerParts,
  broker: RunningBroker,
  lookup: LookupDoor,
  logger: Logger,
): Promise<ControlServer | null> {
  if (control === undefined) return null;
  return ControlServer.open({
    environment,
    transport,
    processId,
    directory: control.isInMemory ? null : broker.directory,
    folder: control.folder,
    listeners: broker.status().listeners,
    lookup,
    logger: logger.named('control'),
    actions: {
      status: () => broker.status(),
      gaps: broker.gaps,
      stop: () => control.stop(),
      compactions: broker.compactions,
    },
  });
}

function boundAddresses({ listeners }: BoundNetwork): string[] {
  return listeners.flatMap(({ endpoints }) => endpoints.map(({ host, port }) => hostAndPort(host, port)));
}
