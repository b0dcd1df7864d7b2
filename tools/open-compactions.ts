/**
 * Whoever can compact and explain what a command means: a running broker, over its control socket, or else this process on the directory
 * itself, under its lock (offline-compactions.ts, loaded only then).
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { OfflineDirectory } from '../broker/offline.ts';
import { type ControlClient, ControlError } from './control-client.ts';
import { type BrokerChoice, brokerIn, defaultDataDirectory, findBroker, otherPlaces } from './find-broker.ts';

/** `properties` and `set` count where no broker is running: one that is has its own. */
export interface DirectoryChoice extends BrokerChoice {
  readonly properties?: string;
  readonly set?: readonly string[];
}

export interface OpenCompactions {
  readonly compactions: Pick<OfflineDirectory['compactions'], 'receipts' | 'explanations'>;
  /** The directory that is worked on without a broker; null: there is one. */
  readonly offlineDirectory: string | null;
  close(): Promise<void>;
}

/** Rejects with a ControlError that says why nobody can; so does what it gives. */
export async function openCompactions(choice: DirectoryChoice): Promise<OpenCompactions> {
  const { dataDir, bootstrap, properties, set = [] } = choice;
  const hasSettings = properties !== undefined || set.length > 0;
  if (bootstrap !== undefined) {
    if (hasSettings) throw new ControlError('--properties and --set are for a directory without a broker');
    return running(await findBroker(choice));
  }
  // Settings may say where the data is.
  if (!hasSettings) {
    const client = await brokerIn(resolve(dataDir ?? defaultDataDirectory));
    if (client !== null) return running(client);
  }
  const { offlineConfiguration, openOfflineCompactions } = await import('./offline-compactions.ts');
  const { configuration, directory } = offlineConfiguration(choice);
  const client = await brokerIn(directory);
  if (client !== null) return running(client);
  if (dataDir === undefined && !existsSync(directory))
    throw new ControlError(`no broker is running on ${directory}, which is not there; ${otherPlaces}`);
  return openOfflineCompactions(configuration, directory);
}

function running(client: ControlClient): OpenCompactions {
  return { compactions: client, offlineDirectory: null, close: async () => client.close() };
}
