import { resolve, sep } from 'node:path';
import { FileError } from '../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import { createNodeEnvironment } from '../../storage/environment/node.ts';
import type { RunningBroker } from '../broker.ts';
import { checkText } from '../options/check-options.ts';
import { OptionError } from '../options/option-error.ts';
import { checkEmpty } from '../snapshots/fork.ts';
import { Snapshot } from '../snapshots/snapshot.ts';
import { SnapshotFailed } from '../snapshots/take-snapshot.ts';

/** What a snapshot needs of whatever runs at the moment. */
type Source = Pick<RunningBroker, 'snapshot' | 'directory' | 'services'>;

export async function snapshotInDirectory(broker: Source, directory: string): Promise<void> {
  checkText('directory', directory);
  const target = resolve(directory);
  const own = broker.services.environment.files;
  const files = own instanceof MemoryFileSystem ? createNodeEnvironment().files : own;
  if (files === own && `${target}${sep}`.startsWith(`${broker.directory}${sep}`))
    throw new OptionError('directory', `directory: ${target} lies in the data directory itself`);
  checkEmpty(files, target, 'directory');
  try {
    await broker.snapshot(files, target);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new SnapshotFailed(`there is no snapshot in ${target}: ${error.message}`, { cause: error });
  }
}

export async function snapshotInMemory(broker: Source, clock: { nowMs(): number }): Promise<Snapshot> {
  if (!(broker.services.environment.files instanceof MemoryFileSystem))
    throw new OptionError('directory', 'directory: a broker with files on a disk needs one for its snapshot');
  const files = new MemoryFileSystem({ clock });
  const snapshot = new Snapshot(files);
  await broker.snapshot(files, snapshot.directory);
  return snapshot;
}
