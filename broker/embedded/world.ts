/**
 * One life of an embedded broker, from a start or a reset to the next reset or the stop. What it was made of stays the same over all of
 * them; data, state, and the configuration that clients change are its own.
 */

import { resolve } from 'node:path';
import { partitionDirectoryName } from '../../storage/directory/partition-directories.ts';
import { wipeDirectory } from '../../storage/directory/wipe-directory.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { type RunningBroker, runBroker } from '../broker.ts';
import type { Configuration } from '../config/settings.ts';
import { defaultEnvironment } from '../default-environment.ts';
import type { TestControl } from '../faults/test-control.ts';
import type { HttpTransport } from '../http/http-transport.ts';
import { clusterMetadataTopic } from '../metadata/topic-names.ts';
import type { Transport } from '../network/transport.ts';
import { silentLogger } from '../observe/logger.ts';
import type { EmbeddedClock } from './broker-clock.ts';
import { type BrokerOptions, configurationOf, isInMemory } from './broker-options.ts';
import type { FetchWitness } from './fetch-witness.ts';
import { beginWith, planFork } from './forks.ts';

/** In memory a directory has a name too; nobody sees it. */
const memoryDirectory = '/kompakt-data';

export interface WorldParts {
  readonly options: BrokerOptions;
  readonly transport: Transport;
  readonly http: HttpTransport | null;
  readonly control: TestControl;
  readonly witness: FetchWitness;
  readonly clock: EmbeddedClock;
}

/** Throws an OptionError or a StartError, with nothing left open. */
export function firstWorld(parts: WorldParts): Promise<RunningBroker> {
  return start(parts, configurationOf(parts.options), {});
}

/** A new one in the place of one that has stopped: in its directory, which is emptied, and under its cluster id. */
export function nextWorld(parts: WorldParts, { clusterId }: RunningBroker): Promise<RunningBroker> {
  const configuration = configurationOf(parts.options);
  // Files in memory that nobody holds any more need no emptying.
  if (isInMemory(configuration) && parts.options.environment === undefined)
    return start(parts, configuration, { clusterId });
  const { from } = parts.options;
  if (from !== undefined && isInMemory(configuration)) return start(parts, configuration, { clusterId });
  const environment = environmentOf(parts, configuration);
  const metadataDirectory = partitionDirectoryName(clusterMetadataTopic, 0);
  const prepareDirectory = (directory: string): void => {
    wipeDirectory(environment, directory, metadataDirectory);
    if (from !== undefined) beginWith(from, environment, directory, true);
  };
  return start({ ...parts, options: { ...parts.options, environment } }, configuration, {
    clusterId,
    prepareDirectory,
  });
}

interface Beginning {
  readonly clusterId?: string;
  readonly prepareDirectory?: (directory: string) => void;
}

async function start(
  parts: WorldParts,
  configuration: Configuration,
  beginning: Beginning,
): Promise<RunningBroker> {
  const { options, transport, http, control, witness } = parts;
  const environment = environmentOf(parts, configuration);
  const { from } = options;
  return runBroker({
    configuration,
    environment,
    transport,
    logger: options.logger ?? silentLogger,
    processId: process.pid,
    hook: (request, services) => {
      witness.saw(request);
      return control.hook(request, services);
    },
    ...(http === null ? {} : { http: { transport: http, testControl: control } }),
    ...(isInMemory(configuration) ? { directory: memoryDirectory } : {}),
    ...(from === undefined || beginning.prepareDirectory
      ? {}
      : planFork(from, environment, directoryOf(configuration))),
    ...beginning,
  });
}

function environmentOf({ options, clock }: WorldParts, configuration: Configuration): Environment {
  const { settings } = configuration;
  // What is on a disk goes on there.
  const inMemory = isInMemory(configuration) && typeof options.from !== 'string';
  return options.environment ?? defaultEnvironment(settings, inMemory, clock.virtual ?? undefined);
}

/** Null: nowhere in particular. */
function directoryOf(configuration: Configuration): string | null {
  return isInMemory(configuration) ? null : resolve(configuration.dataDirectory);
}
