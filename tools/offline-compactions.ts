/** Compaction by this process, on a directory that no broker has. */
import { resolve } from 'node:path';
import type { Configuration } from '../broker/config/settings.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import { CompactionRefused } from '../broker/index.ts';
import { silentLogger } from '../broker/observe/logger.ts';
import { openOffline } from '../broker/offline.ts';
import { StartError } from '../broker/start-error.ts';
import { FileError } from '../storage/environment/files.ts';
import { ControlError } from './control-client.ts';
import { configurationOf } from './given-settings.ts';
import type { DirectoryChoice, OpenCompactions } from './open-compactions.ts';

export function offlineConfiguration({ dataDir, properties, set }: DirectoryChoice): {
  configuration: Configuration;
  directory: string;
} {
  const configuration = configurationOf({
    http: false,
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(properties === undefined ? {} : { properties }),
    ...(set === undefined ? {} : { set }),
  });
  if (typeof configuration === 'string') throw new ControlError(configuration);
  return { configuration, directory: resolve(configuration.dataDirectory) };
}

export async function openOfflineCompactions(
  configuration: Configuration,
  directory: string,
): Promise<OpenCompactions> {
  // The broker's timers and threads keep no process alive.
  const alive = setInterval(() => {}, 60_000);
  try {
    const { compactions, stop } = await openOffline({
      environment: defaultEnvironment(configuration.settings, false),
      configuration,
      logger: silentLogger,
      directory,
      processId: process.pid,
    });
    return {
      compactions: {
        receipts: (topic, options) => inOneLine(compactions.receipts(topic, options)),
        explanations: (topic, key, options) => inOneLine(compactions.explanations(topic, key, options)),
      },
      offlineDirectory: directory,
      close: () => stop().finally(() => clearInterval(alive)),
    };
  } catch (error) {
    clearInterval(alive);
    throw error instanceof StartError ? new ControlError(error.message, { cause: error }) : error;
  }
}

/** What a running broker would refuse, or tell of its disk, as its client would say it. */
async function* inOneLine<T>(values: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* values;
  } catch (error) {
    if (!(error instanceof CompactionRefused || error instanceof FileError)) throw error;
    throw new ControlError(error.message, { cause: error });
  }
}
