/**
 * One life of an embedded broker, from a start or a reset to the next reset or the stop. What it was made of stays the same over all of
 * them; data, state, and the configuration that clients change are its own.
 */

import { resolve } from 'node:path';
import { partitionDirectoryName } from '../../storage/directory/partition-directories.ts';
import { wipeDirectory } from '../../storage/directory/wipe-directory.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { type BrokerParts, type RunningBroker, runBroker } from '../broker.ts';
import type { Configuration } from '../config/settings.ts';
import { defaultEnvironment } from '../default-environment.ts';
import type { HttpTransport } from '../http/http-transport.ts';
import { clusterMetadataTopic } from '../metadata/topic-names.ts';
import type { Transport } from '../network/transport.ts';
import { silentLogger } from '../observe/logger.ts';
import type { EmbeddedClock } from './broker-clock.ts';
import type { BrokerOptions } from './broker-options.ts';
import type { FetchWitness } from './fetch-witness.ts';
import { beginWith, planFork } from './forks.ts';
import type { TestDoor } from './test-door.ts';

/** In memory a directory has a name too; nobody sees it. */
const memoryDirectory = '/kompakt-data';

export interface WorldParts {
  /** What the first world is given; each later one begins with the same. */
  readonly configuration: Configuration;
  /** No directory is given for the data: in memory, or, where it begins on a disk, in a temporary one there. */
  readonly isPlaceless: boolean;
  readonly options: Pick<BrokerOptions, 'environment' | 'from' | 'logger'>;
  readonly transport: Transport;
  readonly http: HttpTransport | null;
  readonly door: TestDoor;
  readonly witness: FetchWitness;
  readonly clock: EmbeddedClock;
  /** Of a broker that has the process to itself. */
  readonly process?: ProcessParts;
}

export type ProcessParts = Pick<BrokerParts, 'logLevel' | 'control'>;

/** Throws an OptionError or a StartError, with nothing left open. */
export function firstWorld(parts: WorldParts): Promise<RunningBroker> {
  return start(parts, parts.configuration, {});
}

/** A new one in the place of one that has stopped: in its directory, which is emptied, and under its cluster id. */
export function nextWorld(parts: WorldParts, { clusterId }: RunningBroker): Promise<RunningBroker> {
  const configuration = parts.configuration.anew();
  const { from, environment: given } = parts.options;
  // Nobody holds files in memory any more, and a temporary directory went with its world.
  if (parts.isPlaceless && (given === undefined || from !== undefined))
    return start(parts, configuration, { clusterId });
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
  const { options, transport, http, door, witness, isPlaceless } = parts;
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
      return door.control.hook(request, services);
    },
    ...parts.process,
    ...(http === null ? {} : { http: { transport: http, test: door } }),
    ...(isPlaceless ? { directory: memoryDirectory } : {}),
    ...(from === undefined || beginning.prepareDirectory
      ? {}
      : planFork(from, environment, isPlaceless ? null : resolve(configuration.dataDirectory))),
    ...beginning,
  });
}

function environmentOf(
  { options, clock, isPlaceless }: WorldParts,
  { settings }: Configuration,
): Environment {
  // What is on a disk goes on there.
  const inMemory = isPlaceless && typeof options.from !== 'string';
  return options.environment ?? defaultEnvironment(settings, inMemory, clock.virtual ?? undefined);
}
