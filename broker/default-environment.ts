/** The real environment for a broker with these settings: on the disk, or in memory under a limit. */
import { totalmem } from 'node:os';
import { GiB } from '../storage/config/define.ts';
import type { Clock } from '../storage/environment/clock.ts';
import type { Environment } from '../storage/environment/environment.ts';
import { createMemoryEnvironment, createNodeEnvironment, nodeClock } from '../storage/environment/node.ts';
import type { BrokerSettings } from './config/settings.ts';
import { clusterMetadataTopic } from './metadata/topic-names.ts';

const memoryLimitOption = 'kompakt.memory.limit.bytes';

/** `clock`: left out, real time. */
export function defaultEnvironment(
  settings: BrokerSettings,
  isInMemory: boolean,
  clock: Clock = nodeClock,
): Environment {
  if (!isInMemory) return onDisk(settings['kompakt.open.files.max'], clock);
  const given = settings[memoryLimitOption];
  const memoryLimitBytes =
    given >= 0 ? given : memoryLimitDefault(totalmem(), process.constrainedMemory?.() ?? 0);
  return createMemoryEnvironment({ memoryLimitBytes, limitOption: memoryLimitOption, isBulk, clock });
}

/** Fewer than some files at a time would be opened and closed within one request. */
const openFilesMin = 16;

function onDisk(openFilesMax: number, clock: Clock): Environment {
  return createNodeEnvironment(
    openFilesMax < 0 ? { clock } : { clock, openFilesMax: Math.max(openFilesMin, openFilesMax) },
  );
}

/**
 * A quarter of what this process may use, 1 GiB at most. `constrainedBytes` is a container's limit; without one Node gives
 * 0, or a number beyond any memory.
 */
export function memoryLimitDefault(machineBytes: number, constrainedBytes: number): number {
  const isConstrained = constrainedBytes > 0 && constrainedBytes < machineBytes;
  return Math.min(GiB, Math.floor((isConstrained ? constrainedBytes : machineBytes) / 4));
}

/** Records of topics. That one of these was deleted is a record too, but of the metadata. */
function isBulk(path: string): boolean {
  return /\.log(\.cleaned)?$/.test(path) && !path.includes(`/${clusterMetadataTopic}-`);
}
