/** The real environment for a broker with these settings: on the disk, or in memory under a limit. */
import { totalmem } from 'node:os';
import { GiB } from '../storage/config/define.ts';
import type { Environment } from '../storage/environment/environment.ts';
import { createMemoryEnvironment, createNodeEnvironment } from '../storage/environment/node.ts';
import type { BrokerSettings } from './config/settings.ts';

const memoryLimitOption = 'kompakt.memory.limit.bytes';

export function defaultEnvironment(settings: BrokerSettings, isInMemory: boolean): Environment {
  if (!isInMemory) return createNodeEnvironment({ openFilesMax: settings['kompakt.open.files.max'] });
  const given = settings[memoryLimitOption];
  const memoryLimitBytes = given >= 0 ? given : Math.min(GiB, Math.floor(availableBytes() / 4));
  return createMemoryEnvironment({ memoryLimitBytes, limitOption: memoryLimitOption });
}

/** What this process may use: a container's limit where there is one. */
function availableBytes(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  // Without a limit Node gives 0, or a number beyond any memory.
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}
