/**
 * Making the names in a directory of a disk durable.
 *
 * Who asks while a sync of the same directory is under way waits for the next one, together with everybody else who does:
 * it begins after all of them have asked, and so covers what each has changed. A thousand partitions written to for the
 * first time are a thousand new names in one data directory.
 *
 *     sync 1   |-------------|                a asks, then b and c while it runs
 *     sync 2                 |-------------|  for b and c
 *
 * A sync that fails fails those that wait behind it too: their names may be among those that were lost, and the system
 * tells of that only once.
 */
import path from 'node:path';
import type { SystemCalls } from './system-calls.ts';
import { awaited, awaitedCount, called, fileErrorFrom, systemCode } from './system-calls.ts';

/** Codes with which a file system says that it has no use for the sync of a directory. */
const refusals: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EBADF']);

export class DirectorySyncs {
  readonly #calls: SystemCalls;
  readonly #running = new Map<string, Promise<void>>();
  /** Begin when the one that runs has ended. */
  readonly #next = new Map<string, Promise<void>>();

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  sync(name: string): Promise<void> {
    const directory = path.resolve(name);
    const waiting = this.#next.get(directory);
    if (waiting !== undefined) return waiting;
    const running = this.#running.get(directory);
    if (running === undefined) return this.#start(directory);
    const next = running.finally(() => this.#next.delete(directory)).then(() => this.#start(directory));
    this.#next.set(directory, next);
    return next;
  }

  syncSync(name: string): void {
    const descriptor = called(name, 'sync', () => this.#calls.openSync(name, this.#calls.constants.O_RDONLY));
    try {
      this.#calls.fsyncSync(descriptor);
    } catch (error) {
      if (!refusals.has(systemCode(error))) throw fileErrorFrom(error, name, 'sync');
    } finally {
      this.#calls.closeSync(descriptor);
    }
  }

  #start(directory: string): Promise<void> {
    const sync = this.#syncNow(directory).finally(() => this.#running.delete(directory));
    this.#running.set(directory, sync);
    return sync;
  }

  async #syncNow(name: string): Promise<void> {
    const calls = this.#calls;
    const descriptor = await awaitedCount(name, 'sync', (done) =>
      calls.open(name, calls.constants.O_RDONLY, 0, done),
    );
    try {
      await awaited(name, 'sync', (done) => {
        calls.fsync(descriptor, (error) => done(refusals.has(systemCode(error)) ? null : error));
      });
    } finally {
      await awaited(name, 'close', (done) => calls.close(descriptor, done));
    }
  }
}
