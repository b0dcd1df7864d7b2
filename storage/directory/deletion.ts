import type { Clock, Timer } from '../environment/clock.ts';
import { FileError, type FileSystem } from '../environment/files.ts';
import type { LogLogger } from '../log/log-types.ts';
import { sidelinedDirectoryName } from './partition-directories.ts';

/**
 * Takes the directories of deleted partitions out of the way: renamed to `-delete` at once, so that a topic of the same
 * name can be made again, and removed after `file.delete.delay.ms`, file by file on the thread pool. A start finds those
 * that were left and queues them again.
 */
export class Deletions {
  readonly #files: FileSystem;
  readonly #clock: Clock;
  readonly #logger: LogLogger;
  readonly #dataDirectory: string;
  readonly #randomBytes: (count: number) => Buffer;
  readonly #timers = new Set<Timer>();
  #isStopped = false;

  constructor(options: {
    readonly files: FileSystem;
    readonly clock: Clock;
    readonly logger: LogLogger;
    readonly dataDirectory: string;
    readonly randomBytes: (count: number) => Buffer;
  }) {
    this.#files = options.files;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#dataDirectory = options.dataDirectory;
    this.#randomBytes = options.randomBytes;
  }

  /** The directory of a partition whose files are closed: it is removed `delayMs` from now. */
  delete(name: string, topic: string, partition: number, delayMs: number): void {
    const target = sidelinedDirectoryName('delete', topic, partition, this.#randomBytes);
    this.#rename(name, target, delayMs);
  }

  /** A `-delete` directory that an earlier process has left. */
  queue(name: string, delayMs: number): void {
    this.#later(delayMs, () => void this.#remove(name));
  }

  /** Nothing more is removed; the next start goes on. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #rename(name: string, target: string, delayMs: number): void {
    try {
      this.#files.renameSync(this.#path(name), this.#path(target));
      this.queue(target, delayMs);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (error.code === 'ENOENT') return; // it never had a directory, or somebody else removed it
      if (error.code === 'EBUSY') this.#later(busyRetryMs, () => this.#rename(name, target, delayMs));
      else
        this.#logger.warn('cannot take away the directory of a deleted partition', {
          name,
          error: error.message,
        });
    }
  }

  async #remove(name: string): Promise<void> {
    try {
      for (const file of this.#files.listSync(this.#path(name))) {
        if (this.#isStopped) return;
        await this.#files.removeFile(this.#files.join(this.#path(name), file));
      }
      this.#files.removeTreeSync(this.#path(name));
      this.#logger.info('removed the directory of a deleted partition', { name });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.#logger.warn('cannot remove the directory of a deleted partition', { name, error: error.message });
    }
  }

  #later(delayMs: number, work: () => void): void {
    if (this.#isStopped) return;
    const timer = this.#clock.schedule(delayMs, () => {
      this.#timers.delete(timer);
      work();
    });
    this.#timers.add(timer);
  }

  #path(name: string): string {
    return this.#files.join(this.#dataDirectory, name);
  }
}

/** Windows: a file of it is still being sent. */
const busyRetryMs = 1000;
