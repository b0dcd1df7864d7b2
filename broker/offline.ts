/**
 * Compaction of a data directory that no broker has: the directory is opened as a start opens it, under its lock, and closed as a stop
 * does. Nothing listens, and nothing happens of itself: no retention, no pass that nobody asked for, no group is loaded, so that settings
 * which only the broker's own start knows cannot cost a record.
 */
import { metaPropertiesFile } from '../storage/directory/meta-properties.ts';
import type { Environment } from '../storage/environment/environment.ts';
import type { Compactions } from './cleaning/compactions.ts';
import { openCleaning } from './cleaning/open-cleaning.ts';
import { followBrokerConfigs } from './config/follow-cluster.ts';
import { ConfigRules } from './config/rules.ts';
import type { Configuration } from './config/settings.ts';
import { openCluster } from './metadata/open-cluster.ts';
import { isWildcard } from './network/hosts.ts';
import type { Logger } from './observe/logger.ts';
import { openLogs, startErrorOf, takeDirectory } from './open-directory.ts';
import { StartError } from './start-error.ts';
import { UndoList } from './undo-list.ts';

export interface OfflineParts {
  readonly environment: Environment;
  readonly configuration: Configuration;
  readonly logger: Logger;
  /** Absolute. */
  readonly directory: string;
  readonly processId: number;
}

export interface OfflineDirectory {
  readonly compactions: Compactions;
  /** Closes everything; resolves when nothing is left open. Idempotent. */
  stop(): Promise<void>;
}

/** Throws a StartError, with nothing left open, when somebody has the directory, or there is none. */
export async function openOffline(parts: OfflineParts): Promise<OfflineDirectory> {
  const undo = new UndoList();
  try {
    return await open(parts, undo);
  } catch (error) {
    await undo.run().catch(() => {});
    throw startErrorOf(error);
  }
}

async function open(parts: OfflineParts, undo: UndoList): Promise<OfflineDirectory> {
  const { environment, configuration, logger } = parts;
  const { cluster, logDirectory, partitions } = await openUnserved(parts, undo);
  const cleaning = openCleaning({
    environment,
    configuration,
    cluster: cluster.state,
    partitions,
    logDirectory,
    logger,
    onlyWhenAsked: true,
  });
  undo.push(() => cleaning.stop());
  return { compactions: cleaning.compactions, stop: () => undo.run() };
}

/** The directory under its lock, its metadata and all its logs, open as a start opens them; `undo` closes it as a clean stop does. */
export async function openUnserved(parts: OfflineParts, undo: UndoList) {
  const { environment, configuration, logger, directory, processId } = parts;
  const { settings } = configuration;
  const { files } = environment;
  const isEmpty = files.statSync(directory) === null || files.listSync(directory).length === 0;
  if (isEmpty) throw new StartError(`no broker is running on ${directory}, and there is no data in it`);
  takeDirectory(environment, directory, processId, undo, (message, reason) =>
    reason.startsWith('held') ? `${message}, and has no control socket to ask it by` : message,
  );
  if (files.statSync(files.join(directory, metaPropertiesFile)) === null)
    throw new StartError(`${directory} has no ${metaPropertiesFile}: there is no data in it`);
  const cluster = await openCluster({
    environment,
    directory,
    nodeId: configuration.staticTexts.has('node.id') ? settings['node.id'] : null,
    settings,
    rules: new ConfigRules(configuration),
    endpoints: configuredEndpoints(configuration),
    logger,
  });
  undo.push(async () => void (await cluster.close()));
  configuration.adoptNodeId(cluster.state.nodeId);
  undo.push(followBrokerConfigs(configuration, cluster.state));
  return { cluster, ...(await openLogs(parts, directory, cluster, logger, undo)) };
}

/** Where the broker of the next start will be, as far as the configuration tells: its registration wants to be a whole one. */
function configuredEndpoints({ listeners }: Configuration) {
  const plaintext = 0;
  return listeners.open.map(({ name, host, port }) => ({
    name,
    host: host === null || isWildcard(host) ? 'localhost' : host,
    port,
    securityProtocol: plaintext,
  }));
}
