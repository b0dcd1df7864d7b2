/**
 * The logs of deleted partitions on their way out: their files are closed and their directories renamed. A topic of ten thousand
 * partitions takes half a second for that, so no more is done in one turn of the event loop than some milliseconds. To everybody else they are
 * gone before (Log.markDeleted). A process that dies in between leaves directories which the next start takes away: the metadata
 * says that their topic was deleted.
 */
import { type Clock, outsideClock, turn } from '../environment/clock.ts';
import type { Environment } from '../environment/environment.ts';
import { FileError } from '../environment/files.ts';
import type { Log } from '../log/log.ts';
import type { LogLogger } from '../log/log-types.ts';
import type { DeletedDirectories } from './deleted-directories.ts';

const turnMs = 5;

export class LeavingLogs {
  readonly #deletions: DeletedDirectories;
  readonly #logger: LogLogger;
  readonly #clock: Clock;
  /** By name. */
  readonly #waiting = new Map<string, Log>();
  /** Renames that are not durable yet, or wait for a file to be sent (Windows). */
  readonly #renaming = new Set<Promise<void>>();
  /** In this turn of the event loop. */
  #spentMs = 0;
  #isScheduled = false;

  constructor(environment: Environment, deletions: DeletedDirectories, logger: LogLogger) {
    this.#clock = environment.clock;
    this.#deletions = deletions;
    this.#logger = logger;
  }

  /** `log` is marked as deleted. */
  add(log: Log): void {
    this.#waiting.set(log.name, log);
    this.#takeSome();
  }

  /** The name is wanted for another log, now. */
  makeRoomFor(name: string): void {
    const log = this.#waiting.get(name);
    if (log !== undefined) this.#take(log);
  }

  /** Resolves when all are gone. */
  async settled(): Promise<void> {
    while (this.#waiting.size > 0) await turn(this.#clock);
    await Promise.all(this.#renaming);
  }

  #takeSome(): void {
    const watch = outsideClock(this.#clock);
    for (const log of this.#waiting.values()) {
      if (this.#spentMs >= turnMs) break;
      const startMs = watch.monotonicMs();
      this.#take(log);
      this.#spentMs += watch.monotonicMs() - startMs;
    }
    if (this.#isScheduled || this.#spentMs === 0) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#spentMs = 0;
      this.#takeSome();
    });
  }

  #take(log: Log): void {
    this.#waiting.delete(log.name);
    log.letGo();
    const renaming = this.#deletions.delete(log.topic, log.partition).catch((error) => {
      if (!(error instanceof FileError)) throw error;
      const fields = { log: log.name, error: error.message };
      this.#logger.error('cannot take away the directory of a deleted partition', fields);
    });
    this.#renaming.add(renaming);
    void renaming.then(() => this.#renaming.delete(renaming));
  }
}
