/**
 * Partition directories on their way out. A deleted partition's directory is renamed at once, durably, so that the
 * topic may come back under its name; what is in it goes after `file.delete.delay.ms`, file by file on the thread pool, and one
 * directory after the other: a thousand partitions of a topic are due in the same moment.
 * A process that dies in between leaves `-delete` directories, which the next start queues again.
 *
 *     orders-3  →  orders-3.<32 hex>-delete  →  nothing
 */

import { delay, outsideClock, type Timer } from '../environment/clock.ts';
import type { Environment } from '../environment/environment.ts';
import { FileError } from '../environment/files.ts';
import {
  parsePartitionDirectory,
  partitionDirectoryName,
  sidelinedDirectoryName,
} from './partition-directories.ts';

export interface DeletedDirectoriesOptions {
  readonly environment: Environment;
  /** The data directory. */
  readonly directory: string;
  /** file.delete.delay.ms, asked at every deletion. */
  readonly delayMs: () => number;
  /** A removal failed and will be tried again after another delay. */
  readonly onError: (path: string, error: FileError) => void;
}

/** Windows keeps a directory under its name while a file in it is being read: tried again so often, so far apart. */
const renameAttemptsMax = 200;
const renamePauseMs = 50;

export class DeletedDirectories {
  readonly #options: DeletedDirectoriesOptions;
  readonly #timers = new Set<Timer>();
  /** The removal that all later ones wait for. */
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: DeletedDirectoriesOptions) {
    this.#options = options;
  }

  /** Resolves when the partition's name is free, durably. No error if it has no directory. */
  async delete(topic: string, partition: number): Promise<void> {
    const { environment, directory } = this.#options;
    const { files } = environment;
    const { path, target } = this.#pathsOf(topic, partition);
    if (files.statSync(path) === null) return;
    await this.#rename(path, target);
    await files.syncDirectory(directory);
    this.#schedule(target);
  }

  /** The same for one that is there and nobody uses, at a start: the next one would do it again. */
  deleteSync(topic: string, partition: number): void {
    const { path, target } = this.#pathsOf(topic, partition);
    this.#options.environment.files.renameSync(path, target);
    this.#schedule(target);
  }

  /** Queues what an earlier process left; returns how many. */
  resume(): number {
    const { environment, directory } = this.#options;
    const left = environment.files
      .listSync(directory)
      .filter((name) => parsePartitionDirectory(name)?.kind === 'delete');
    for (const name of left) this.#schedule(environment.files.join(directory, name));
    return left.length;
  }

  /** Starts no further removal; what is left waits for the next start. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #pathsOf(topic: string, partition: number): { readonly path: string; readonly target: string } {
    const { environment, directory } = this.#options;
    const { files, random } = environment;
    const name = sidelinedDirectoryName('delete', topic, partition, (count) => random.bytes(count));
    const path = files.join(directory, partitionDirectoryName(topic, partition));
    return { path, target: files.join(directory, name) };
  }

  async #rename(from: string, to: string): Promise<void> {
    const { files, clock } = this.#options.environment;
    for (let attempt = 1; ; attempt++) {
      try {
        return files.renameSync(from, to);
      } catch (error) {
        const isBusy = error instanceof FileError && error.code === 'EBUSY';
        if (!isBusy || attempt === renameAttemptsMax) throw error;
      }
      await delay(outsideClock(clock), renamePauseMs);
    }
  }

  #schedule(path: string): void {
    if (this.#isClosed) return;
    const timer = this.#options.environment.clock.schedule(this.#options.delayMs(), () => {
      this.#timers.delete(timer);
      this.#last = this.#last.then(() => this.#remove(path));
    });
    this.#timers.add(timer);
  }

  async #remove(path: string): Promise<void> {
    const { files } = this.#options.environment;
    if (this.#isClosed) return;
    try {
      for (const name of files.listSync(path)) {
        if (this.#isClosed) return;
        const inside = files.join(path, name);
        if (files.statSync(inside)?.kind === 'file') await files.removeFile(inside);
      }
      files.removeTreeSync(path);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      // Someone was quicker.
      if (error.code === 'ENOENT') return;
      this.#options.onError(path, error);
      this.#schedule(path);
    }
  }
}
