/** What `kompakt graduate` and `kompakt adopt` have in common: a directory that nobody runs, looked at under its lock. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Configuration } from '../broker/config/settings.ts';
import { defaultEnvironment } from '../broker/default-environment.ts';
import { type CheckedDirectory, lookAtDirectory } from '../broker/moving.ts';
import { checkpointFiles, OffsetCheckpoint } from '../storage/directory/offset-checkpoint.ts';
import { ControlError } from './control-client.ts';
import { type Copied, copyDirectory } from './copy-directory.ts';

/** What `use` gives, while nobody else can have the directory. */
export function underLock<Result>(
  configuration: Configuration,
  directory: string,
  use: (checked: CheckedDirectory) => Result,
  clusterId?: string,
): Promise<Result> {
  const environment = defaultEnvironment(configuration.settings, false);
  const processId = process.pid;
  return lookAtDirectory({ environment, configuration, directory, processId, clusterId }, use);
}

/** Where a copy may go: a directory that is empty or not there, and not inside the other one. */
export function copyTarget(directory: string, to: string): string {
  const target = resolve(to);
  const way = relative(directory, target);
  if (!way.startsWith('..') && !isAbsolute(way))
    throw new ControlError(`--to ${to} lies in ${directory} itself: name a place beside it`);
  if (existsSync(target) && !(statSync(target).isDirectory() && readdirSync(target).length === 0))
    throw new ControlError(`--to ${to} is there already and is not an empty directory`);
  return target;
}

export function copyOf(
  { directory, wasStoppedClean }: CheckedDirectory,
  configuration: Configuration,
  target: string,
): Copied {
  const { files } = defaultEnvironment(configuration.settings, false);
  const points = new OffsetCheckpoint(files, directory, checkpointFiles.recoveryPoint).read();
  const wasThere = existsSync(target);
  try {
    return copyDirectory(directory, target, (name) => (wasStoppedClean ? Infinity : (points.get(name) ?? 0)));
  } catch (error) {
    // `copyTarget` found nothing in it.
    if (!wasThere) rmSync(target, { recursive: true, force: true });
    else for (const name of readdirSync(target)) rmSync(join(target, name), { recursive: true, force: true });
    throw new ControlError(`${directory} could not be copied to ${target}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** What was looked at, in one line. */
export function summaryOf({ directory, state, partitions, clusterId, nodeId }: CheckedDirectory): string {
  const sum = (of: (each: (typeof partitions)[number]) => number) =>
    partitions.reduce((all, each) => all + of(each), 0);
  const megabytes = (sum(({ bytes }) => bytes) / 1e6).toFixed(1);
  return `${directory}: cluster ${clusterId}, node ${nodeId}, ${state.topicCount} topics, ${partitions.length} partitions; ${sum(({ segments }) => segments)} segments, ${sum(({ batches }) => batches)} batches, ${megabytes} MB looked at`;
}
