import { turn } from '../storage/environment/clock.ts';
import type { Environment } from '../storage/environment/environment.ts';
import { CleanAborted, type CleanJob, type CleanResult } from './clean-job.ts';
import { cleanLog } from './cleaner.ts';
import type { CleanerThread, CleanOptions } from './cleaner-thread.ts';
import type { Kernel } from './kernel.ts';

/** Passes on the caller's own loop, which gets a turn after each chunk: for files in memory, and where there is no worker. */
export class InProcessCleaner implements CleanerThread {
  readonly runsIn = 'process';
  readonly #environment: Environment;
  readonly #createKernel: () => Kernel;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(environment: Environment, createKernel: () => Kernel) {
    this.#environment = environment;
    this.#createKernel = createKernel;
  }

  clean(job: CleanJob, options: CleanOptions = {}): Promise<CleanResult> {
    const pass = this.#last.then(() => this.#run(job, options));
    this.#last = pass.catch(() => {});
    return pass;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
  }

  async #run(job: CleanJob, { signal, onProgress }: CleanOptions): Promise<CleanResult> {
    const isAborted = () => this.#isClosed || signal?.aborted === true;
    if (isAborted()) throw new CleanAborted();
    return cleanLog(job, {
      ...this.#environment,
      createKernel: this.#createKernel,
      isAborted,
      ...(onProgress ? { onProgress } : {}),
      giveWay: () => turn(this.#environment.clock),
    });
  }
}
