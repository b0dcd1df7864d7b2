/**
 * The one line in which everything that changes a log stands: appends, rolls, truncation, closing. While one of them waits
 * (for the thread pool, for a sync), those that come later wait behind it, so that offsets, sequence checks and rolls are
 * decided on what is really there.
 *
 * An idle queue runs work at once and returns its result as it is: an append to the page cache needs no promise. Where the
 * policy asks for a sync before an acknowledgement, work is over once it is committed; all that has queued up during one
 * commit is started together before the next (group commit).
 */

/** When work that was started may be answered. */
export interface Commit {
  /** Whether something was started that must be committed first. */
  isDue(): boolean;
  /** Resolves when all that was started is committed, or never will be; does not reject. */
  run(): Promise<void>;
}

/** A piece of work as an object: an append is one, and makes no functions. */
export interface Work<T> {
  start(): T | Promise<T>;
  /** Turns the result into the answer, once it is committed. */
  finish(result: T): T;
}

interface Waiting {
  readonly work: Work<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

interface Started {
  readonly waiting: Waiting;
  readonly result: unknown;
}

/** No group is larger: an acknowledgement should not wait for a whole flood. */
const groupMax = 1000;

export class AppendQueue {
  readonly #commit: Commit;
  #busy = false;
  #waiting: Waiting[] = [];

  constructor(commit: Commit) {
    this.#commit = commit;
  }

  /** False while something is under way: what is run now will have to wait. */
  get isIdle(): boolean {
    return !this.#busy;
  }

  /**
   * Runs `start` in its turn; `finish` makes the answer of its result once that is committed. A promise is returned only
   * if something had to be waited for. Work that `start` or `finish` runs in this queue waits its turn too.
   */
  run<T>(start: () => T | Promise<T>, finish: (result: T) => T = (result) => result): T | Promise<T> {
    return this.runWork({ start, finish });
  }

  /** The same for work that is an object. */
  runWork<T>(work: Work<T>): T | Promise<T> {
    if (this.#busy) {
      return new Promise<T>((resolve, reject) => {
        this.#waiting.push({ work, resolve, reject } as Waiting);
      });
    }
    this.#busy = true;
    let waits = false;
    try {
      const result = work.start();
      if (result instanceof Promise || this.#commit.isDue()) {
        waits = true;
        return new Promise<T>((resolve, reject) => {
          void this.#afterwards(result, { work, resolve, reject } as Waiting);
        });
      }
      return work.finish(result);
    } finally {
      if (!waits) this.#leave();
    }
  }

  /** Answers first, then lets the next ones in: answers come in the order of the calls. */
  async #afterwards(started: unknown, waiting: Waiting): Promise<void> {
    try {
      const result = await started;
      if (this.#commit.isDue()) await this.#commit.run();
      answer(waiting, result);
    } catch (error) {
      waiting.reject(error);
    }
    this.#leave();
  }

  /** Lets the next ones in. */
  #leave(): void {
    if (this.#waiting.length === 0) this.#busy = false;
    else void this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = await this.#startGroup();
      if (this.#commit.isDue()) await this.#commit.run();
      for (const { waiting, result } of group) answer(waiting, result);
    }
    this.#busy = false;
  }

  /** Starts what waits, up to the first slow one; returns what must be committed before it is answered. */
  async #startGroup(): Promise<Started[]> {
    const group: Started[] = [];
    let slow = false;
    while (this.#waiting.length > 0 && group.length < groupMax && !slow) {
      const waiting = this.#waiting.shift()!;
      try {
        let result = waiting.work.start();
        if (result instanceof Promise) {
          slow = true;
          result = await result;
        }
        if (this.#commit.isDue()) group.push({ waiting, result });
        else answer(waiting, result);
      } catch (error) {
        waiting.reject(error);
      }
    }
    return group;
  }
}

function answer({ work, resolve, reject }: Waiting, result: unknown): void {
  try {
    resolve(work.finish(result));
  } catch (error) {
    reject(error);
  }
}
